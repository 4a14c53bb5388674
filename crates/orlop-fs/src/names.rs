//! The names of a directory in order, so that a page of them costs the same in a directory of a
//! thousand and of a million.
//!
//! A small directory is simply read and sorted. Once it has more than [`SORTED_MAX`] names, who
//! lists it lays an index beside them:
//!
//! ```text
//! <directory>/.names/run-<id>   names in order, a line each; never changed
//! <directory>/.names/new/<name> names that came since; its existence says that there is an index
//! ```
//!
//! **The index holds at least every name that exists.** Whoever makes a name adds it to `new`
//! first; a name whose file is gone stays until runs are merged. So a reader needs no lock: it
//! reads `new` before the runs (names only move from there to a run), and asks the directory
//! itself which of the names exist. Adding holds the directory's lock shared, laying and merging
//! hold it exclusively: a merge may drop a name only if nobody is about to make its file.
//!
//! All of `.names` can be deleted while no process runs; the next list lays it anew.

mod run;

use std::path::{Path, PathBuf};

use orlop_backend::Result;

use self::run::{Run, RunWriter};
use crate::disk::Metadata;
use crate::layout::{NAMES_DIR, NEW_NAMES_DIR, below};
use crate::volume::{Volume, failed, found};

/// The names in one directory of records.
#[derive(Debug)]
pub(crate) struct Names<'v> {
    volume: &'v Volume,
    dir: PathBuf,
}

/// A name that exists.
pub(crate) type LiveName = (String, Metadata);

impl<'v> Names<'v> {
    pub(crate) fn new(volume: &'v Volume, dir: PathBuf) -> Self {
        Self { volume, dir }
    }

    /// To be called before files of these names are made, by who shares the directory's lock until
    /// they are.
    pub(crate) fn announce<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<()> {
        let new = self.new_dir();
        if !self.volume.is_there(&new)? {
            return Ok(());
        }
        for name in names {
            let path = new.join(name);
            self.volume.create_file(&path).map_err(|error| failed("make", &path, error))?;
        }
        Ok(())
    }

    /// Up to `limit` names that exist and are greater than `after`, in ascending order.
    pub(crate) fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<LiveName>> {
        let mut merged = false;
        loop {
            let Some(mut new) = self.read_names(&self.new_dir(), usize::MAX)? else {
                let Some(mut names) = self.read_names(&self.dir, SORTED_MAX)? else {
                    return Ok(Vec::new());
                };
                if names.len() > SORTED_MAX {
                    self.lay()?;
                    continue;
                }
                names.sort_unstable();
                return self.live(names.into_iter().map(Ok), after, limit).map(|(live, _)| live);
            };
            if new.len() > SORTED_MAX && !merged {
                self.merge(false)?;
                merged = true;
                continue;
            }
            new.sort_unstable();
            let Some(runs) = self.open_runs(after)? else {
                continue; // a merge replaced one of them just now
            };
            let (live, dead) = self.live(run::merge(new, runs), after, limit)?;
            if dead > DEAD_MAX && !merged {
                self.merge(true)?;
                merged = true;
                continue;
            }
            return Ok(live);
        }
    }

    /// Takes the names that exist, and counts those that do not.
    fn live(
        &self,
        names: impl Iterator<Item = Result<String>>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<LiveName>, usize)> {
        let (mut live, mut dead) = (Vec::new(), 0);
        for name in names {
            let name = name?;
            if after.is_some_and(|after| name.as_str() <= after) {
                continue;
            }
            if live.len() == limit {
                break;
            }
            let path = self.dir.join(&name);
            match found(self.volume.disk.metadata(&path)) {
                Ok(Some(metadata)) => live.push((name, metadata)),
                Ok(None) => dead += 1,
                Err(error) => return Err(failed("look up", &path, error)),
            }
        }
        Ok((live, dead))
    }

    /// Lays the index of a directory that has none.
    fn lay(&self) -> Result<()> {
        let _lock = self.volume.lock_dir(&self.dir)?;
        let new = self.new_dir();
        if self.volume.is_there(&new)? {
            return Ok(()); // somebody was faster
        }
        let mut names = self.read_names(&self.dir, usize::MAX)?.unwrap_or_default();
        names.sort_unstable();
        self.write_run(names.into_iter().map(Ok))?;
        // Last: from here on names are announced.
        self.volume.make_dir(&new)
    }

