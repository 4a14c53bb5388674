//! Threads on which hashes are computed.

use orlop::Threads;

/// So many of the threads that tokio has for work that blocks.
#[derive(Debug)]
pub(crate) struct Blocking(pub(crate) usize);

impl Threads for Blocking {
    fn count(&self) -> usize {
        self.0
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        tokio::task::spawn_blocking(work);
    }
}
