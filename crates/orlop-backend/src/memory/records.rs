//! Records and markers in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::lock;
use crate::{
    Clock, Entropy, Entry, Expected, Key, Prefix, Record, Records, Removal, Result, Swap, Version,
    envelope,
};

/// Records and markers in this process's memory.
#[derive(Clone, Debug)]
pub struct MemoryRecords {
    stored: Arc<Mutex<BTreeMap<Key, Stored>>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

#[derive(Clone, Debug)]
struct Stored {
    /// The sealed record; empty for a marker.
    bytes: Bytes,
    modified: SystemTime,
}

impl MemoryRecords {
    /// An empty place.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { stored: Arc::default(), clock, entropy }
    }

    /// Lets a test change the stored bytes, as a failing medium would. Does nothing if there is
    /// nothing under `key`.
    pub fn damage(&self, key: &Key, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(stored) = lock(&self.stored).get_mut(key) {
            let mut bytes = stored.bytes.to_vec();
            change(&mut bytes);
            stored.bytes = bytes.into();
        }
    }

    fn stored(&self, bytes: Bytes) -> Stored {
        Stored { bytes, modified: self.clock.now() }
    }

    /// Up to a page of what follows `from`, as long as it lies under `prefix`.
    fn page(&self, prefix: &Prefix, from: &Bound<String>) -> Vec<Entry> {
        let stored = lock(&self.stored);
        let from = match from {
            Bound::Excluded(text) => Bound::Excluded(text.as_str()),
            Bound::Included(text) => Bound::Included(text.as_str()),
            Bound::Unbounded => Bound::Unbounded,
        };
        stored
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(key, _)| prefix.strip(key).is_some())
            .take(PAGE_ENTRIES)
            .map(|(key, stored)| Entry {
                key: key.clone(),
                modified: stored.modified,
                len: stored.bytes.len() as u64,
            })
            .collect()
    }

    fn pages(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>> {
        let prefix = prefix.clone();
        let from = match after {
            Some(after) => Bound::Excluded(format!("{prefix}{after}")),
            None => Bound::Included(prefix.to_string()),
        };
        stream::unfold(Some(from), move |from| {
            let page = from.map(|from| self.page(&prefix, &from));
            async move {
                let page = page?;
                let next = page
                    .last()
                    .filter(|_| page.len() == PAGE_ENTRIES)
                    .map(|last| Bound::Excluded(last.key.as_str().to_owned()));
                Some((stream::iter(page.into_iter().map(Ok)), next))
            }
        })
        .flatten()
        .boxed()
    }
}

#[async_trait]
impl Records for MemoryRecords {
    async fn get(&self, key: &Key) -> Result<Option<Record>> {
        let Some(stored) = lock(&self.stored).get(key).cloned() else {
            return Ok(None);
        };
        let (revision, value) = envelope::open(key, &stored.bytes)?;
        Ok(Some(Record {
            value,
            version: Version::new(revision.to_string()),
            modified: stored.modified,
        }))
    }

    async fn raw(&self, key: &Key) -> Result<Option<Bytes>> {
        Ok(lock(&self.stored).get(key).map(|stored| stored.bytes.clone()))
    }

    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap> {
        let revision = self.entropy.random_id()?;
        let mut stored = lock(&self.stored);
        if stored.get(key).is_none_or(|stored| stored.bytes != *found) {
            return Ok(Swap::Conflict);
        }
        let sealed = envelope::seal(key, revision, &value);
        stored.insert(key.clone(), self.stored(sealed));
        Ok(Swap::Stored(Version::new(revision.to_string())))
    }

    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap> {
        let revision = self.entropy.random_id()?;
        let mut stored = lock(&self.stored);
        if !is_as_expected(stored.get(key), key, expected)? {
            return Ok(Swap::Conflict);
        }
        let sealed = envelope::seal(key, revision, &value);
        stored.insert(key.clone(), self.stored(sealed));
        Ok(Swap::Stored(Version::new(revision.to_string())))
    }

    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        let mut stored = lock(&self.stored);
        if !is_as_expected(stored.get(key), key, Expected::Version(version))? {
            return Ok(Removal::Conflict);
        }
        stored.remove(key);
        Ok(Removal::Removed)
    }

    async fn mark(&self, keys: &[Key]) -> Result<()> {
        let mut stored = lock(&self.stored);
        for key in keys {
            stored.entry(key.clone()).or_insert_with(|| self.stored(Bytes::new()));
        }
        Ok(())
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        let mut stored = lock(&self.stored);
        for key in keys {
            stored.remove(key);
        }
        Ok(())
    }

    fn list(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>> {
        self.pages(prefix, after)
    }

    fn walk(&self, prefix: &Prefix) -> BoxStream<'_, Result<Entry>> {
        self.pages(prefix, None)
    }
}

fn is_as_expected(stored: Option<&Stored>, key: &Key, expected: Expected<'_>) -> Result<bool> {
    let current = match stored {
        Some(stored) => Some(envelope::open(key, &stored.bytes)?.0),
        None => None,
    };
    Ok(match (current, expected) {
        (None, Expected::Absent) => true,
        (Some(revision), Expected::Version(version)) => {
            revision.to_string().as_bytes() == version.as_bytes()
        }
        _ => false,
    })
}

/// Entries copied out under the lock at a time.
const PAGE_ENTRIES: usize = 256;
