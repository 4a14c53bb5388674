//! How an audit goes about it.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use super::Audited;
use crate::options::LEASE;

/// How an audit goes about it. None of it matters for safety.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // options are built with `..Default::default()`
pub struct AuditOptions {
    /// Whether to repair what can be, and not only to say it.
    ///
    /// To repair includes to make a blob visible in a repository one of whose manifests refers to
    /// it. Where manifests are let in with [`References::Unchecked`](crate::References), that
    /// would give a blob to whoever knows its digest: open the registry with that policy then, and
    /// it is not done.
    pub repair: bool,
    /// How long something may be on its way: what is younger, and has nobody behind it yet, is
    /// left alone. As in [`CollectOptions::lease`](crate::CollectOptions::lease).
    pub lease: Duration,
    /// How many things are looked at at the same time.
    pub at_once: usize,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self { repair: false, lease: LEASE, at_once: 16 }
    }
}

/// Watches an audit, and slows it down by taking its time to answer.
#[async_trait]
pub trait AuditObserver: Debug + Send + Sync {
    /// Called after each thing that was looked at.
    async fn on_progress(&self, done: &Audited);
}

/// Nobody watches.
#[async_trait]
impl AuditObserver for () {
    async fn on_progress(&self, _done: &Audited) {}
}
