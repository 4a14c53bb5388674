//! Threads of the embedder.

use std::fmt::Debug;

/// Threads on which work is done that keeps a processor busy. The engine has none of its own.
///
/// ```
/// use orlop_engine::Threads;
///
/// /// The threads that tokio has for work that blocks.
/// #[derive(Debug)]
/// struct Blocking {
///     cores: usize, // `std::thread::available_parallelism()`, asked once: it reads files
/// }
///
/// impl Threads for Blocking {
///     fn count(&self) -> usize {
///         self.cores
///     }
///
///     fn run(&self, work: Box<dyn FnOnce() + Send>) {
///         tokio::task::spawn_blocking(work);
///     }
/// }
/// ```
pub trait Threads: Debug + Send + Sync {
    /// How much work may be done at the same time: as a rule, the number of cores. Asked for each
    /// piece of work.
    fn count(&self) -> usize;

    /// Has the work done, and does not wait for it. Work that is dropped instead is done by who
    /// waits for it.
    fn run(&self, work: Box<dyn FnOnce() + Send>);
}
