//! The one place that knows in which order things are synced.
//!
//! Of extents: a name is durable when its directory was synced after the name was made; contents are
//! durable when the file was synced. So: contents first, then the name, and first of all the
//! directories above, each synced into its own parent ([`crate::dirs`]). Records are durable by what
//! the journal says of them ([`crate::journal`]), before anybody sees them.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use orlop_backend::{Entropy, Error, ErrorKind, RandomId, Result};

use crate::blocking::Wait;
use crate::dirs::DurableDirs;
use crate::disk::{Disk, DiskFile, Metadata};
use crate::journal::Journal;
use crate::layout::{Layout, parent};
use crate::pool::aside;
use crate::sharing::Sharing;

/// A directory on a disk, with what this process knows to be durable in it.
#[derive(Debug)]
pub(crate) struct Volume {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
    durable: bool,
    entropy: Arc<dyn Entropy>,
    /// Set by the first sync that fails, for good.
    stopped: AtomicBool,
    pub(crate) durable_dirs: DurableDirs,
    /// `None` where nothing can be written anyway.
    pub(crate) locks: Option<Sharing>,
    /// `None` where nothing can be written anyway.
    journal: Option<Journal>,
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
            durable_dirs: DurableDirs::default(),
            locks: None,
            journal: None,
        };
        volume.make_durable_dir(volume.layout.root())?;
        if durable {
            // Whoever made them may have died before he had synced them. They are not ours: one
            // that cannot be opened is left to its owner.
            for above in root.ancestors().skip(1) {
                let _ = volume.disk.sync_dir(above);
            }
        }
        let dirs = [
            volume.layout.records().to_owned(),
            volume.layout.extents().to_owned(),
            volume.layout.open_names(),
            volume.layout.locks().to_owned(),
            volume.layout.journals(),
            volume.layout.tmp().to_owned(),
        ];
        for dir in &dirs {
            let made = volume.create_dir(dir);
            made.map_err(|error| failed("make directory", dir, error))?;
        }
        // Once for all of them; also if they were there, for another process may have made them
        // just now.
        volume.sync_dir(volume.layout.root())?;
        volume.durable_dirs.remember(dirs);
        volume.sweep_tmp()?;
        let dir = volume.layout.locks();
        volume.locks = match Sharing::open(&*volume.disk, dir) {
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => None,
            locks => Some(locks.map_err(|error| failed("lock", dir, error))?),
        };
        volume.journal = match Journal::open(&volume) {
            Err(error) if is_read_only(&error) => None,
            journal => Some(journal?),
        };
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

    pub(crate) fn journal(&self) -> Result<&Journal> {
        self.journal.as_ref().ok_or_else(|| {
            failed("write", &self.layout.journals(), io::ErrorKind::ReadOnlyFilesystem.into())
        })
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

    /// Opens a file of ours for reading; `None` if it is not there.
    pub(crate) fn open_to_read(
        &self,
        path: &Path,
        wait: Wait,
    ) -> Result<Option<(Box<dyn DiskFile>, Metadata)>> {
        let read = |error| failed("read", path, error);
        let opened = match wait {
            Wait::Never => self.disk.open_cached(path),
            Wait::Long => self.disk.open_read(path),
        };
        let Some(file) = found(opened).map_err(read)? else {
            return Ok(None);
        };
        let metadata = file.metadata().map_err(read)?;
        Ok(Some((file, metadata)))
    }

    /// Whether a file or directory of ours has this name now.
    pub(crate) fn is_there(&self, path: &Path) -> Result<bool> {
        let there = found(self.disk.metadata(path));
        Ok(there.map_err(|error| failed("look up", path, error))?.is_some())
    }

    /// Puts `bytes` under `path` in one step: a crash leaves the old file or the new one.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let tmp = self.write_synced_tmp(|file| file.write_all_at(bytes, 0))?;
        self.install(&tmp, path)
    }

    /// Writes a file beside the store's own, whole, to be given its name.
    pub(crate) fn write_tmp(
        &self,
        write: impl FnOnce(&dyn DiskFile) -> io::Result<()>,
    ) -> Result<PathBuf> {
        self.write_tmp_and(write, |_, _| Ok(()))
    }

    /// The same, and synced.
    pub(crate) fn write_synced_tmp(
        &self,
        write: impl FnOnce(&dyn DiskFile) -> io::Result<()>,
    ) -> Result<PathBuf> {
        self.write_tmp_and(write, |file, tmp| self.sync_file(file, tmp))
    }

    fn write_tmp_and(
        &self,
        write: impl FnOnce(&dyn DiskFile) -> io::Result<()>,
        then: impl FnOnce(&dyn DiskFile, &Path) -> Result<()>,
    ) -> Result<PathBuf> {
        self.check_writable()?;
        let tmp = self.layout.tmp().join(self.random_id()?.to_string());
        let file = self.disk.create(&tmp).map_err(|error| failed("make", &tmp, error))?;
        let written = write(&*file)
            .map_err(|error| failed("write", &tmp, error))
            .and_then(|()| then(&*file, &tmp));
        if let Err(error) = written {
            let _ = self.disk.remove_file(&tmp); // swept by a later opening if this fails too
            return Err(error);
        }
        Ok(tmp)
    }

    /// Moves a finished file to its name, in a directory that is durable, and makes that durable.
    pub(crate) fn install(&self, tmp: &Path, path: &Path) -> Result<()> {
        self.rename(tmp, path)?;
        self.sync_dir(parent(path))
    }

    /// Gives a file another name, which is not durable yet.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.disk.rename(from, to).map_err(|error| failed("make", to, error))
    }

    /// Deletes extents' files, if they are there, and makes it durable. Also if they are not:
    /// somebody may have deleted them just now, or died before he had synced it.
    pub(crate) fn delete_files(&self, paths: impl IntoIterator<Item = PathBuf>) -> Result<()> {
        self.check_writable()?;
        let mut dirs = BTreeSet::new();
        for path in paths {
            found(self.disk.remove_file(&path)).map_err(|error| failed("delete", &path, error))?;
            dirs.insert(parent(&path).to_owned());
        }
        for dir in &dirs {
            if self.is_there(dir)? {
                self.sync_dir(dir)?;
            }
        }
        Ok(())
    }

    /// Makes contents durable.
    pub(crate) fn sync_file(&self, file: &dyn DiskFile, path: &Path) -> Result<()> {
        if !self.durable {
            return Ok(());
        }
        aside(|| file.sync()).map_err(|error| self.stop(path, error))
    }

    /// Makes names durable.
    pub(crate) fn sync_dir(&self, dir: &Path) -> Result<()> {
        if !self.durable {
            return Ok(());
        }
        aside(|| self.disk.sync_dir(dir)).map_err(|error| self.stop(dir, error))
    }

    /// Makes everything durable that anybody has done to the file system. Also for a store that
    /// need not be durable: it may be so for another process.
    pub(crate) fn sync_all(&self) -> Result<()> {
        let root = self.layout.root();
        aside(|| self.disk.sync_all(root)).map_err(|error| self.stop(root, error))
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
        let entries = self.disk.read_dir(tmp).map_err(|error| failed("read", tmp, error))?;
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

fn is_read_only(error: &Error) -> bool {
    io_kind(error) == Some(io::ErrorKind::ReadOnlyFilesystem)
}

/// What the disk said, if it is its error.
pub(crate) fn io_kind(error: &Error) -> Option<io::ErrorKind> {
    let source = std::error::Error::source(error)?;
    Some(source.downcast_ref::<io::Error>()?.kind())
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
