//! The one store, and each process's own view of it, in which calls take time and fail.

mod appender;
mod doubt;
mod extents;
mod lie;
mod listing;
mod records;

use std::sync::Arc;

use futures::FutureExt;
use orlop_backend::memory::{MemoryExtents, MemoryRecords};
use orlop_backend::{Entropy, Environment, ErrorKind, RandomId, Result};

pub(crate) use self::doubt::doubtful;
pub use self::lie::Lie;
pub(crate) use self::lie::lying;
use crate::stage::{Process, Stage, StageClock};

/// The store itself, in which nothing fails.
pub(crate) fn new_store(stage: &Arc<Stage>) -> Environment {
    let clock = StageClock::new(stage, None);
    let entropy = Arc::new(DiceOf(stage.clone()));
    Environment {
        extents: Arc::new(MemoryExtents::new(clock.clone())),
        records: Arc::new(MemoryRecords::new(clock.clone(), entropy.clone())),
        clock,
        entropy,
    }
}

/// The store as a process sees it.
pub(crate) fn view(store: &Environment, stage: &Arc<Stage>, process: &Arc<Process>) -> Environment {
    let seen = || Seen { stage: stage.clone(), process: process.clone() };
    Environment {
        extents: Arc::new(extents::View { inner: store.extents.clone(), seen: seen() }),
        records: Arc::new(records::View { inner: store.records.clone(), seen: seen() }),
        clock: StageClock::new(stage, Some(process)),
        entropy: store.entropy.clone(),
    }
}

/// Who sees the store, and what goes wrong on the way.
#[derive(Clone, Debug)]
struct Seen {
    stage: Arc<Stage>,
    process: Arc<Process>,
}

impl Seen {
    /// Waits for a call to arrive that changes nothing.
    async fn look(&self, what: impl Fn() -> String) -> Result<()> {
        self.stage.arrive(&self.process, false, what).await
    }

    /// Says that a change failed, and makes it later.
    fn send_late<T>(
        &self,
        what: impl Fn() -> String,
        request: impl Future<Output = Result<String>> + Send + 'static,
    ) -> Result<T> {
        let stage = self.stage.clone();
        let request = async move {
            let arrived = request.await;
            stage.note("late", || match arrived {
                Ok(what) => what,
                Err(error) => error.to_string(),
            });
        };
        self.stage.send_late(request.boxed());
        Err(self.stage.fault(&self.process, ErrorKind::Unavailable, &what, "comes late"))
    }

    fn note(&self, what: impl FnOnce() -> String) {
        self.stage.note(&self.process.name, what);
    }
}

#[derive(Debug)]
struct DiceOf(Arc<Stage>);

impl Entropy for DiceOf {
    fn random_id(&self) -> Result<RandomId> {
        self.0.dice.random_id()
    }
}
