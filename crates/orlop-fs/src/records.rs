//! Records and markers as files.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use orlop_backend::{
    Change as Request, Changed, Entry, ErrorKind, Expected, Key, Prefix, RandomId, Record, Records,
    Removal, Result, Swap, Version, envelope,
};

use crate::blocking::{Wait, blocking, reading};
use crate::cached;
use crate::change::{Becomes, Change};
use crate::disk::{DirEntries, DirEntry, DiskFile, Metadata};
use crate::layout::NAMES_DIR;
use crate::names::Names;
use crate::pool::{Pool, may_wait};
use crate::volume::{Volume, failed, found};

/// Records and markers in a directory.
#[derive(Clone, Debug)]
pub(crate) struct FsRecords {
    volume: Arc<Volume>,
    pool: Arc<Pool>,
}

impl FsRecords {
    pub(crate) fn new(volume: Arc<Volume>) -> Self {
        Self { volume, pool: Arc::new(Pool::new()) }
    }

    /// Runs a change as an operation of its own, also within another one: it is not left half made when
    /// that is given up.
    async fn run_own<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.pool.run(change).await?
    }
}

#[async_trait]
impl Records for FsRecords {
    async fn get(&self, key: &Key) -> Result<Option<Record>> {
        let (volume, key) = (self.volume.clone(), key.clone());
        reading(move |wait| volume.read_record(&key, wait)).await
    }

    async fn raw(&self, key: &Key) -> Result<Option<Bytes>> {
        let (volume, key) = (self.volume.clone(), key.clone());
        blocking(move || Ok(volume.read_raw(&key, Wait::Long)?.map(|(stored, _)| stored))).await
    }

    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap> {
        let (volume, key, found) = (self.volume.clone(), key.clone(), found.clone());
        self.run_own(async move { volume.swap_raw(&key, &found, &value).await }).await
    }

    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap> {
        let key = key.clone();
        let expected = match expected {
            Expected::Absent => None,
            Expected::Version(version) => Some(version.clone()),
        };
        let changed = self.change_all(vec![Request::Swap { key, expected, value }]).await?;
        Ok(match changed {
            Changed::All(mut versions) => versions.pop().map_or(Swap::Conflict, Swap::Stored),
            Changed::Conflict { .. } => Swap::Conflict,
        })
    }

    async fn change_all(&self, changes: Vec<Request>) -> Result<Changed> {
        let volume = self.volume.clone();
        self.run_own(async move { volume.change_all(&changes).await }).await
    }

    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        let (volume, key, version) = (self.volume.clone(), key.clone(), version.clone());
        self.run_own(async move { volume.remove_record(&key, &version).await }).await
    }

    async fn mark(&self, keys: &[Key]) -> Result<()> {
        self.change_all(keys.iter().cloned().map(Request::Mark).collect()).await.map(drop)
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        let (volume, keys) = (self.volume.clone(), keys.to_vec());
        self.run_own(async move { volume.clear(&keys).await }).await
    }

    async fn forget(&self, keys: &[Key]) -> Result<()> {
        let (volume, keys) = (self.volume.clone(), keys.to_vec());
        self.run_own(async move { volume.forget(&keys).await }).await
    }

    async fn run(&self, operation: BoxFuture<'static, ()>) -> Result<()> {
        if may_wait() {
            operation.await;
            return Ok(());
        }
        self.pool.run(operation).await
    }

    fn list(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>> {
        let prefix = prefix.clone();
        let start = Some(after.map(str::to_owned));
        stream::try_unfold(start, move |after| {
            let (volume, prefix) = (self.volume.clone(), prefix.clone());
            async move {
                let Some(after) = after else {
                    return Ok(None);
                };
                let page = blocking(move || volume.list_page(&prefix, after.as_deref())).await?;
                let next = page
                    .last()
                    .filter(|_| page.len() == PAGE_ENTRIES)
                    .map(|last: &Entry| Some(last.key.name().to_owned()));
                Ok(Some((stream::iter(page.into_iter().map(Ok)), next)))
            }
        })
        .try_flatten()
        .boxed()
    }

    fn walk(&self, prefix: &Prefix) -> BoxStream<'_, Result<Entry>> {
        let walk = Walk { below: vec![prefix.clone()], open: None };
        stream::try_unfold(walk, move |walk| async move {
            let volume = self.volume.clone();
            let Some((entries, walk)) = blocking(move || volume.walk_on(walk)).await? else {
                return Ok(None);
            };
            Ok(Some((stream::iter(entries.into_iter().map(Ok)), walk)))
        })
        .try_flatten()
        .boxed()
    }
}

