//! Records as objects: each change is one conditional write.
//!
//! A write whose answer got lost is looked up: its revision is in what it wrote. What cannot be
//! found out is an error, so that a conflict always means that nothing was stored and that nothing
//! will be.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectMeta, PutPayload};
use orlop_backend::{
    Entropy, Entry, Error, ErrorKind, Expected, Key, Prefix, Record, Records, Removal, Result,
    Swap, Version, envelope,
};

use crate::bound;
use crate::bucket::{Bucket, Put};
use crate::retry::Budget;
use crate::revision::{Known, Revision};
use crate::stored::{Stored, is_alive, is_whole_tombstone, tombstone};

/// The control plane of a bucket.
#[derive(Debug)]
pub(crate) struct ObjectRecords {
    bucket: Arc<Bucket>,
    entropy: Arc<dyn Entropy>,
}

impl ObjectRecords {
    pub(crate) fn new(bucket: Arc<Bucket>, entropy: Arc<dyn Entropy>) -> Self {
        Self { bucket, entropy }
    }

    async fn look(&self, key: &Key) -> Result<Option<Stored>> {
        let object = self.bucket.get(&self.bucket.layout.record(key)).await?;
        object.map(|object| Stored::read(key, object)).transpose()
    }

    /// Puts `new` in place of what is expected, `None` for no record; `None` if that was not there.
    async fn replace(
        &self,
        key: &Key,
        expected: Option<&Known>,
        new: impl Fn(Revision) -> Bytes,
    ) -> Result<Option<Known>> {
        let path = self.bucket.layout.record(key);
        let mut revision = Revision::new(self.entropy.random_id()?);
        let mut in_place = expected.cloned();
        let mut budget = Budget::new();
        let mut lost = None;
        loop {
            // Whatever is stored from here on inherits what may still arrive.
            if lost.is_some() || in_place.as_ref().is_some_and(|in_place| in_place.has_echo) {
                revision = revision.with_echo();
            }
            let version = in_place.as_ref().map(|in_place| &in_place.version);
            match self.bucket.put_if(&path, version, new(revision)).await? {
                Put::Stored(version) => return Ok(Some(revision.known(version))),
                Put::Refused => {}
                Put::Unknown(error) => lost = Some(error),
            }
            let found = match self.look(key).await {
                Ok(found) => found,
                // As the write: the store is not there at the moment.
                Err(error) if error.kind() == ErrorKind::Unavailable && lost.is_some() => {
                    if budget.pause().await {
                        continue;
                    }
                    return Err(error);
                }
                Err(error) => return Err(error),
            };
            if let Some(stored) = &found
                && stored.revision.is_same(revision)
            {
                return Ok(Some(stored.known()));
            }
            let is_as_expected = match (&found, expected) {
                (None, None) => true,
                (Some(stored), None) => stored.is_tombstone(),
                (Some(stored), Some(expected)) => stored.version == expected.version,
                (None, Some(_)) => false,
            };
            if !is_as_expected {
                // Ours may have been there in between, if it is not known to have been refused.
                return lost.map_or(Ok(None), Err);
            }
            let place = found.map(|stored| stored.known());
            // Otherwise it is a tombstone, or the store refuses one of two writes at once.
            if place == in_place && !budget.pause().await {
                let message = format!("record {key} is written by too many at once");
                return Err(lost.unwrap_or(Error::new(ErrorKind::Unavailable, message)));
            }
            in_place = place;
        }
    }
}

#[async_trait]
impl Records for ObjectRecords {
    async fn get(&self, key: &Key) -> Result<Option<Record>> {
        let Some(stored) = self.look(key).await? else {
            return Ok(None);
        };
        let version = stored.known().words()?;
        Ok(stored.value.map(|value| Record { value, version, modified: stored.modified }))
    }

    async fn raw(&self, key: &Key) -> Result<Option<Bytes>> {
        let object = self.bucket.get(&self.bucket.layout.record(key)).await?;
        Ok(object.map(|object| object.bytes).filter(|bytes| !is_whole_tombstone(key, bytes)))
    }

