//! Locks between processes.
//!
//! `flock` on empty files, sharded by a hash. The kernel frees them when a process ends, so a
//! `kill -9` leaves none behind; a process that is stopped while it holds one delays the others
//! who change something of its shard, and who read just what it is making; it breaks nothing.
//!
//! Order: the keys' locks first, then those of the names in directories, both in the order of their
//! shards, then the epoch's.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use orlop_backend::{Error, ErrorKind, Key, RandomId, Result};

use crate::disk::{Disk, DiskFile, LockMode};
use crate::sharing::{Shared, Sole};
use crate::volume::{Volume, failed, io_kind};

/// Held until it is dropped.
#[derive(Debug)]
#[must_use = "a lock that is dropped is free"]
pub(crate) struct Lock {
    _file: Box<dyn DiskFile>,
}

/// Excludes every other change of some keys.
#[derive(Debug)]
#[must_use = "locks that are dropped are free"]
pub(crate) struct KeyLocks {
    _locks: Vec<Lock>,
}

impl Volume {
    /// Excludes every other change of these records.
    pub(crate) fn lock_keys<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k Key>,
    ) -> Result<KeyLocks> {
        let shards: BTreeSet<u64> = keys.into_iter().map(key_shard).collect();
        let lock = |shard| self.lock(&self.layout.shard('k', shard), LockMode::Exclusive);
        Ok(KeyLocks { _locks: shards.into_iter().map(lock).collect::<Result<_>>()? })
    }

    /// The same for one record, by who only wants to read it: `None` where nobody can lock, since
    /// nobody can change anything there either. Fails if somebody has it who does not go on.
    pub(crate) fn lock_to_read(&self, key: &Key) -> Result<Option<KeyLocks>> {
        match self.try_lock(&self.layout.shard('k', key_shard(key)), READ_ATTEMPTS) {
            Ok(Some(lock)) => Ok(Some(KeyLocks { _locks: vec![lock] })),
            Ok(None) => {
                let message = format!(
                    "record {key} is being made by a process that does not go on; let it, or end it"
                );
                Err(Error::new(ErrorKind::Unavailable, message))
            }
            Err(error) if is_refused(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Guards which names directories have, shared by those who add names.
    pub(crate) fn share_dirs<'d>(
        &self,
        dirs: impl IntoIterator<Item = &'d PathBuf>,
    ) -> Result<Vec<Shared<'_, Lock>>> {
        let shards: BTreeSet<u64> = dirs.into_iter().map(|dir| self.dir_shard(dir)).collect();
        let share = |shard| {
            let path = self.layout.shard('d', shard);
            self.dir_locks.share(shard, || self.lock(&path, LockMode::Shared))
        };
        shards.into_iter().map(share).collect()
    }

    /// The same of one directory, for who puts its names in order.
    pub(crate) fn lock_dir(&self, dir: &Path) -> Result<Sole<'_, Lock>> {
        let shard = self.dir_shard(dir);
        let path = self.layout.shard('d', shard);
        self.dir_locks.take(shard, || self.try_lock(&path, 1))
    }

    fn dir_shard(&self, dir: &Path) -> u64 {
        // Processes may have come to the store by other paths: only the path within it counts.
        let inside = dir.strip_prefix(self.layout.root()).unwrap_or(dir);
        fnv1a(inside.as_os_str().as_encoded_bytes()) % SHARDS
    }

    /// Excludes the end of an epoch.
    pub(crate) fn share_epoch(&self, number: u64) -> Result<Shared<'_, Lock>> {
        let path = self.layout.epoch_lock(number);
        self.epoch_locks.share(number, || self.lock(&path, LockMode::Shared))
    }

    pub(crate) fn lock(&self, path: &Path, mode: LockMode) -> Result<Lock> {
        let file = self.disk.lock(path, mode).map_err(|error| failed("lock", path, error))?;
        Ok(Lock { _file: file })
    }

    /// Locks a file for the caller alone, but does not wait for longer than it takes those who go
    /// on: `None` if somebody still has it after so many attempts.
    pub(crate) fn try_lock(&self, path: &Path, attempts: u32) -> Result<Option<Lock>> {
        let lock = |error| failed("lock", path, error);
        let file = open_shared(&*self.disk, path).map_err(lock)?;
        for attempt in 0..attempts {
            if attempt > 0 {
                thread::sleep(PAUSE);
            }
            if file.try_lock().map_err(lock)? {
                return Ok(Some(Lock { _file: file }));
            }
        }
        Ok(None)
    }
}

/// Opens a file that processes share, which is made if need be.
pub(crate) fn open_shared(disk: &dyn Disk, path: &Path) -> io::Result<Box<dyn DiskFile>> {
    match disk.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(path),
        created => created,
    }
}

fn is_refused(error: &Error) -> bool {
    let kind = io_kind(error);
    matches!(kind, Some(io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied))
}

/// Which lock a key has, and which number counts its changes: that of the id at the end of its name,
/// if there is one. What is made under one id is made together, and so takes one lock.
pub(crate) fn key_shard(key: &Key) -> u64 {
    let last = key.name().rsplit('.').next().filter(|word| word.parse::<RandomId>().is_ok());
    fnv1a(last.unwrap_or(key.as_str()).as_bytes()) % SHARDS
}

/// The same in every process and every version, unlike the standard library's hashes.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

pub(crate) const SHARDS: u64 = 1024;

/// One and the next have different locks.
pub(crate) const EPOCHS_AT_ONCE: u64 = 2;

/// Between two attempts to take what others have.
pub(crate) const PAUSE: Duration = Duration::from_millis(2);

/// A lock is held for as long as a flush takes, on a disk that is busy.
const READ_ATTEMPTS: u32 = 1000;
