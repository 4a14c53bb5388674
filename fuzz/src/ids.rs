//! Randomness that is the same in every run, so that a finding can be repeated.

use std::sync::atomic::{AtomicU64, Ordering};

use orlop::backend::{Entropy, RandomId, Result};

/// Ids that nobody guesses and that never come twice.
#[derive(Debug, Default)]
pub struct Ids(AtomicU64);

impl Entropy for Ids {
    fn random_id(&self) -> Result<RandomId> {
        let count = u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1;
        let odd = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835; // so that no two products are the same
        Ok(RandomId::from_bits(count.wrapping_mul(odd)))
    }
}
