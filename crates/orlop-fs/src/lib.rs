//! A directory as a store: extents and records as files.
//!
//! ```text
//! records/<key>                  a record: header, then value; a marker: an empty file
//! records/<prefix>/.names/       the ordered names of a large prefix (an index, may be deleted)
//! extents/<2 characters>/<id>    the bytes of a blob; <id>.part until it is sealed
//! journal/                       what makes changes of records durable, for each process
//! locks/                         what processes lock; the kernel frees it
//! tmp/                           files that are not finished, or never were
//! ```
//!
//! What is promised, and on what it rests:
//!
//! * Whatever a call acknowledged survives a power cut. A change of records is synced in the
//!   process's journal before anybody sees it, with all others that are made at the moment; of an
//!   extent its contents, the directory that names it, and those above are synced.
//! * Nothing is ever rewritten in place. A record is replaced by renaming a finished file over it. One
//!   that is new is made under its name: who reads it before it is whole waits until it is.
//! * Any number of processes may share a directory. They exclude each other with locks of the
//!   kernel's, which end with the process, so nothing is left to be cleaned up after a `kill -9`.
//! * After a sync that failed, nothing is written any more until the store is opened anew: the
//!   kernel may have thrown the pages away and would call the next sync a success.
//!
//! The medium must rename atomically, tell upper case from lower case, keep what was synced, and
//! lock for all who share it: ext4, XFS, Btrfs and ZFS on a local disk do. NFS does not.
//!
//! ```
//! use orlop_fs::FsOptions;
//!
//! let directory = tempfile::tempdir()?;
//! let environment = orlop_fs::open(directory.path(), &FsOptions::default())?;
//! # let _ = environment;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod appender;
mod blocking;
mod cached;
mod change;
mod direct;
mod dirs;
pub mod disk;
mod extents;
mod journal;
mod layout;
mod locks;
mod names;
mod open;
mod pool;
mod reader;
mod records;
mod sharing;
mod volume;

use std::path::Path;
use std::sync::Arc;

use orlop_backend::{Environment, Result, SystemClock, SystemEntropy};

use crate::disk::{Disk, OsDisk};
use crate::extents::FsExtents;
use crate::records::FsRecords;
use crate::volume::Volume;

/// How a directory is used as a store.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // options are built with `..Default::default()`
pub struct FsOptions {
    /// Whether what is acknowledged survives a power cut (the default). Without it the store
    /// survives the end of its processes, but not that of the machine: for caches and tests.
    pub durable: bool,
}

impl Default for FsOptions {
    fn default() -> Self {
        Self { durable: true }
    }
}

/// Opens the store in `root`, which is made if it is not there. Costs a constant number of calls,
/// whatever the store holds.
///
/// Must be used from within a tokio runtime. Its blocking threads read and write what takes a medium;
/// changes of records are made on a few threads of the store's own.
pub fn open(root: impl AsRef<Path>, options: &FsOptions) -> Result<Environment> {
    open_on(Arc::new(OsDisk), root.as_ref(), options)
}

/// Opens a store on a disk of the caller's, for simulation.
pub fn open_on(disk: Arc<dyn Disk>, root: &Path, options: &FsOptions) -> Result<Environment> {
    let entropy = Arc::new(SystemEntropy);
    let volume = Arc::new(Volume::open(disk, root, options.durable, entropy.clone())?);
    Ok(Environment {
        extents: Arc::new(FsExtents::new(volume.clone())),
        records: Arc::new(FsRecords::new(volume)),
        clock: Arc::new(SystemClock),
        entropy,
    })
}
