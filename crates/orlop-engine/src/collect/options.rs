//! How a collection goes about it.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use super::Collected;
use crate::options::LEASE;

/// How a collection goes about it. None of it matters for safety.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // options are built with `..Default::default()`
pub struct CollectOptions {
    /// How long something stays to which nothing refers, after somebody was told that it is there.
    /// With less than [`Options::lease`](crate::Options::lease), pushes that are under way may have
    /// to send something again.
    pub lease: Duration,
    /// How long an upload stays, or another act that was begun, if nobody goes on with it: a push
    /// of a manifest, a delete, a tag that is set. After that it fails when it wakes up.
    pub upload_idle: Duration,
    /// Whether manifests go that have no tag, and after how long: `None` keeps them. One that an
    /// index names stays as long as the index, and one whose subject is there as long as that.
    /// Its time begins when a collection first finds it without any of these, and its lease
    /// counts besides.
    pub untagged: Option<Duration>,
    /// Whether to change nothing, and only say what would go.
    pub dry_run: bool,
    /// How many things are looked at at the same time. On a disk that is synced, more than two
    /// hold up those who push.
    pub at_once: usize,
}

impl Default for CollectOptions {
    fn default() -> Self {
        Self { lease: LEASE, upload_idle: LEASE, untagged: None, dry_run: false, at_once: 16 }
    }
}

/// Watches a collection, and slows it down by taking its time to answer.
#[async_trait]
pub trait Observer: Debug + Send + Sync {
    /// Called after each thing that was looked at.
    async fn on_progress(&self, done: &Collected);
}

/// Nobody watches.
#[async_trait]
impl Observer for () {
    async fn on_progress(&self, _done: &Collected) {}
}