    /// With an echo: what cannot be read does not say whether an older request to create the
    /// record may still arrive.
    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap> {
        let path = self.bucket.layout.record(key);
        let Some(object) = self.bucket.get(&path).await? else {
            return Ok(Swap::Conflict);
        };
        if object.bytes != *found {
            return Ok(Swap::Conflict);
        }
        let revision = Revision::new(self.entropy.random_id()?).with_echo();
        let sealed = envelope::seal(key, revision.id(), &value);
        match self.bucket.put_if(&path, Some(&object.version), sealed).await? {
            Put::Stored(version) => Ok(Swap::Stored(revision.known(version).words()?)),
            Put::Refused => Ok(Swap::Conflict),
            Put::Unknown(error) => Err(error),
        }
    }

    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap> {
        let expected = match expected {
            Expected::Absent => None,
            Expected::Version(version) => Some(Known::parse(version)?),
        };
        let new = |revision: Revision| envelope::seal(key, revision.id(), &value);
        match self.replace(key, expected.as_ref(), new).await? {
            Some(known) => Ok(Swap::Stored(known.words()?)),
            None => Ok(Swap::Conflict),
        }
    }

    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        let expected = Known::parse(version)?;
        let new = |revision| tombstone(key, revision);
        let Some(known) = self.replace(key, Some(&expected), new).await? else {
            return Ok(Removal::Conflict);
        };
        // The record is removed. That its tombstone goes too is a matter of room, and of nobody
        // whose request may still arrive taking an absent record for one that never was.
        if self.bucket.habits.deletes_if && !known.has_echo {
            let path = self.bucket.layout.record(key);
            if let Err(error) = self.bucket.delete_if(&path, &known.version).await {
                tracing::debug!(%error, "a tombstone stays");
            }
        }
        Ok(Removal::Removed)
    }

    async fn mark(&self, keys: &[Key]) -> Result<()> {
        let puts: Vec<_> = keys.iter().map(|key| self.put_marker(key)).collect();
        stream::iter(puts).buffer_unordered(REQUESTS_AT_ONCE).try_collect().await
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        self.bucket.delete(keys.iter().map(|key| self.bucket.layout.record(key)).collect()).await
    }

    fn list(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>> {
        let folder = self.bucket.layout.records(prefix);
        let bound = after.map(bound::at_or_before).unwrap_or_default();
        let objects = if bound.is_empty() {
            self.bucket.list(folder)
        } else {
            let offset = folder.clone().join(bound);
            self.bucket.list_after(folder, &offset)
        };
        let after = after.map(str::to_owned);
        let prefix = prefix.clone();
        let mut last = String::new();
        objects
            .try_filter_map(async |object| Ok(self.entry(&object)))
            .map(move |entry| {
                let entry = entry?;
                let Some(name) = prefix.strip(&entry.key) else {
                    return Ok(None);
                };
                if name <= last.as_str() {
                    let message = format!("the store lists {name:?} behind {last:?} in {prefix}");
                    return Err(Error::new(ErrorKind::Unavailable, message));
                }
                name.clone_into(&mut last);
                let is_behind = after.as_deref().is_none_or(|after| name > after);
                Ok(is_behind.then_some(entry))
            })
            .try_filter_map(async |entry| Ok(entry))
            .boxed()
    }

    fn walk(&self, prefix: &Prefix) -> BoxStream<'_, Result<Entry>> {
        let objects = self.bucket.list(self.bucket.layout.records(prefix));
        objects.try_filter_map(async |object| Ok(self.entry(&object))).boxed()
    }
}

impl ObjectRecords {
    async fn put_marker(&self, key: &Key) -> Result<()> {
        self.bucket.put(&self.bucket.layout.record(key), PutPayload::default()).await
    }

    /// `None` for a tombstone, and for what is no object of ours.
    fn entry(&self, object: &ObjectMeta) -> Option<Entry> {
        let key = self.bucket.layout.key(&object.location)?;
        let (modified, len) = (object.last_modified.into(), object.size);
        is_alive(len).then_some(Entry { key, modified, len })
    }
}

/// Markers that are made at the same time.
const REQUESTS_AT_ONCE: usize = 16;
