//! Locks between processes.
//!
//! `flock` on empty files, sharded by a hash. The kernel frees them when a process ends, so a
//! `kill -9` leaves none behind; a process that is stopped while it holds one delays the others
//! of its shard, and breaks nothing. Order: a key's lock first, then directories'.

use std::io::ErrorKind;
use std::path::Path;

use orlop_backend::{Key, Result};

use crate::disk::{DiskFile, LockMode};
use crate::volume::{Volume, failed};

/// Held until it is dropped.
#[derive(Debug)]
#[must_use = "a lock that is dropped is free"]
pub(crate) struct Lock {
    /// `None` where nobody can write, so that there is nobody to exclude.
    _file: Option<Box<dyn DiskFile>>,
}

impl Volume {
    /// Excludes every other change of this record, and those who read it.
    ///
    /// Readers are kept out because a record has its new name for a moment before that name is
    /// durable: whatever somebody concludes from it could survive a power cut that it does not.
    pub(crate) fn lock_key(&self, key: &Key, mode: LockMode) -> Result<Lock> {
        self.lock_shard('k', key.as_str().as_bytes(), mode)
    }

    /// Guards which names a directory has: shared by who adds a name, exclusive for who puts the
    /// names in order.
    pub(crate) fn lock_dir(&self, dir: &Path, mode: LockMode) -> Result<Lock> {
        self.lock_shard('d', dir.as_os_str().as_encoded_bytes(), mode)
    }

    fn lock_shard(&self, kind: char, name: &[u8], mode: LockMode) -> Result<Lock> {
        let shard = fnv1a(name) % SHARDS;
        let path = self.layout.locks().join(format!("{kind}{shard:03x}"));
        match self.disk.lock(&path, mode) {
            Ok(file) => Ok(Lock { _file: Some(file) }),
            Err(error)
                if mode == LockMode::Shared && error.kind() == ErrorKind::ReadOnlyFilesystem =>
            {
                Ok(Lock { _file: None })
            }
            Err(error) => Err(failed("lock", &path, error)),
        }
    }
}

/// The same in every process and every version, unlike the standard library's hashes.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

const SHARDS: u64 = 1024;