    /// Merges the new names with runs that are not much larger, or with all of them, and drops
    /// the names that are gone.
    fn merge(&self, all: bool) -> Result<()> {
        let _lock = self.volume.lock_dir(&self.dir)?;
        let mut new = self.read_names(&self.new_dir(), usize::MAX)?.unwrap_or_default();
        if new.len() <= SORTED_MAX && !all {
            return Ok(()); // somebody was faster
        }
        new.sort_unstable();
        let Some(mut runs) = self.open_runs(None)? else {
            return Ok(());
        };
        runs.sort_unstable_by_key(Run::len);
        let mut bytes: u64 = new.iter().map(|name| name.len() as u64 + 1).sum();
        let taken = runs
            .iter()
            .take_while(|run| {
                let take = all || run.len() <= 2 * bytes;
                bytes += run.len();
                take
            })
            .count();
        runs.truncate(taken);
        let outdated: Vec<PathBuf> = runs
            .iter()
            .map(|run| run.path().to_owned())
            .chain(new.iter().map(|name| self.new_dir().join(name)))
            .collect();
        self.write_run(run::merge(new, runs).filter_map(|name| match name {
            Ok(name) => match found(self.volume.disk.metadata(&self.dir.join(&name))) {
                Ok(metadata) => metadata.map(|_| Ok(name)),
                Err(error) => Some(Err(failed("look up", &self.dir, error))),
            },
            Err(error) => Some(Err(error)),
        }))?;
        for path in outdated {
            // Not synced: an old name that comes back is one name too many, and no harm.
            found(self.volume.disk.remove_file(&path))
                .map_err(|error| failed("delete", &path, error))?;
        }
        Ok(())
    }

    fn write_run(&self, names: impl Iterator<Item = Result<String>>) -> Result<()> {
        let mut failure = Ok(());
        let tmp = self.volume.write_synced_tmp(|file| {
            let mut writer = RunWriter::new(file);
            for name in names {
                match name {
                    Ok(name) => writer.push(&name)?,
                    Err(error) => {
                        failure = Err(error);
                        break;
                    }
                }
            }
            writer.finish()
        })?;
        failure?;
        let id = tmp.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let run = self.names_dir().join(format!("{RUN_PREFIX}{id}"));
        self.volume.make_name(&run, || self.volume.disk.rename(&tmp, &run))?;
        // Before anybody rests on it: a power cut that leaves `new` must leave this, too.
        self.volume.sync_dir(&self.names_dir())
    }

    /// `None` if one of them is gone already.
    fn open_runs(&self, after: Option<&str>) -> Result<Option<Vec<Run>>> {
        let names = self.read_names(&self.names_dir(), usize::MAX)?.unwrap_or_default();
        let mut runs = Vec::new();
        for name in names.iter().filter(|name| name.starts_with(RUN_PREFIX)) {
            let path = self.names_dir().join(name);
            match found(self.volume.disk.open_read(&path)) {
                Ok(Some(file)) => runs.push(Run::open(file, path, after)?),
                Ok(None) => return Ok(None),
                Err(error) => return Err(failed("open", &path, error)),
            }
        }
        Ok(Some(runs))
    }

    /// The files in a directory, but not many more than `max` of them; `None` if it is not there.
    fn read_names(&self, dir: &Path, max: usize) -> Result<Option<Vec<String>>> {
        let Some(entries) =
            found(self.volume.disk.read_dir(dir)).map_err(|error| failed("read", dir, error))?
        else {
            return Ok(None);
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed("read", dir, error))?;
            if !entry.is_dir {
                names.push(entry.name);
            }
            if names.len() > max {
                break;
            }
        }
        Ok(Some(names))
    }

    fn names_dir(&self) -> PathBuf {
        self.dir.join(NAMES_DIR)
    }

    fn new_dir(&self) -> PathBuf {
        below(&self.dir, NEW_NAMES_DIR)
    }
}

/// As many names as are read and sorted for a page.
const SORTED_MAX: usize = 1024;

/// As many names of files that are gone as a page may pass by.
const DEAD_MAX: usize = 1024;

const RUN_PREFIX: &str = "run-";
