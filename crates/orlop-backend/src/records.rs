//! The control plane: small values and bare names.

use std::fmt::Debug;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::{Key, Prefix, Result};

/// Where records and markers are kept.
///
/// A **record** is a small value under a key, replaced only by compare-and-swap. A **marker** is a
/// key without a value: a fact whose name says it all, made of an id that is never used again.
///
/// What the engine relies on, and nothing else:
///
/// * Per key, reads and changes are linearizable, across all processes that share the store.
/// * What a call did is durable when it returns, with everything that leads there.
/// * A `list` or `walk` that starts after a change returned sees that change.
/// * No two writes store the same bytes ([`crate::envelope`]), and a record whose bytes are torn
///   or foreign is an error of kind [`Corrupt`](crate::ErrorKind::Corrupt), never a value and
///   never absent.
/// * **A call that fails with an error may have done its work, or may still do it later.** The
///   caller then knows nothing and reads again.
#[async_trait]
pub trait Records: Debug + Send + Sync {
    /// The record under `key`.
    async fn get(&self, key: &Key) -> Result<Option<Record>>;

    /// What is stored under `key`, as it is stored: a record with its envelope, a marker (which
    /// has no bytes), or whatever a failing medium has made of them. For who inspects damage;
    /// nothing that comes from here may be trusted.
    async fn raw(&self, key: &Key) -> Result<Option<Bytes>>;

    /// Stores `value` if what is stored under `key` is still exactly `found`, which
    /// [`Records::raw`] gave; otherwise changes nothing and answers [`Swap::Conflict`]. So a record
    /// that cannot be read can be replaced, which no other call does, and one that was replaced
    /// meanwhile cannot be hit: no two writes store the same bytes.
    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap>;

    /// Stores `value` (at most [`Record::VALUE_BYTES_MAX`] bytes) if the record is as `expected`;
    /// otherwise changes nothing and answers [`Swap::Conflict`].
    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap>;

    /// Removes the record if it is still at `version`; otherwise changes nothing. An absent
    /// record is a [`Removal::Conflict`].
    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal>;

    /// Makes markers, all of them with one durable barrier. One that exists already stays.
    async fn mark(&self, keys: &[Key]) -> Result<()>;

    /// Deletes markers, or records whose key is never used again, whatever they hold; all of
    /// them with one durable barrier. Absent means done already. A record with an echo
    /// ([`Version::has_echo`]) may come back.
    async fn clear(&self, keys: &[Key]) -> Result<()>;

    /// The same for what nobody has a use for any more and whose being there does no harm. It is gone
    /// for everybody when this returns, but that may not be durable yet: it may be there again after a
    /// crash, even if somebody has cleared it meanwhile.
    async fn forget(&self, keys: &[Key]) -> Result<()> {
        self.clear(keys).await
    }

    /// Makes changes of different keys one after the other, all of them with one durable barrier
    /// where the store has one, up to the first swap that finds another record than it expects:
    /// what is before that one is made then, and nothing of what is behind it.
    ///
    /// If it fails with an error, each of the changes is like a call that failed: it may have been
    /// made, or may still be.
    async fn change_all(&self, changes: Vec<Change>) -> Result<Changed> {
        let (mut versions, mut marks) = (Vec::new(), Vec::new());
        for (at, change) in changes.into_iter().enumerate() {
            match change {
                Change::Mark(key) => marks.push(key),
                Change::Swap { key, expected, value } => {
                    if !marks.is_empty() {
                        self.mark(&std::mem::take(&mut marks)).await?;
                    }
                    let expected = expected.as_ref().map_or(Expected::Absent, Expected::Version);
                    match self.swap(&key, expected, value).await? {
                        Swap::Stored(version) => versions.push(version),
                        Swap::Conflict => return Ok(Changed::Conflict { at }),
                    }
                }
            }
        }
        if !marks.is_empty() {
            self.mark(&marks).await?;
        }
        Ok(Changed::All(versions))
    }

