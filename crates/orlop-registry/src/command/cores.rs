//! All cores of the machine, for work that keeps them busy.

use std::num::NonZero;
use std::thread::available_parallelism;

use orlop::Threads;

/// As many of tokio's threads for work that blocks as there are cores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores;

impl Threads for Cores {
    fn count(&self) -> usize {
        available_parallelism().map_or(1, NonZero::get)
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        tokio::task::spawn_blocking(work);
    }
}
