//! The one place that knows in which order things are synced.
//!
//! A name is durable when its directory was synced after the name was made; contents are durable
//! when the file was synced. So: contents first, then the name, and first of all the directories
//! above, each synced into its own parent ([`crate::dirs`]).

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use orlop_backend::{Entropy, Error, ErrorKind, RandomId, Result};

use crate::dirs::Dirs;
use crate::disk::{Disk, DiskFile};
use crate::layout::{Layout, parent};

/// A directory on a disk, with what this process knows to be durable in it.
#[derive(Debug)]
pub(crate) struct Volume {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
    durable: bool,
    entropy: Arc<dyn Entropy>,
    /// Set by the first sync that fails, for good.
    stopped: AtomicBool,
    pub(crate) dirs: Dirs,
}

impl Volume {
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        root: &Path,
        durable: bool,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self> {
        let root = std::path::absolute(root).map_err(|error| failed("open", root, error))?;
        let mut volume = Self {
            disk,
            layout: Layout::new(&root),
            durable,
            entropy,
            stopped: AtomicBool::new(false),
            dirs: Dirs::default(),
        };
        volume.make_dir(volume.layout.root())?;
        if durable {
            // Whoever made them may have died before he had synced them. They are not ours: one
            // that cannot be opened is left to its owner.
            for above in root.ancestors().skip(1) {
                let _ = volume.disk.sync_dir(above);
            }
        }
        let dirs = [
            volume.layout.records(),
            volume.layout.extents(),
            volume.layout.open_names(),
            volume.layout.locks(),
            volume.layout.tmp(),
        ];
        for dir in &dirs {
            let made = volume.create_dir(dir);
            made.map_err(|error| failed("make directory", dir, error))?;
        }
        // Once for all of them; also if they were there, for another process may have made them
        // just now.
        volume.sync_dir(volume.layout.root())?;
        volume.remember_dirs(dirs);
        volume.open_generations()?;
        volume.sweep_tmp()?;
        Ok(volume)
    }

    /// A name that nobody has ever had.
    pub(crate) fn random_id(&self) -> Result<RandomId> {
        self.entropy.random_id()
    }

    /// Whether syncs are made at all.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable
    }

    /// Refuses after a failed sync.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.stopped.load(Ordering::Acquire) {
            let root = self.layout.root().display();
            let message = format!(
                "store {root} takes no more writes because a sync failed; \
                 check the disk, then open the store anew"
            );
            return Err(Error::new(ErrorKind::Stopped, message));
        }
        Ok(())
    }

    /// Puts `bytes` under `path` in one step: a crash leaves the old file or the new one.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let tmp = self.write_tmp(bytes)?;
        self.install(&tmp, path)
    }

    /// Writes a file beside the store's own, whole and synced, to be installed.
    pub(crate) fn write_tmp(&self, bytes: &[u8]) -> Result<PathBuf> {
        self.write_tmp_with(|file| file.write_all_at(bytes, 0))
    }

    /// The same for what is too large to be held in memory.
    pub(crate) fn write_tmp_with(
        &self,
        write: impl FnOnce(&dyn DiskFile) -> io::Result<()>,
    ) -> Result<PathBuf> {
        self.check_writable()?;
        let tmp = self.layout.tmp().join(self.random_id()?.to_string());
        let file = self.disk.create(&tmp).map_err(|error| failed("make", &tmp, error))?;
        let written = write(&*file)
            .map_err(|error| failed("write", &tmp, error))
            .and_then(|()| self.sync_file(&*file, &tmp));
        if let Err(error) = written {
            let _ = self.disk.remove_file(&tmp); // swept by a later opening if this fails too
            return Err(error);
        }
        Ok(tmp)
    }

    /// Moves a finished file to its name, and makes the name durable.
    pub(crate) fn install(&self, tmp: &Path, path: &Path) -> Result<()> {
        self.make_names(parent(path), || {
            self.disk.rename(tmp, path).map_err(|error| (path.to_owned(), error))
        })
    }

    /// Deletes files, if they are there, and makes it durable. Also if they are not: somebody may
    /// have deleted them just now, or died before he had synced it.
    pub(crate) fn delete_files(&self, paths: impl IntoIterator<Item = PathBuf>) -> Result<()> {
        self.check_writable()?;
        let mut dirs = BTreeSet::new();
        for path in paths {
            found(self.disk.remove_file(&path)).map_err(|error| failed("delete", &path, error))?;
            dirs.insert(parent(&path).to_owned());
        }
        for dir in &dirs {
            self.sync_dir_if_there(dir)?;
            self.remove_empty_dirs(dir);
        }
        Ok(())
    }

    /// Makes contents durable.
    pub(crate) fn sync_file(&self, file: &dyn DiskFile, path: &Path) -> Result<()> {
        if !self.durable {
            return Ok(());
        }
        file.sync().map_err(|error| self.stop(path, error))
    }

    /// Makes names durable, or, if the directory was removed because it has none, that.
    pub(crate) fn sync_dir(&self, dir: &Path) -> Result<()> {
        if !self.durable {
            return Ok(());
        }
        match self.disk.sync_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.is_removable(dir) => {
                self.sync_dir(parent(dir))
            }
            synced => synced.map_err(|error| self.stop(dir, error)),
        }
    }

    /// Makes durable what others did to the name `path`, if its directory is there.
    pub(crate) fn sync_names_of(&self, path: &Path) -> Result<()> {
        self.sync_dir_if_there(parent(path))
    }

    pub(crate) fn sync_dir_if_there(&self, dir: &Path) -> Result<()> {
        match found(self.disk.metadata(dir)).map_err(|error| failed("look up", dir, error))? {
            Some(_) => self.sync_dir(dir),
            // It was removed, perhaps by somebody who died before that was durable.
            None if self.is_removable(dir) => self.sync_dir_if_there(parent(dir)),
            None => Ok(()),
        }
    }

    /// After a failed sync the kernel may drop the dirty pages and report success the next time,
    /// so nothing written since the last good sync can be acknowledged any more.
    fn stop(&self, path: &Path, error: io::Error) -> Error {
        self.stopped.store(true, Ordering::Release);
        tracing::error!(path = %path.display(), %error, "a sync failed: no more writes");
        let message = format!("cannot sync {}", path.display());
        Error::new(ErrorKind::Stopped, message).with_source(error)
    }

    /// Deletes what processes that died left unfinished. Younger files may still be at work;
    /// deleting one of those fails its writer and nothing else.
    fn sweep_tmp(&self) -> Result<()> {
        let tmp = self.layout.tmp();
        let entries = self.disk.read_dir(&tmp).map_err(|error| failed("read", &tmp, error))?;
        for entry in entries.flatten().filter(|entry| !entry.is_dir) {
            let path = tmp.join(entry.name);
            let age = self
                .disk
                .metadata(&path)
                .ok()
                .and_then(|metadata| SystemTime::now().duration_since(metadata.modified).ok());
            if age.is_some_and(|age| age > TMP_AGE_MAX) {
                let _ = self.disk.remove_file(&path); // another process may sweep as well
            }
        }
        Ok(())
    }
}

/// The error of a call to the disk.
pub(crate) fn failed(verb: &str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        // It is no file of ours.
        io::ErrorKind::InvalidData | io::ErrorKind::IsADirectory | io::ErrorKind::NotSeekable => {
            ErrorKind::Corrupt
        }
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("cannot {verb} {}", path.display())).with_source(error)
}

/// `None` if the file or directory is not there.
pub(crate) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// How long an unfinished file is left alone.
const TMP_AGE_MAX: Duration = Duration::from_hours(24);
