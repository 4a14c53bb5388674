//! Which locks exclude what, between processes as well as between threads.
//!
//! The kernel frees them when a process ends, so a `kill -9` leaves none behind; a process that is
//! stopped while it holds one delays the others who change something of its shard, and who read just
//! what it is making; it breaks nothing.
//!
//! Order: the keys' locks first, then those of the names in directories, both in the order of their
//! shards, then the epoch's.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use orlop_backend::{Error, ErrorKind, Key, RandomId, Result};

use crate::disk::{Disk, DiskFile};
use crate::pool::aside;
pub(crate) use crate::sharing::Lock;
use crate::sharing::{PAUSE, Sharing};
use crate::volume::{Volume, failed};

impl Volume {
    /// Excludes every other change of these records.
    pub(crate) async fn lock_keys<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k Key>,
    ) -> Result<Vec<Lock<'_>>> {
        let numbers: BTreeSet<u64> = keys.into_iter().map(key_lock).collect();
        let mut locks = Vec::with_capacity(numbers.len());
        for number in numbers {
            locks.push(self.locks()?.take(number).await?);
        }
        Ok(locks)
    }

    /// The same for one record, by who only wants to read it: `None` where nobody can lock, since
    /// nobody can change anything there either. Fails if somebody has it who does not go on.
    pub(crate) fn lock_to_read(&self, key: &Key) -> Result<Option<Lock<'_>>> {
        if self.locks.is_none() {
            return Ok(None);
        }
        let lock = self.try_lock(key_lock(key), READ_ATTEMPTS)?.ok_or_else(|| {
            let message = format!(
                "record {key} is being made by a process that does not go on; let it, or end it"
            );
            Error::new(ErrorKind::Unavailable, message)
        })?;
        Ok(Some(lock))
    }

    /// Guards which names directories have, shared by those who add names.
    pub(crate) async fn share_dirs<'d>(
        &self,
        dirs: impl IntoIterator<Item = &'d PathBuf>,
    ) -> Result<Vec<Lock<'_>>> {
        let mut locks = Vec::new();
        for number in self.dir_locks(dirs) {
            locks.push(self.locks()?.share(number).await?);
        }
        Ok(locks)
    }

    /// The same for who has a thread to wait on.
    pub(crate) fn share_dirs_blocking<'d>(
        &self,
        dirs: impl IntoIterator<Item = &'d PathBuf>,
    ) -> Result<Vec<Lock<'_>>> {
        let share = |number| self.locks()?.share_blocking(number);
        self.dir_locks(dirs).into_iter().map(share).collect()
    }

    /// The same of one directory, for who puts its names in order.
    pub(crate) fn lock_dir(&self, dir: &Path) -> Result<Lock<'_>> {
        self.locks()?.take_shared(self.dir_lock(dir))
    }

    fn dir_locks<'d>(&self, dirs: impl IntoIterator<Item = &'d PathBuf>) -> BTreeSet<u64> {
        dirs.into_iter().map(|dir| self.dir_lock(dir)).collect()
    }

    fn dir_lock(&self, dir: &Path) -> u64 {
        // Processes may have come to the store by other paths: only the path within it counts.
        let inside = dir.strip_prefix(self.layout.root()).unwrap_or(dir);
        DIRS + fnv1a(inside.as_os_str().as_encoded_bytes()) % SHARDS
    }

    /// Takes a lock for the caller alone, but does not wait for longer than it takes those who go on:
    /// `None` if somebody still has it after so many attempts.
    pub(crate) fn try_lock(&self, number: u64, attempts: u32) -> Result<Option<Lock<'_>>> {
        for attempt in 0..attempts {
            if attempt > 0 {
                aside(|| thread::sleep(PAUSE));
            }
            if let Some(lock) = self.locks()?.try_take(number)? {
                return Ok(Some(lock));
            }
        }
        Ok(None)
    }

    /// All of them; fails where nothing can be written.
    pub(crate) fn locks(&self) -> Result<&Sharing> {
        let read_only = io::ErrorKind::ReadOnlyFilesystem;
        let refused = || failed("lock", self.layout.locks(), read_only.into());
        self.locks.as_ref().ok_or_else(refused)
    }
}

/// Opens a file that processes share, which is made if need be.
pub(crate) fn open_shared(disk: &dyn Disk, path: &Path) -> io::Result<Box<dyn DiskFile>> {
    match disk.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(path),
        created => created,
    }
}

fn key_lock(key: &Key) -> u64 {
    KEYS + key_shard(key)
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

/// Each kind of locks has numbers of its own. Of those with many, two that are not the same may have
/// one lock.
pub(crate) const SHARDS: u64 = 8192;

/// Held by who makes again what the journals of the dead say.
pub(crate) const RECOVERY: u64 = 0;

/// Held by who makes a checkpoint.
pub(crate) const CHECKPOINT: u64 = 1;

/// Held by those who are in this epoch. One and the next have different ones.
pub(crate) const fn epoch_lock(number: u64) -> u64 {
    2 + number % 2
}

const DIRS: u64 = SHARDS;
const KEYS: u64 = 2 * SHARDS;

/// A lock is held for as long as a flush takes, on a disk that is busy.
const READ_ATTEMPTS: u32 = 1000;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::Arc;

    use orlop_backend::SystemEntropy;

    use super::*;
    use crate::disk::OsDisk;
    use crate::layout::parent;

    /// Two processes in two containers may have mounted the same store under two names.
    #[tokio::test]
    async fn whoever_comes_by_another_path_is_excluded_as_well() {
        let directory = tempfile::tempdir().unwrap();
        let (place, link) = (directory.path().join("place"), directory.path().join("link"));
        std::fs::create_dir(&place).unwrap();
        symlink(&place, &link).unwrap();
        let [one, other] = [place, link].map(|path| {
            Volume::open(Arc::new(OsDisk), &path, false, Arc::new(SystemEntropy)).unwrap()
        });
        let key = Key::new(["e", "blob", "a", "one"]).unwrap();
        let dir = |volume: &Volume| parent(&volume.layout.record(&key)).to_owned();
        let held =
            (one.lock_keys([&key]).await.unwrap(), one.share_dirs([&dir(&one)]).await.unwrap());
        for number in [key_lock(&key), other.dir_lock(&dir(&other))] {
            assert!(other.try_lock(number, 1).unwrap().is_none());
        }
        drop(held);
        assert!(other.try_lock(key_lock(&key), 1).unwrap().is_some());
    }
}
