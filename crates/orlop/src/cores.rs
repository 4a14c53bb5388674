//! The cores of the machine, for work that keeps them busy.

use std::num::NonZero;
use std::sync::LazyLock;
use std::thread::available_parallelism;

use orlop_engine::Threads;

/// [`Threads`] for who uses tokio: as many of those that it has for work that blocks as there are
/// cores, or fewer.
///
/// Whatever they are given to must be used within a tokio runtime.
///
/// ```
/// use std::sync::Arc;
///
/// use orlop::{Cores, Environment, Options, Registry};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let options = Options { threads: Some(Arc::new(Cores::all())), ..Options::default() };
/// let registry = Registry::open(Environment::memory(), options).await?;
/// # Ok::<(), orlop::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    count: usize,
}

impl Cores {
    /// All that this process may use.
    pub fn all() -> Self {
        Self { count: *ALL }
    }

    /// So many.
    pub fn new(count: usize) -> Self {
        Self { count }
    }
}

impl Threads for Cores {
    fn count(&self) -> usize {
        self.count
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        tokio::task::spawn_blocking(work);
    }
}

/// Asked once: the answer is read from files.
static ALL: LazyLock<usize> = LazyLock::new(|| available_parallelism().map_or(1, NonZero::get));
