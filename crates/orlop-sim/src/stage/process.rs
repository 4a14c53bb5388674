//! A server process.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use super::Stage;

/// A server process, as far as the stage knows it.
#[derive(Debug, Default)]
pub(crate) struct Process {
    /// Its place and its life: `p1.2`.
    pub(crate) name: String,
    is_dead: AtomicBool,
    /// Until when it sleeps.
    pub(super) sleeps_until: AtomicU64,
    /// How far its clock goes ahead, in milliseconds.
    pub(super) skew: AtomicI64,
}

impl Process {
    pub(crate) fn new(place: usize, life: usize) -> Self {
        Self { name: format!("p{place}.{life}"), ..Self::default() }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    pub(crate) fn die(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
    }
}

impl Stage {
    /// A process goes to sleep, for up to hours.
    pub(crate) fn stall(&self, process: &Process) {
        let length = self.dice.spread(1000, STALL_MAX);
        process.sleeps_until.store(self.now() + length, Ordering::Relaxed);
        self.count(|counts| counts.faults += 1);
        self.note(&process.name, || format!("sleeps for {} s", length / 1000));
    }
}

/// Three hours: three leases.
const STALL_MAX: u64 = 3 * 3_600_000;
