//! Hashing what several streams bring, side by side.
//!
//! One stream leaves half of what a core can hash unused, and only other streams can use it
//! (`orlop-lanes`). So a stream that is not the only one puts its bytes into a queue and lets
//! others run for a moment, who may do the same. Whoever runs first after that takes what is
//! waiting, hashes it, and hands it back. Nobody waits for bytes that are not there yet: where
//! there is nobody else to run, the moment is over at once.
//!
//! Where there are [`Threads`], these hash what is waiting, and a stream goes on at once: its next
//! bytes come in while those before are hashed, and where it has a thread for itself they wait there
//! already when it is done. It is never further ahead than that.
//!
//! The state of a hash is copied into the queue. Whoever is dropped takes his bytes out with him,
//! and if he has taken others' bytes, these hash them themselves.

mod queue;
mod source;
mod stream;
#[cfg(test)]
mod tests;
mod threads;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use orlop_oci::Hasher;

use self::queue::Queue;
pub(crate) use self::stream::Stream;
pub use self::threads::Threads;

/// Where streams meet.
#[derive(Debug, Default)]
pub(crate) struct Hashing {
    queue: Arc<Queue>,
    streams: AtomicUsize,
    /// Who hashes; without them, the streams do it themselves.
    threads: Option<Arc<dyn Threads>>,
}

impl Hashing {
    /// One where `threads` hash.
    pub(crate) fn on(threads: Option<Arc<dyn Threads>>) -> Self {
        Self { threads, ..Self::default() }
    }

    /// Whether threads hash, which may wait for a file as well: the task that brings bytes must not.
    pub(crate) fn has_threads(&self) -> bool {
        self.threads.is_some()
    }

    /// A stream that goes on where `hasher` is.
    pub(crate) fn stream(self: &Arc<Self>, hasher: Hasher) -> Stream {
        Stream::new(self.clone(), hasher)
    }
}
