//! How a scrub goes about it.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{ScrubCheckpoint, Source};
use crate::Threads;
use crate::options::LEASE;

/// How a scrub goes about it. None of it matters for safety.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // options are built with `..Default::default()`
pub struct ScrubOptions {
    /// Whether a blob whose bytes are wrong or gone is taken out of service: it is answered as not
    /// there, so that clients push it again, which heals every repository that has it. What is
    /// left of it stays where it is until then.
    pub quarantine: bool,
    /// Where to get what is damaged, if anywhere: it is verified and put in its place.
    pub source: Option<Arc<dyn Source>>,
    /// How long something may be on its way: what is younger, and whose other half is not there
    /// yet, is no damage. As in [`CollectOptions::lease`](crate::CollectOptions::lease).
    pub lease: Duration,
    /// How many things are looked at at the same time. Each takes the memory of a record, or of
    /// a piece of a blob.
    pub at_once: usize,
    /// Where blobs are hashed, several at once on each thread. Without them the task that scrubs
    /// hashes, and so uses one core. All of them are busy if [`ScrubOptions::at_once`] is some six
    /// times their number.
    pub threads: Option<Arc<dyn Threads>>,
    /// Where an earlier run was when it ended; it goes on from there.
    pub from: Option<ScrubCheckpoint>,
}

impl Default for ScrubOptions {
    fn default() -> Self {
        Self {
            quarantine: false,
            source: None,
            lease: LEASE,
            at_once: 4,
            threads: None,
            from: None,
        }
    }
}

/// Watches a scrub, and slows it down by taking its time to answer.
#[async_trait]
pub trait ScrubObserver: Debug + Send + Sync {
    /// Called after each record and each piece of a blob that was read, also from several at once.
    async fn on_progress(&self, progress: &ScrubProgress);

    /// Called whenever a later run could go on from here. Who stores the checkpoint, now and
    /// then, can have a scrub of weeks that survives any crash.
    async fn on_checkpoint(&self, checkpoint: &ScrubCheckpoint);
}

/// Nobody watches.
#[async_trait]
impl ScrubObserver for () {
    async fn on_progress(&self, _progress: &ScrubProgress) {}

    async fn on_checkpoint(&self, _checkpoint: &ScrubCheckpoint) {}
}

/// How far a scrub is. What an earlier run did that it goes on from is in it, but for
/// [`ScrubProgress::read`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrubProgress {
    /// Records and markers that were looked at.
    pub records: u64,
    /// Bytes of blobs that were read.
    pub bytes: u64,
    /// How many there were at the beginning, and a little more: what is garbage is not read.
    pub bytes_expected: u64,
    /// Bytes of records and blobs that this run has read: a pace is kept by it.
    pub read: u64,
    /// How much is damaged.
    pub damaged: u64,
}
