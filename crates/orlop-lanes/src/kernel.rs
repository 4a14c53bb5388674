//! What hashes blocks: the best that this processor has.

use sha2::block_api::compress256;

use crate::lane::{Block, State};
#[cfg(target_arch = "x86_64")]
use crate::x86::ShaNi;

/// A way to hash the blocks of several streams.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kernel {
    /// One stream after the other, each as fast as one can be.
    Portable,
    /// Side by side.
    #[cfg(target_arch = "x86_64")]
    ShaNi(ShaNi),
}

impl Kernel {
    /// The best that this processor has.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(sha_ni) = ShaNi::detect() {
            return Self::ShaNi(sha_ni);
        }
        Self::Portable
    }

    /// Hashes blocks into states, the first run into the first state and so on. All runs are
    /// equally long.
    pub(crate) fn compress<const N: usize>(self, states: [&mut State; N], runs: [&[Block]; N]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi(sha_ni) if N > 1 => sha_ni.compress(states, runs),
            // No kernel has a single stream faster.
            _ => {
                for (state, blocks) in states.into_iter().zip(runs) {
                    compress256(state, blocks);
                }
            }
        }
    }
}
