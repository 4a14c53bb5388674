//! What the clocks say.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use orlop_backend::Clock;

use super::{Process, Stage};

/// The clock of a process, or of the store.
#[derive(Debug)]
pub(crate) struct StageClock {
    stage: Arc<Stage>,
    /// Whose it is; the store's without.
    process: Option<Arc<Process>>,
}

impl StageClock {
    pub(crate) fn new(stage: &Arc<Stage>, process: Option<&Arc<Process>>) -> Arc<Self> {
        Arc::new(Self { stage: stage.clone(), process: process.cloned() })
    }
}

impl Clock for StageClock {
    fn now(&self) -> SystemTime {
        match &self.process {
            Some(process) => self.stage.time_of_day(&process.skew),
            None => self.stage.now_of_store(),
        }
    }
}

impl Stage {
    /// What the store's clock says.
    pub(crate) fn now_of_store(&self) -> SystemTime {
        self.time_of_day(&self.store_skew)
    }

    fn time_of_day(&self, skew: &AtomicI64) -> SystemTime {
        let skew = skew.load(Ordering::Relaxed);
        let since = Duration::from_millis(skew.unsigned_abs());
        let time = SystemTime::UNIX_EPOCH + BEGINNING + Duration::from_millis(self.now());
        if skew < 0 { time - since } else { time + since }
    }

    /// A clock jumps: that of a process, or without one that of the store.
    pub(crate) fn jump(&self, process: Option<&Process>) {
        let skew: &AtomicI64 = process.map_or(&self.store_skew, |process| &process.skew);
        let far = i64::try_from(self.dice.spread(1000, JUMP_MAX)).unwrap_or(0);
        let to = match self.dice.throw(3) {
            0 => far,
            1 => -far,
            _ => 0, // somebody set it right
        };
        skew.store(to, Ordering::Relaxed);
        self.count(|counts| counts.faults += 1);
        let name = process.map_or("store", |process| &process.name);
        self.note(name, || format!("its clock is {} s off now", to / 1000));
    }
}

/// Some day in 2023, in which a clock can go back.
const BEGINNING: Duration = Duration::from_secs(1_700_000_000);

/// Three days.
const JUMP_MAX: u64 = 3 * 86_400_000;
