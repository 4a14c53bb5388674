//! Directories: made durably, and removed when nothing is left in them.
//!
//! A name is durable when its directory was synced, and the directories above have durable names
//! themselves. A process remembers which have, so that it need not sync them all again for each
//! name.
//!
//! A directory of records that is empty is removed, or a store would keep one for each digest that
//! it ever had. Whoever remembers it may then be wrong: another process may have made it anew, and
//! not have synced it yet. So every directory has a *generation*, which is changed before it is
//! removed, in a file that all processes share; and whoever has made a name compares the directory's
//! generation with the one it remembers. A name keeps its directory from being removed, so what is
//! found then holds.
//!
//! Looking at the generation and making the directory are one step to those who remove: they are
//! excluded by a lock meanwhile, or they could have changed the generation before, and remove the
//! directory after.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use orlop_backend::Result;

use crate::disk::DiskFile;
use crate::layout::parent;
use crate::volume::{Volume, failed};

/// What a process knows of directories.
#[derive(Debug, Default)]
pub(crate) struct Dirs {
    /// Those whose names were made durable, all the way up, and in which generation.
    durable: Mutex<HashMap<PathBuf, Generation>>,
    /// The generations of all directories; `None` if nothing can be written here anyway.
    generations: Option<Box<dyn DiskFile>>,
}

/// Changes before a directory is removed. Directories of one shard share it.
type Generation = [u8; 16];

impl Dirs {
    fn durable(&self) -> MutexGuard<'_, HashMap<PathBuf, Generation>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Volume {
    /// Opens the file of generations. What it says need not survive anything: who remembers a
    /// generation has not lived longer than the page cache.
    pub(crate) fn open_generations(&mut self) -> Result<()> {
        let path = self.layout.generations();
        let opened = match self.disk.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.disk.open(&path),
            created => created,
        };
        match opened {
            Ok(file) => self.dirs.generations = Some(file),
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {}
            Err(error) => return Err(failed("open", &path, error)),
        }
        Ok(())
    }

    /// Makes a directory and all above it, durably.
    pub(crate) fn make_dir(&self, dir: &Path) -> Result<()> {
        self.check_writable()?;
        for _ in 0..ATTEMPTS {
            if self.is_durable_dir(dir)? || self.try_make_dir(dir)? {
                return Ok(());
            }
        }
        Err(failed("make directory", dir, io::ErrorKind::NotFound.into()))
    }

    /// Makes names in a directory, which is made if need be, and makes them durable. If the
    /// directory goes meanwhile, they are made again.
    pub(crate) fn make_names(
        &self,
        dir: &Path,
        make: impl Fn() -> std::result::Result<(), (PathBuf, io::Error)>,
    ) -> Result<()> {
        let mut outcome = Err((dir.to_owned(), io::ErrorKind::NotFound.into()));
        for _ in 0..ATTEMPTS {
            self.make_dir(dir)?;
            outcome = make();
            match &outcome {
                Err((_, error)) if error.kind() == io::ErrorKind::NotFound => self.forget(dir),
                _ => break,
            }
        }
        outcome.map_err(|(path, error)| failed("make", &path, error))?;
        self.sync_dir(dir)?;
        // It may be one that somebody has made anew. Its names keep it from now on.
        self.make_dir(dir)
    }

    /// Removes a directory of records if it is empty, and then those above. It is only tidied up:
    /// one that stays does no harm, and one that a power cut brings back does none either.
    pub(crate) fn remove_empty_dirs(&self, dir: &Path) {
        let mut dir = dir;
        while self.is_removable(dir) && self.remove_if_empty(dir).unwrap_or(false) {
            dir = parent(dir);
        }
    }

    /// Only directories below those of the kinds of records come and go.
    pub(crate) fn is_removable(&self, dir: &Path) -> bool {
        let records = self.layout.records();
        dir.starts_with(&records) && dir != records && parent(dir) != records
    }

    fn remove_if_empty(&self, dir: &Path) -> io::Result<bool> {
        if self.disk.read_dir(dir)?.next().is_some() {
            return Ok(false);
        }
        let Some(_lock) = self.try_lock_making(dir)? else {
            return Ok(false);
        };
        if let Some(generations) = &self.dirs.generations {
            let generation = self.random_id().map_err(io::Error::other)?.to_bits().to_be_bytes();
            generations.write_all_at(&generation, self.generation_at(dir))?;
        }
        self.disk.remove_dir(dir).map(|()| true) // unless somebody has made a name in it
    }

    /// Whether the name of a directory is durable, all the way up.
    fn is_durable_dir(&self, dir: &Path) -> Result<bool> {
        let mut above = dir;
        loop {
            let Some(remembered) = self.dirs.durable().get(above).copied() else {
                return Ok(false);
            };
            if !self.is_removable(above) {
                return Ok(true);
            }
            if self.generation(above)? != remembered {
                return Ok(false);
            }
            above = parent(above);
        }
    }

    /// `false` if the directory above has gone meanwhile.
    fn try_make_dir(&self, dir: &Path) -> Result<bool> {
        let is_inside = dir != self.layout.root() && dir.starts_with(self.layout.root());
        if is_inside {
            self.make_dir(parent(dir))?;
        }
        // The lock's own directory is made by this function.
        let lock = if self.is_removable(dir) { Some(self.lock_making(dir)?) } else { None };
        let generation = self.generation(dir)?;
        let made = match self.create_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_inside => {
                self.make_dir(parent(dir))?;
                self.create_dir(dir)
            }
            result => result,
        };
        drop(lock);
        let is_new = match made {
            Ok(is_new) => is_new,
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && self.is_removable(parent(dir)) =>
            {
                self.forget(parent(dir));
                return Ok(false);
            }
            Err(error) => return Err(failed("make directory", dir, error)),
        };
        // One that is there already may be another process's, about to be synced but not yet.
        if is_new || is_inside {
            self.sync_dir(parent(dir))?;
        }
        let mut durable = self.dirs.durable();
        if durable.len() >= DURABLE_DIRS_MAX {
            durable.retain(|dir, _| !self.is_removable(dir));
        }
        durable.insert(dir.to_owned(), generation);
        Ok(true)
    }

    /// Makes a directory, unless it is there already, and not yet durably; whether it is new.
    pub(crate) fn create_dir(&self, dir: &Path) -> io::Result<bool> {
        match self.disk.create_dir(dir) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Directories that stay, and whose names are durable.
    pub(crate) fn remember_dirs(&self, dirs: impl IntoIterator<Item = PathBuf>) {
        self.dirs.durable().extend(dirs.into_iter().map(|dir| (dir, Generation::default())));
    }

    /// To be called when a directory is found to be gone.
    fn forget(&self, dir: &Path) {
        let mut durable = self.dirs.durable();
        let mut above = dir;
        while self.is_removable(above) {
            durable.remove(above);
            above = parent(above);
        }
    }

    fn generation(&self, dir: &Path) -> Result<Generation> {
        let mut generation = Generation::default();
        if let Some(generations) = &self.dirs.generations
            && self.is_removable(dir)
        {
            let read = generations.read_at(&mut generation, self.generation_at(dir));
            read.map_err(|error| failed("read", &self.layout.generations(), error))?;
        }
        Ok(generation)
    }

    fn generation_at(&self, dir: &Path) -> u64 {
        self.dir_shard(dir) * size_of::<Generation>() as u64
    }
}

/// How many directories are remembered as durable before those that come and go are forgotten.
const DURABLE_DIRS_MAX: usize = 1 << 16;

/// So often a directory may go while somebody is about to make a name in it.
const ATTEMPTS: usize = 100;
