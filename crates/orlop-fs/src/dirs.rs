//! Directories: made when a name is made in them, and removed when nothing is left in them.
//!
//! Those of extents stay. They are made durable with the first name in them that must be: a process
//! remembers which are, so that it need not sync them again. Those of records come and go, or a store would keep one
//! for each digest that it ever had; the journal makes them again if need be.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use orlop_backend::Result;

use crate::disk::DiskFile;
use crate::layout::parent;
use crate::volume::{Volume, failed};

/// Directories whose names this process has made durable, all the way up.
#[derive(Debug, Default)]
pub(crate) struct DurableDirs(Mutex<HashSet<PathBuf>>);

impl DurableDirs {
    fn dirs(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn remember(&self, dirs: impl IntoIterator<Item = PathBuf>) {
        self.dirs().extend(dirs);
    }
}

impl Volume {
    /// Makes a directory that stays, and all above it, durably.
    pub(crate) fn make_durable_dir(&self, dir: &Path) -> Result<()> {
        self.check_writable()?;
        if self.durable_dirs.dirs().contains(dir) {
            return Ok(());
        }
        let is_inside = dir != self.layout.root() && dir.starts_with(self.layout.root());
        if is_inside {
            self.make_durable_dir(parent(dir))?;
        }
        let made = match self.create_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_inside => {
                self.make_durable_dir(parent(dir))?;
                self.create_dir(dir)
            }
            made => made,
        };
        let is_new = made.map_err(|error| failed("make directory", dir, error))?;
        // One that is there already may be another process's, about to be synced but not yet.
        if is_new || is_inside {
            self.sync_dir(parent(dir))?;
        }
        self.durable_dirs.remember([dir.to_owned()]);
        Ok(())
    }

    /// Makes durable under which name an extent's file is found.
    pub(crate) fn sync_extent_name(&self, path: &Path) -> Result<()> {
        self.sync_dir(parent(path))?;
        self.make_durable_dir(parent(path))
    }

    /// Makes a name in a directory, which is made if need be, and may go meanwhile if it is one of
    /// records.
    pub(crate) fn make_name<T>(&self, path: &Path, make: impl Fn() -> io::Result<T>) -> Result<T> {
        let mut outcome = make();
        for _ in 0..ATTEMPTS {
            match &outcome {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                _ => break,
            }
            self.make_dir(parent(path))?;
            outcome = make();
        }
        outcome.map_err(|error| failed("make", path, error))
    }

    /// Makes a directory, and all above it if it is one of records.
    pub(crate) fn make_dir(&self, dir: &Path) -> Result<()> {
        match self.create_dir(dir) {
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && dir.starts_with(self.layout.records()) =>
            {
                self.make_dir(parent(dir))?;
                match self.create_dir(dir) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false), // it went
                    made => made,
                }
            }
            made => made,
        }
        .map(drop)
        .map_err(|error| failed("make directory", dir, error))
    }

    /// Removes a directory of records if it is empty, and then those above. It is only tidied up:
    /// one that stays does no harm, and one that a power cut brings back does none either.
    pub(crate) fn remove_empty_dirs(&self, dir: &Path) {
        let mut dir = dir;
        while self.is_removable(dir) && self.disk.remove_dir(dir).is_ok() {
            dir = parent(dir);
        }
    }

    /// Only directories below those of the kinds of records come and go, and not their shards, whose
    /// names are one letter: there are few, and what comes and goes all the time lies there.
    fn is_removable(&self, dir: &Path) -> bool {
        let records = self.layout.records();
        let is_below = dir.starts_with(records) && dir != records && parent(dir) != records;
        let is_letter = dir.file_name().is_some_and(|name| name.len() == 1);
        is_below && !(is_letter && parent(parent(dir)) == records)
    }

    /// Makes a file, unless something has its name: then there is none.
    pub(crate) fn create_file(&self, path: &Path) -> io::Result<Option<Box<dyn DiskFile>>> {
        match self.disk.create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            created => created.map(Some),
        }
    }

    /// Makes a directory, unless it is there already, and not yet durably; whether it is new.
    pub(crate) fn create_dir(&self, dir: &Path) -> io::Result<bool> {
        match self.disk.create_dir(dir) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// So often a directory may go while somebody is about to make a name in it.
const ATTEMPTS: usize = 100;