/// How far a walk has come: at most one directory is open, and the rest waits.
struct Walk {
    below: Vec<Prefix>,
    open: Option<(Prefix, DirEntries)>,
}

impl Volume {
    /// A record that is not whole may be in the making, so it is read again when nobody makes it.
    pub(crate) fn read_record(&self, key: &Key, wait: Wait) -> Result<Option<Record>> {
        match self.read_whole_record(key, wait) {
            Err(error) if error.kind() == ErrorKind::Corrupt => match wait {
                Wait::Never => Err(failed("read", &self.layout.record(key), cached::refused())),
                Wait::Long => match self.lock_to_read(key)? {
                    Some(_locks) => self.read_locked(key),
                    None => Err(error),
                },
            },
            read => read,
        }
    }

    /// The same for who has the key's lock: if it is not whole now, then its maker died, or it is
    /// damaged.
    fn read_locked(&self, key: &Key) -> Result<Option<Record>> {
        match self.read_whole_record(key, Wait::Long) {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                if self.mend(key)? {
                    self.read_whole_record(key, Wait::Long)
                } else {
                    Err(error)
                }
            }
            read => read,
        }
    }

    fn read_whole_record(&self, key: &Key, wait: Wait) -> Result<Option<Record>> {
        let Some((stored, modified)) = self.read_raw(key, wait)? else {
            return Ok(None);
        };
        let (revision, value) = envelope::open(key, &stored)?;
        Ok(Some(Record { value, version: version(revision), modified }))
    }

    /// Whatever is found is durable: it has its name only after the journal has it.
    pub(crate) fn read_raw(&self, key: &Key, wait: Wait) -> Result<Option<(Bytes, SystemTime)>> {
        let path = self.layout.record(key);
        let Some((file, metadata)) = self.open_to_read(&path, wait)? else {
            return Ok(None);
        };
        let stored = read_whole(&*file, metadata.len, wait);
        let stored = stored.map_err(|error| failed("read", &path, error))?;
        Ok(Some((stored, metadata.modified)))
    }

    async fn swap_raw(&self, key: &Key, expected: &Bytes, value: &[u8]) -> Result<Swap> {
        self.check_writable()?;
        let locks = self.lock_keys([key]).await?;
        if self.read_raw(key, Wait::Long)?.is_none_or(|(stored, _)| stored != *expected) {
            return Ok(Swap::Conflict);
        }
        let revision = self.random_id()?;
        let becomes = Becomes::Other(envelope::seal(key, revision, value));
        self.make(locks, &[Change { key, becomes }]).await?;
        Ok(Swap::Stored(version(revision)))
    }

    /// Those of one chunk with one sync.
    async fn change_all(&self, requests: &[Request]) -> Result<Changed> {
        self.check_writable()?;
        let mut versions = Vec::new();
        for (chunk, requests) in requests.chunks(CHANGES_AT_ONCE).enumerate() {
            let locks = self.lock_keys(requests.iter().map(Request::key)).await?;
            let mut changes = Vec::with_capacity(requests.len());
            for request in requests {
                let Some((becomes, revision)) = self.check(request)? else { break };
                versions.extend(revision.map(version));
                changes.push(Change { key: request.key(), becomes });
            }
            if !changes.is_empty() {
                self.make(locks, &changes).await?;
            }
            if changes.len() < requests.len() {
                return Ok(Changed::Conflict { at: chunk * CHANGES_AT_ONCE + changes.len() });
            }
        }
        Ok(Changed::All(versions))
    }

    /// What a change makes of its key, which is locked, and the revision of a record; `None` if
    /// there is another record than it expects.
    fn check(&self, request: &Request) -> Result<Option<(Becomes, Option<RandomId>)>> {
        let Request::Swap { key, expected, value } = request else {
            return Ok(Some((Becomes::Marked, None)));
        };
        let current = self.read_locked(key)?.map(|record| record.version);
        if current != *expected {
            return Ok(None);
        }
        let revision = self.random_id()?;
        let sealed = envelope::seal(key, revision, value);
        let becomes = if current.is_some() { Becomes::Other } else { Becomes::New }(sealed);
        Ok(Some((becomes, Some(revision))))
    }

    async fn remove_record(&self, key: &Key, expected: &Version) -> Result<Removal> {
        self.check_writable()?;
        let locks = self.lock_keys([key]).await?;
        let current = self.read_locked(key)?.map(|record| record.version);
        if current.as_ref() != Some(expected) {
            return Ok(Removal::Conflict);
        }
        self.make(locks, &[Change { key, becomes: Becomes::Gone }]).await?;
        Ok(Removal::Removed)
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        for keys in self.present(keys)?.chunks(CHANGES_AT_ONCE) {
            let locks = self.lock_keys(keys.iter().copied()).await?;
            self.make(locks, &all_gone(keys)).await?;
        }
        Ok(())
    }

    async fn forget(&self, keys: &[Key]) -> Result<()> {
        for keys in self.present(keys)?.chunks(CHANGES_AT_ONCE) {
            let locks = self.lock_keys(keys.iter().copied()).await?;
            self.make_early(locks, &all_gone(keys)).await?;
        }
        Ok(())
    }

    /// What has no file is durably gone, for who deletes one does that when the journal has it. So
    /// it is left alone, and no lock is taken to learn it: all who clear what is gone would wait for
    /// each other.
    fn present<'k>(&self, keys: &'k [Key]) -> Result<Vec<&'k Key>> {
        self.check_writable()?;
        let mut present = Vec::with_capacity(keys.len());
        for key in keys {
            if self.is_there(&self.layout.record(key))? {
                present.push(key);
            }
        }
        Ok(present)
    }

    fn list_page(&self, prefix: &Prefix, after: Option<&str>) -> Result<Vec<Entry>> {
        let names = Names::new(self, self.layout.record_dir(prefix));
        names
            .page(after, PAGE_ENTRIES)?
            .into_iter()
            .map(|(name, Metadata { modified, len })| {
                let key = prefix.key(&name)?;
                Ok(Entry { key, modified, len })
            })
            .collect()
    }

    /// The next entries of a walk; `None` at its end.
    fn walk_on(&self, mut walk: Walk) -> Result<Option<(Vec<Entry>, Walk)>> {
        let mut entries = Vec::new();
        while entries.len() < PAGE_ENTRIES {
            let Some((prefix, names)) = &mut walk.open else {
                let Some(prefix) = walk.below.pop() else {
                    break;
                };
                let dir = self.layout.record_dir(&prefix);
                let names =
                    found(self.disk.read_dir(&dir)).map_err(|error| failed("read", &dir, error))?;
                walk.open = names.map(|names| (prefix, names));
                continue;
            };
            let Some(name) = names.next() else {
                walk.open = None;
                continue;
            };
            let dir = self.layout.record_dir(prefix);
            let read = |error| failed("read", &dir, error);
            let DirEntry { name, is_dir } = name.map_err(read)?;
            if is_dir && name != NAMES_DIR {
                walk.below.push(Prefix::new(prefix.as_str().split('/').chain([&*name]))?);
            } else if !is_dir
                && let Some(metadata) = found(self.disk.metadata(&dir.join(&name))).map_err(read)?
            {
                let Metadata { modified, len } = metadata;
                entries.push(Entry { key: prefix.key(&name)?, modified, len });
            }
        }
        Ok((!entries.is_empty()).then_some((entries, walk)))
    }
}

fn all_gone<'k>(keys: &[&'k Key]) -> Vec<Change<'k>> {
    keys.iter().map(|key| Change { key, becomes: Becomes::Gone }).collect()
}

fn version(revision: RandomId) -> Version {
    Version::new(revision.to_string())
}

pub(crate) fn read_whole(file: &dyn DiskFile, len: u64, wait: Wait) -> io::Result<Bytes> {
    // One that grows meanwhile is not whole yet, and is read again.
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    let mut filled = 0;
    while filled < bytes.len() {
        let (rest, at) = (&mut bytes[filled..], filled as u64);
        let read = match wait {
            Wait::Never => file.read_cached_at(rest, at),
            Wait::Long => file.read_at(rest, at),
        };
        match read? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    Ok(bytes.into())
}

/// Who waits for one of them holds the others up.
const CHANGES_AT_ONCE: usize = 16;

/// Entries read at a time.
const PAGE_ENTRIES: usize = 256;
