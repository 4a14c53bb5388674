//! All cores of the machine, for work that keeps them busy.

use std::num::NonZero;
use std::sync::LazyLock;
use std::thread::available_parallelism;

use orlop::Threads;

/// As many of tokio's threads for work that blocks as there are cores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores;

impl Threads for Cores {
    fn count(&self) -> usize {
        *COUNT
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        tokio::task::spawn_blocking(work);
    }
}

/// Asked once: the answer is read from files.
static COUNT: LazyLock<usize> = LazyLock::new(|| available_parallelism().map_or(1, NonZero::get));
