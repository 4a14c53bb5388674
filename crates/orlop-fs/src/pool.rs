//! The threads on which operations run, where they may wait for a medium.
//!
//! An operation that waits for the journal leaves its thread to others. So few threads have many
//! operations under way, one of them flushes for all, and nobody is woken for each: to wake a thread of
//! a virtual machine costs as much as to make a file.
//!
//! Few run at a time. Whoever is about to wait for longer than a file takes steps [`aside`], and
//! another one runs meanwhile. In case somebody waits without having known it, one of those that have
//! nothing to do looks now and then whether the others go on, and helps them.

mod operation;
#[cfg(test)]
mod tests;
mod threads;

use std::any::Any;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures::FutureExt;
use futures::channel::oneshot;
use orlop_backend::{Error, ErrorKind, Result};

use self::operation::Operation;
use self::threads::Threads;
pub(crate) use self::threads::{aside, may_wait};

/// The threads of a store. They begin when there is something to do, and end when nothing was for a
/// while.
#[derive(Debug)]
pub(crate) struct Pool(Arc<Threads>);

impl Pool {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Threads::new()))
    }

    /// Runs an operation to its end, even if the caller does not wait for it. Fails only if it was
    /// not run.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        operation: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        let (tell, told) = oneshot::channel::<Result<T, Box<dyn Any + Send>>>();
        let telling = async move {
            let _ = tell.send(AssertUnwindSafe(operation).catch_unwind().await); // if anybody waits
        };
        Operation::begin(self.0.clone(), Box::pin(telling));
        match told.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(oneshot::Canceled) => {
                let message = "the operation was not run: no thread could be started";
                Err(Error::new(ErrorKind::Unavailable, message))
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.close();
    }
}
