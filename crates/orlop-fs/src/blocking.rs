//! Where work on files is done: on a thread that may wait, or here and now.

use std::io;

use orlop_backend::{Error, ErrorKind, Result};
use tokio::task::JoinHandle;

use crate::pool::may_wait;
use crate::volume::io_kind;

/// Whether work may wait for a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It must not: it gives up instead, with an error that says so.
    Never,
    /// As long as it takes.
    Long,
}

/// Runs file system work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    if may_wait() {
        return work();
    }
    ended(tokio::task::spawn_blocking(work)).await
}

/// Waits for work that was handed to a thread.
pub(crate) async fn ended<T>(work: JoinHandle<Result<T>>) -> Result<T> {
    match work.await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => {
                let message = "the runtime stopped before the work was done";
                Err(Error::new(ErrorKind::Unavailable, message).with_source(error))
            }
        },
    }
}

/// Runs work that reads here and now if everything is in memory, and else where it may block.
pub(crate) async fn reading<T: Send + 'static>(
    mut work: impl FnMut(Wait) -> Result<T> + Send + 'static,
) -> Result<T> {
    if may_wait() {
        return work(Wait::Long);
    }
    tokio::task::consume_budget().await; // a loop of such reads lets others run now and then
    match work(Wait::Never) {
        Err(error) if is_would_wait(&error) => blocking(move || work(Wait::Long)).await,
        done => done,
    }
}

fn is_would_wait(error: &Error) -> bool {
    io_kind(error) == Some(io::ErrorKind::WouldBlock)
}
