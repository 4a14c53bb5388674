//! What happened in the schedules that were run.

use std::fmt;
use std::ops::AddAssign;

/// What happened in a schedule, or in many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Schedules that were run to their end.
    pub schedules: u64,
    /// Things that happened one after the other: calls, deaths, late requests, the turns of clients.
    pub steps: u64,
    /// Calls to the store.
    pub calls: u64,
    /// Pushes of manifests that were acknowledged.
    pub pushes: u64,
    /// Manifests that were pulled with all their blobs.
    pub pulls: u64,
    /// Deletes of manifests, tags and blobs that were acknowledged.
    pub deletes: u64,
    /// Collections that came to their end.
    pub collections: u64,
    /// Audits that came to their end.
    pub audits: u64,
    /// Scrubs that came to their end.
    pub scrubs: u64,
    /// Faults that were injected: calls that failed or came late, stalls, jumps of a clock, full
    /// disks, clients that hung up. Deaths are not among them.
    pub faults: u64,
    /// Processes that died.
    pub deaths: u64,
    /// How often all that there is was compared with what clients were told.
    pub checks: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.steps += other.steps;
        self.calls += other.calls;
        self.pushes += other.pushes;
        self.pulls += other.pulls;
        self.deletes += other.deletes;
        self.collections += other.collections;
        self.audits += other.audits;
        self.scrubs += other.scrubs;
        self.faults += other.faults;
        self.deaths += other.deaths;
        self.checks += other.checks;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} schedules, {} steps, {} calls, {} pushes, {} pulls, {} deletes, {} collections, \
             {} audits, {} scrubs, {} faults, {} deaths, {} checks",
            self.schedules,
            self.steps,
            self.calls,
            self.pushes,
            self.pulls,
            self.deletes,
            self.collections,
            self.audits,
            self.scrubs,
            self.faults,
            self.deaths,
            self.checks,
        )
    }
}
