//! Locks between processes.
//!
//! `flock` on empty files, sharded by a hash. The kernel frees them when a process ends, so a
//! `kill -9` leaves none behind; a process that is stopped while it holds one delays the others
//! of its shard, and breaks nothing. Order: a key's lock first, then those of the names in
//! directories, then that of a directory that is made, of which nobody holds two.
//!
//! **Who dies between a change and its sync** leaves a name that everybody sees and that a power
//! cut could still take back. So a change notes in the file that it has locked which directory it
//! is at. Nobody needs the note to survive a power cut: after one, what is there is durable.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use orlop_backend::{Key, Prefix, Result};

use crate::blocking::would_wait;
use crate::disk::{DiskFile, LockMode};
use crate::volume::{Volume, failed};

/// Held until it is dropped.
#[derive(Debug)]
#[must_use = "a lock that is dropped is free"]
pub(crate) struct Lock {
    file: Box<dyn DiskFile>,
    path: PathBuf,
}

impl Volume {
    /// Excludes every other change of this record.
    pub(crate) fn lock_key(&self, key: &Key) -> Result<Lock> {
        let lock = self.lock(&self.key_lock(key), LockMode::Exclusive)?;
        self.settle(&lock)?;
        Ok(lock)
    }

    /// Keeps changes of this record away while it is read; `None` if one is under way.
    pub(crate) fn try_lock_key_shared(&self, key: &Key) -> Result<Option<Lock>> {
        let path = self.key_lock(key);
        match self.disk.try_lock_shared(&path) {
            Ok(None) => Ok(None),
            Ok(Some(file)) => {
                let lock = Lock { file, path };
                self.settle(&lock)?;
                Ok(Some(lock))
            }
            // Mounted read-only: there is no lock to be had, and nobody here to change anything.
            Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => Ok(None),
            Err(error) => Err(failed("lock", &path, error)),
        }
    }

    /// The same for who must not wait: fails if a change is under way or was left half done, or if
    /// nobody has ever had this lock.
    pub(crate) fn lock_key_cached(&self, key: &Key) -> Result<Lock> {
        let path = self.key_lock(key);
        match self.disk.try_lock_cached(&path) {
            Ok(Some(file)) if file.metadata().is_ok_and(|found| found.len == 0) => {
                Ok(Lock { file, path })
            }
            _ => Err(would_wait(&path)),
        }
    }

    /// Guards which names a directory has: shared by who adds a name, exclusive for who puts the
    /// names in order.
    pub(crate) fn lock_dir(&self, dir: &Path, mode: LockMode) -> Result<Lock> {
        self.lock(&self.dir_lock('d', dir), mode)
    }

    /// Keeps a directory from being removed while it is made.
    pub(crate) fn lock_making(&self, dir: &Path) -> Result<Lock> {
        self.lock(&self.dir_lock('m', dir), LockMode::Shared)
    }

    /// The other side of it, for who removes a directory; `None` if somebody is making it.
    pub(crate) fn try_lock_making(&self, dir: &Path) -> io::Result<Option<Lock>> {
        let path = self.dir_lock('m', dir);
        let file = match self.disk.create(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.disk.open(&path)?,
            created => created?,
        };
        Ok(if file.try_lock()? { Some(Lock { file, path }) } else { None })
    }

    /// Which of the shards a directory is in. Processes may have come to the store by other paths,
    /// so only the path within it counts.
    pub(crate) fn dir_shard(&self, dir: &Path) -> u64 {
        let dir = dir.strip_prefix(self.layout.root()).unwrap_or(dir);
        fnv1a(dir.as_os_str().as_encoded_bytes()) % SHARDS
    }

    fn lock(&self, path: &Path, mode: LockMode) -> Result<Lock> {
        let file = self.disk.lock(path, mode).map_err(|error| failed("lock", path, error))?;
        Ok(Lock { file, path: path.to_owned() })
    }

    /// Notes that the directory of a key is about to change.
    pub(crate) fn note_change(&self, lock: &Lock, key: &Key) -> Result<()> {
        let dir = key.as_str().rsplit_once('/').map_or("", |(dir, _)| dir);
        if !self.is_durable() || dir.is_empty() {
            return Ok(());
        }
        let written = lock.file.write_all_at(dir.as_bytes(), 0);
        written.map_err(|error| failed("write", &lock.path, error))
    }

    /// Takes the note back: the change is durable.
    pub(crate) fn clear_note(&self, lock: &Lock) -> Result<()> {
        if !self.is_durable() {
            return Ok(());
        }
        lock.file.truncate(0).map_err(|error| failed("write", &lock.path, error))
    }

    /// Makes durable what somebody did who died before he had. Those who share the lock may all do
    /// it: nothing changes meanwhile.
    fn settle(&self, lock: &Lock) -> Result<()> {
        let read = |error| failed("read", &lock.path, error);
        let len = lock.file.metadata().map_err(read)?.len;
        if len == 0 || !self.is_durable() || self.check_writable().is_err() {
            return Ok(()); // after a failed sync reads go on as well as they can
        }
        let mut note = vec![0; usize::try_from(len).unwrap_or(NOTE_BYTES_MAX).min(NOTE_BYTES_MAX)];
        let filled = lock.file.read_at(&mut note, 0).map_err(read)?;
        // One that a power cut has torn says nothing any more.
        if let Ok(dir) = str::from_utf8(&note[..filled])
            && let Ok(prefix) = Prefix::new(dir.split('/'))
        {
            self.sync_dir_if_there(&self.layout.record_dir(&prefix))?;
        }
        self.clear_note(lock)
    }

    fn key_lock(&self, key: &Key) -> PathBuf {
        self.shard('k', fnv1a(key.as_str().as_bytes()) % SHARDS)
    }

    fn dir_lock(&self, kind: char, dir: &Path) -> PathBuf {
        self.shard(kind, self.dir_shard(dir))
    }

    fn shard(&self, kind: char, shard: u64) -> PathBuf {
        self.layout.locks().join(format!("{kind}{shard:03x}"))
    }
}

/// The same in every process and every version, unlike the standard library's hashes.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

const SHARDS: u64 = 1024;

/// No key is longer.
const NOTE_BYTES_MAX: usize = 4096;