    /// Runs an operation, which makes several calls of this store one after the other. A store
    /// whose calls wait for a medium may run it on a thread that may wait, so that not each of them
    /// has to be handed to one. From there it goes on to its end, even if the caller does not wait.
    ///
    /// The operation must not wait for anything but this store; for an
    /// [`Appender`](crate::Appender) only as far as that has nothing to wait for but work that it
    /// began before, since its bytes may be written on threads of the same kind. Fails only if it
    /// was not run.
    async fn run(&self, operation: BoxFuture<'static, ()>) -> Result<()> {
        operation.await;
        Ok(())
    }

    /// The records and markers whose key is `prefix` and one more segment, in ascending order of
    /// its bytes, from the first that is greater than `after` (which need not exist, nor be a
    /// valid segment). What the first n cost does not depend on how many there are.
    ///
    /// Keys that have further segments must not exist under `prefix`.
    fn list(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>>;

    /// Every record and marker whose key begins with `prefix`, at any depth and in any order.
    fn walk(&self, prefix: &Prefix) -> BoxStream<'_, Result<Entry>>;
}

/// A record as it was read.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // made by every backend
pub struct Record {
    /// What was stored.
    pub value: Bytes,
    /// Which of the values that this key had it is; what a swap expects.
    pub version: Version,
    /// When it was stored, by the store's own clock.
    pub modified: SystemTime,
}

impl Record {
    /// Largest value that a backend must take: a manifest and what belongs to it.
    pub const VALUE_BYTES_MAX: usize = 16 << 20;
}

/// Tells the values that a key had apart: no two of them ever have the same version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    words: Bytes,
    has_echo: bool,
}

impl Version {
    /// A version in the backend's own words.
    pub fn new(words: impl Into<Bytes>) -> Self {
        Self { words: words.into(), has_echo: false }
    }

    /// The same, and an older request to create this record may still arrive.
    #[must_use]
    pub fn with_echo(self) -> Self {
        Self { has_echo: true, ..self }
    }

    /// The backend's own words.
    pub fn as_bytes(&self) -> &[u8] {
        &self.words
    }

    /// Whether an older request to create this record may still arrive: its answer got lost, and
    /// it was sent once more. [`Records::remove`] sees to it that such a request comes to nothing;
    /// after [`Records::clear`] it brings the record back as it was in the beginning.
    pub fn has_echo(&self) -> bool {
        self.has_echo
    }
}

/// What a swap takes for granted.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_enums)] // the contract has these two
pub enum Expected<'a> {
    /// That there is no record.
    Absent,
    /// That the record is still the one that was read.
    Version(&'a Version),
}

/// The outcome of [`Records::swap`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a swap that lost stored nothing"]
#[allow(clippy::exhaustive_enums)] // the contract has these two answers
pub enum Swap {
    /// The value is stored; this is its version.
    Stored(Version),
    /// The record is not as expected. Nothing was stored.
    Conflict,
}

/// One of the changes of [`Records::change_all`].
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_enums)] // every backend makes them all
pub enum Change {
    /// What [`Records::swap`] does.
    Swap {
        /// The record's key.
        key: Key,
        /// The version that is replaced; `None` if there must be no record.
        expected: Option<Version>,
        /// What is to be stored.
        value: Bytes,
    },
    /// What [`Records::mark`] does.
    Mark(Key),
}

impl Change {
    /// What it changes.
    pub fn key(&self) -> &Key {
        match self {
            Self::Swap { key, .. } | Self::Mark(key) => key,
        }
    }
}

/// The outcome of [`Records::change_all`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "what is behind a conflict was not changed"]
#[allow(clippy::exhaustive_enums)] // the contract has these two answers
pub enum Changed {
    /// All changes are made; these are the versions of what was swapped, in their order.
    All(Vec<Version>),
    /// The swap at this place found another record than it expects. What is before it is made,
    /// and nothing else.
    Conflict {
        /// Its place among the changes.
        at: usize,
    },
}

/// The outcome of [`Records::remove`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a removal that lost removed nothing"]
#[allow(clippy::exhaustive_enums)] // the contract has these two answers
pub enum Removal {
    /// The record is gone.
    Removed,
    /// The record is not at that version, or not there. Nothing was removed.
    Conflict,
}

/// A record or marker as a list finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // made by every backend
pub struct Entry {
    /// Its key.
    pub key: Key,
    /// When it was stored, by the store's own clock.
    pub modified: SystemTime,
    /// Bytes that are stored under it, a record's envelope included; 0 for a marker.
    pub len: u64,
}
