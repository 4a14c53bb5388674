//! Records and markers as files.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use orlop_backend::{
    Entry, ErrorKind, Expected, Key, Prefix, RandomId, Record, Records, Removal, Result, Swap,
    Version, envelope,
};

use crate::blocking::{Wait, blocking, reading};
use crate::disk::{DirEntries, DirEntry, DiskFile, Metadata};
use crate::layout::{NAMES_DIR, parent};
use crate::locks::Lock;
use crate::names::Names;
use crate::volume::{Volume, failed, found};

/// Records and markers in a directory.
#[derive(Clone, Debug)]
pub(crate) struct FsRecords {
    volume: Arc<Volume>,
}

impl FsRecords {
    pub(crate) fn new(volume: Arc<Volume>) -> Self {
        Self { volume }
    }
}

#[async_trait]
impl Records for FsRecords {
    async fn get(&self, key: &Key) -> Result<Option<Record>> {
        let (volume, key) = (self.volume.clone(), key.clone());
        reading(move |wait| volume.read_durable(&key, wait)).await
    }

    async fn raw(&self, key: &Key) -> Result<Option<Bytes>> {
        let (volume, key) = (self.volume.clone(), key.clone());
        blocking(move || Ok(volume.read_raw(&key, Wait::Long)?.map(|(stored, _)| stored))).await
    }

    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap> {
        let (volume, key, found) = (self.volume.clone(), key.clone(), found.clone());
        blocking(move || volume.swap_raw(&key, &found, &value)).await
    }

    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap> {
        let (volume, key) = (self.volume.clone(), key.clone());
        let expected = match expected {
            Expected::Absent => None,
            Expected::Version(version) => Some(version.clone()),
        };
        blocking(move || volume.swap_record(&key, expected.as_ref(), &value)).await
    }

    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        let (volume, key, version) = (self.volume.clone(), key.clone(), version.clone());
        blocking(move || volume.remove_record(&key, &version)).await
    }

    async fn mark(&self, keys: &[Key]) -> Result<()> {
        let (volume, keys) = (self.volume.clone(), keys.to_vec());
        blocking(move || volume.mark(&keys)).await
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        let (volume, keys) = (self.volume.clone(), keys.to_vec());
        blocking(move || volume.clear(&keys)).await
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
    /// A record has its new name for a moment before that name is durable. Whoever concludes
    /// something from it could store a conclusion that survives a power cut which the record does
    /// not. So who reads while a change is under way makes durable what it read, instead of
    /// waiting for a process that may be stopped.
    fn read_durable(&self, key: &Key, wait: Wait) -> Result<Option<Record>> {
        if !self.is_durable() {
            return self.read_record(key, wait);
        }
        let quiet = match wait {
            Wait::Never => Some(self.lock_key_cached(key)?),
            Wait::Long => self.try_lock_key_shared(key)?,
        };
        let record = self.read_record(key, wait)?;
        if quiet.is_none() {
            self.sync_names_of(&self.layout.record(key))?;
        }
        Ok(record)
    }

    fn read_record(&self, key: &Key, wait: Wait) -> Result<Option<Record>> {
        let Some((stored, modified)) = self.read_raw(key, wait)? else {
            return Ok(None);
        };
        let (revision, value) = envelope::open(key, &stored)?;
        Ok(Some(Record { value, version: version(revision), modified }))
    }

    fn read_raw(&self, key: &Key, wait: Wait) -> Result<Option<(Bytes, SystemTime)>> {
        let path = self.layout.record(key);
        let read = |error| failed("read", &path, error);
        let opened = match wait {
            Wait::Never => self.disk.open_cached(&path),
            Wait::Long => self.disk.open_read(&path),
        };
        let Some(file) = found(opened).map_err(read)? else {
            return Ok(None);
        };
        let metadata = file.metadata().map_err(read)?;
        let stored = read_whole(&*file, metadata.len, wait).map_err(read)?;
        Ok(Some((stored, metadata.modified)))
    }

    fn swap_record(&self, key: &Key, expected: Option<&Version>, value: &[u8]) -> Result<Swap> {
        self.check_writable()?;
        let lock = self.lock_key(key)?;
        let current = self.read_record(key, Wait::Long)?.map(|record| record.version);
        if current.as_ref() != expected {
            return Ok(Swap::Conflict);
        }
        let path = self.layout.record(key);
        let _announced = match current {
            None => Some(self.announce(&path, [key.name()])?),
            Some(_) => None,
        };
        self.store(&lock, key, value)
    }

    /// Stores a record whose lock is held and whose old value is the one that was expected.
    fn store(&self, lock: &Lock, key: &Key, value: &[u8]) -> Result<Swap> {
        let revision = self.random_id()?;
        self.note_change(lock, key)?;
        self.replace(&self.layout.record(key), &envelope::seal(key, revision, value))?;
        self.clear_note(lock)?;
        Ok(Swap::Stored(version(revision)))
    }

    fn remove_record(&self, key: &Key, expected: &Version) -> Result<Removal> {
        self.check_writable()?;
        let lock = self.lock_key(key)?;
        let current = self.read_record(key, Wait::Long)?.map(|record| record.version);
        if current.as_ref() != Some(expected) {
            return Ok(Removal::Conflict);
        }
        let path = self.layout.record(key);
        match self.note_change(&lock, key) {
            // On a full disk it must be possible to remove something.
            Err(error) if error.kind() == ErrorKind::Full => {}
            noted => noted?,
        }
        self.disk.remove_file(&path).map_err(|error| failed("delete", &path, error))?;
        self.sync_dir(parent(&path))?;
        self.clear_note(&lock)?;
        self.remove_empty_dirs(parent(&path));
        Ok(Removal::Removed)
    }

    fn swap_raw(&self, key: &Key, expected: &Bytes, value: &[u8]) -> Result<Swap> {
        self.check_writable()?;
        let lock = self.lock_key(key)?;
        if self.read_raw(key, Wait::Long)?.is_none_or(|(stored, _)| stored != *expected) {
            return Ok(Swap::Conflict);
        }
        self.store(&lock, key, value)
    }

    fn mark(&self, keys: &[Key]) -> Result<()> {
        self.check_writable()?;
        let mut by_dir: BTreeMap<PathBuf, Vec<&Key>> = BTreeMap::new();
        for key in keys {
            let path = self.layout.record(key);
            by_dir.entry(parent(&path).to_owned()).or_default().push(key);
        }
        for (dir, keys) in by_dir {
            let first = self.layout.record(keys[0]);
            let _announced = self.announce(&first, keys.iter().map(|key| key.name()))?;
            // One that is there already may be another process's, not yet synced.
            self.make_names(&dir, || {
                for key in &keys {
                    let path = self.layout.record(key);
                    match self.disk.create(&path) {
                        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                            return Err((path, error));
                        }
                        _ => {}
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn clear(&self, keys: &[Key]) -> Result<()> {
        self.delete_files(keys.iter().map(|key| self.layout.record(key)))
    }

    /// Before files of these names are made in the directory of `path`.
    fn announce<'n>(
        &self,
        path: &std::path::Path,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Lock> {
        Names::new(self, parent(path).to_owned()).announce(names)
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

fn version(revision: RandomId) -> Version {
    Version::new(revision.to_string())
}

fn read_whole(file: &dyn DiskFile, len: u64, wait: Wait) -> io::Result<Bytes> {
    // Files are never changed in place, so the length that was read is the length that is.
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

/// Entries read at a time.
const PAGE_ENTRIES: usize = 256;
