//! The few calls to the operating system that this crate makes, and nothing else.
//!
//! Everything above goes through [`Disk`], so that a simulation can stand in for the machine and
//! show what a power cut leaves of what was not synced.

mod locking;

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

use crate::{cached, direct};

/// A file system.
pub trait Disk: Debug + Send + Sync {
    /// Makes a file that must not exist yet, for reading and writing.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading.
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// The same if it takes no medium to do it: where one would have to be waited for, it fails with
    /// [`ErrorKind::WouldBlock`].
    fn open_cached(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name, replacing what had that name, in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// The same where something had that name, which may be found under the other name if the
    /// process dies.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename(from, to)
    }
    /// Deletes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Makes a directory whose parent exists.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory that has no names.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes durable which names a directory has.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes everything durable that was done to the file system of `path`, by whomever.
    fn sync_all(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, in any order.
    fn read_dir(&self, path: &Path) -> io::Result<DirEntries>;
    /// What is known about a file or directory; symbolic links are not followed.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
    /// Opens the locks that are kept in a directory, which are made if need be.
    fn open_locks(&self, dir: &Path) -> io::Result<Box<dyn DiskLocks>>;
}

/// An open file. Its locks end when it is dropped, or its process ends.
pub trait DiskFile: Debug + Send + Sync {
    /// Reads up to `buffer.len()` bytes at `offset`; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// The same if the bytes are in memory, or some of them: where a medium would have to be waited
    /// for, it fails with [`ErrorKind::WouldBlock`].
    fn read_cached_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Lets the operating system begin to read what will be asked for soon.
    fn read_ahead(&self, range: Range<u64>);
    /// The same open file, for who hands it to the operating system; `None` if it has none.
    fn to_os(&self) -> io::Result<Option<File>>;
    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// The same past the operating system's memory, for what nobody will read soon: at an offset
    /// and of a length that are multiples of a block. `false` if that cannot be done; then it may
    /// have written some of them.
    fn write_direct_at(&self, bytes: &[u8], offset: u64) -> io::Result<bool> {
        self.write_all_at(bytes, offset).map(|()| true)
    }
    /// Cuts the file off.
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Makes contents and length durable, but not the name.
    fn sync(&self) -> io::Result<()>;
    /// What is known about it.
    fn metadata(&self) -> io::Result<Metadata>;
    /// Locks it for this one holder, unless somebody else has.
    fn try_lock(&self) -> io::Result<bool>;
    /// Locks it for all who share it, unless somebody has it for himself.
    fn try_lock_shared(&self) -> io::Result<bool>;
}

/// Locks between processes, each of which has a number below 2^32. Who opens them is one holder: to
/// take again what it has is to change the mode, so its threads must exclude each other by other
/// means. Its locks end when this is dropped, or its process ends.
pub trait DiskLocks: Debug + Send + Sync {
    /// Takes a lock, unless somebody else has it.
    fn try_lock(&self, number: u64, mode: LockMode) -> io::Result<bool>;
    /// The same, waiting for those who have it.
    fn lock(&self, number: u64, mode: LockMode) -> io::Result<()>;
    /// Gives a lock back.
    fn unlock(&self, number: u64) -> io::Result<()>;
}

/// The names in a directory.
pub type DirEntries = Box<dyn Iterator<Item = io::Result<DirEntry>> + Send>;

/// A name in a directory.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // made by every disk
pub struct DirEntry {
    /// The name; names that are not UTF-8 are none of ours and are left out.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// What is known about a file or directory.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // made by every disk
pub struct Metadata {
    /// Length in bytes.
    pub len: u64,
    /// When it was last written.
    pub modified: SystemTime,
}

/// How a lock excludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // there are no others
pub enum LockMode {
    /// Nobody else has it.
    Exclusive,
    /// Others may share it.
    Shared,
}

/// The operating system's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(open_own(OpenOptions::new().read(true).write(true), path)?))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(open_own(OpenOptions::new().read(true), path)?))
    }

    fn open_cached(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(cached::open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// By an exchange: ext4 takes a file that is renamed over another one for one that was never
    /// synced, and begins to write it out.
    #[cfg(target_os = "linux")]
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE) {
            Ok(()) => {
                let _ = fs::remove_file(from); // or it stays, as if the process had died here
                Ok(())
            }
            Err(_) => fs::rename(from, to), // also if the file system cannot
        }
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    #[cfg(target_os = "linux")]
    fn sync_all(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(path)?)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_all(&self, _path: &Path) -> io::Result<()> {
        rustix::fs::sync();
        Ok(())
    }

    fn read_dir(&self, path: &Path) -> io::Result<DirEntries> {
        let entries = fs::read_dir(path)?.filter_map(|entry| {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error)),
            };
            let name = entry.file_name().into_string().ok()?;
            let is_dir = match entry.file_type() {
                Ok(file_type) => file_type.is_dir(),
                Err(error) if error.kind() == ErrorKind::NotFound => return None,
                Err(error) => return Some(Err(error)),
            };
            Some(Ok(DirEntry { name, is_dir }))
        });
        Ok(Box::new(entries))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::symlink_metadata(path).and_then(|metadata| known(&metadata))
    }

    fn open_locks(&self, dir: &Path) -> io::Result<Box<dyn DiskLocks>> {
        locking::open(dir)
    }
}

/// Opens a file that this crate has made. Somebody else may have put something in its place: what a
/// symbolic link leads to is neither read nor written, and nobody waits for a pipe.
fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let opened = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP | libc::EMLINK) => {
            io::Error::new(ErrorKind::InvalidData, "it is a symbolic link")
        }
        Some(libc::ENXIO) => io::Error::new(ErrorKind::InvalidData, "it is a pipe or a socket"),
        _ => error,
    })
}

fn is_locked(result: Result<(), TryLockError>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn read_cached_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        cached::read_at(self, buffer, offset)
    }

    fn read_ahead(&self, range: Range<u64>) {
        cached::read_ahead(self, range);
    }

    fn to_os(&self) -> io::Result<Option<File>> {
        self.try_clone().map(Some)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn write_direct_at(&self, bytes: &[u8], offset: u64) -> io::Result<bool> {
        direct::write_all_at(self, bytes, offset)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data() // the length is data enough to be synced with it
    }

    fn metadata(&self) -> io::Result<Metadata> {
        File::metadata(self).and_then(|metadata| known(&metadata))
    }

    fn try_lock(&self) -> io::Result<bool> {
        is_locked(File::try_lock(self))
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        is_locked(File::try_lock_shared(self))
    }
}

fn known(metadata: &fs::Metadata) -> io::Result<Metadata> {
    Ok(Metadata { len: metadata.len(), modified: metadata.modified()? })
}
