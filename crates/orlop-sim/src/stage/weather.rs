//! What becomes of a call.

use std::sync::atomic::Ordering;

use orlop_backend::{Error, ErrorKind, Result};

use super::{Process, Stage};

/// What becomes of a change that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is made, and its caller is told.
    Made,
    /// It is made, and its caller is told that nobody knows.
    Lost,
    /// The same, and it is made later.
    Late,
}

impl Stage {
    /// Waits for a call to arrive; fails if it does not.
    pub(crate) async fn arrive(
        &self,
        process: &Process,
        needs_room: bool,
        what: impl Fn() -> String,
    ) -> Result<()> {
        self.latency(process).await;
        self.count(|counts| counts.calls += 1);
        let now = self.now();
        if needs_room && now < self.full_until.load(Ordering::Relaxed) {
            return Err(self.fault(process, ErrorKind::Full, &what, "the disk is full"));
        }
        let is_throttled = now < self.throttled_until.load(Ordering::Relaxed);
        if is_throttled && !self.dice.one_in(4) {
            return Err(self.fault(process, ErrorKind::Unavailable, &what, "throttled"));
        }
        if self.dice.one_in(self.plan.faults.refused) {
            return Err(self.fault(process, ErrorKind::Unavailable, &what, "not reached"));
        }
        Ok(())
    }

    /// What becomes of a change that arrives.
    pub(crate) fn fate(&self) -> Fate {
        let faults = &self.plan.faults;
        if self.dice.one_in(faults.lost) {
            Fate::Lost
        } else if self.dice.one_in(faults.late) {
            Fate::Late
        } else {
            Fate::Made
        }
    }

    /// The answer to a change, as its caller gets it.
    pub(crate) fn answer<T>(
        &self,
        process: &Process,
        fate: Fate,
        answer: Result<T>,
        what: impl Fn() -> String,
    ) -> Result<T> {
        if fate == Fate::Lost {
            return Err(self.fault(process, ErrorKind::Unavailable, &what, "made, answer lost"));
        }
        answer
    }

    /// A failure that was injected.
    pub(crate) fn fault(
        &self,
        process: &Process,
        kind: ErrorKind,
        what: &impl Fn() -> String,
        why: &str,
    ) -> Error {
        self.count(|counts| counts.faults += 1);
        self.note(&process.name, || format!("{}: [{why}]", what()));
        Error::new(kind, why)
    }

    /// The disk is full for a while.
    pub(crate) fn fill_disk(&self) {
        let length = self.dice.spread(100, BAD_MAX);
        self.full_until.store(self.now() + length, Ordering::Relaxed);
        self.count(|counts| counts.faults += 1);
        self.note("store", || format!("the disk is full for {length} ms"));
    }

    /// The store refuses most calls for a while.
    pub(crate) fn throttle(&self) {
        let length = self.dice.spread(100, BAD_MAX);
        self.throttled_until.store(self.now() + length, Ordering::Relaxed);
        self.count(|counts| counts.faults += 1);
        self.note("store", || format!("refuses most calls for {length} ms"));
    }
}

/// A minute.
const BAD_MAX: u64 = 60_000;
