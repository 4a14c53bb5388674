//! The operating system's locks between processes.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{DiskLocks, LockMode, is_locked, open_own};

/// Opens those of a directory: bytes of a few files where that can be done, since it takes neither a
/// file nor an open one for each, and else a file for each. Nobody can have the one and not the other
/// who shares the directory: it is one kernel.
pub(super) fn open(dir: &Path) -> io::Result<Box<dyn DiskLocks>> {
    #[cfg(target_os = "linux")]
    if let Some(ranges) = ranges::Ranges::open(dir)? {
        return Ok(Box::new(ranges));
    }
    Ok(Box::new(Files::open(dir)?))
}

fn open_lock(path: &Path) -> io::Result<File> {
    open_own(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)
}

/// A file for each, locked by `flock`.
#[derive(Debug)]
struct Files {
    dir: PathBuf,
    held: Mutex<HashMap<u64, File>>,
}

impl Files {
    fn open(dir: &Path) -> io::Result<Self> {
        let locks = Self { dir: dir.to_owned(), held: Mutex::default() };
        locks.file(0)?; // or nobody can lock anything
        Ok(locks)
    }

    fn file(&self, number: u64) -> io::Result<File> {
        open_lock(&self.dir.join(format!("lock-{number:x}")))
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, File>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskLocks for Files {
    fn try_lock(&self, number: u64, mode: LockMode) -> io::Result<bool> {
        let file = self.file(number)?;
        let is_held = is_locked(match mode {
            LockMode::Exclusive => file.try_lock(),
            LockMode::Shared => file.try_lock_shared(),
        })?;
        if is_held {
            self.held().insert(number, file);
        }
        Ok(is_held)
    }

    fn lock(&self, number: u64, mode: LockMode) -> io::Result<()> {
        let file = self.file(number)?;
        match mode {
            LockMode::Exclusive => file.lock()?,
            LockMode::Shared => file.lock_shared()?,
        }
        self.held().insert(number, file);
        Ok(())
    }

    fn unlock(&self, number: u64) -> io::Result<()> {
        self.held().remove(&number);
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod ranges {
    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    use super::{DiskLocks, File, LockMode, Path, io, open_lock};

    /// A byte for each, locked by `fcntl`, for an open file rather than for a process: who opens the
    /// same store twice is two.
    #[derive(Debug)]
    pub(super) struct Ranges {
        files: Vec<File>,
    }

    impl Ranges {
        /// `None` where the kernel has no such locks.
        pub(super) fn open(dir: &Path) -> io::Result<Option<Self>> {
            let open = |number| open_lock(&dir.join(format!("ranges-{number}")));
            let locks = Self { files: (0..FILES).map(open).collect::<io::Result<_>>()? };
            // Nobody minds who has this one for a moment.
            match locks.set(PROBED, libc::F_RDLCK, Patience::Never) {
                Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => return Ok(None),
                tried => tried?,
            };
            locks.unlock(PROBED)?;
            Ok(Some(locks))
        }

        /// Whether it is done.
        fn set(&self, number: u64, kind: libc::c_int, patience: Patience) -> nix::Result<bool> {
            let file = usize::try_from(number % FILES).unwrap_or_default();
            // Not side by side: the kernel would make one of those that meet, and part them again.
            let at = libc::off_t::try_from(number / FILES * 2).map_err(|_| Errno::EOVERFLOW)?;
            let range = libc::flock {
                l_type: libc::c_short::try_from(kind).map_err(|_| Errno::EINVAL)?,
                l_whence: 0, // from the file's begin
                l_start: at,
                l_len: 1,
                l_pid: 0,
            };
            loop {
                let argument = match patience {
                    Patience::Never => FcntlArg::F_OFD_SETLK(&range),
                    Patience::Long => FcntlArg::F_OFD_SETLKW(&range),
                };
                match fcntl(&self.files[file], argument) {
                    Ok(_) => return Ok(true),
                    Err(Errno::EAGAIN | Errno::EACCES) => return Ok(false),
                    Err(Errno::EINTR) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Patience {
        Never,
        Long,
    }

    fn kind(mode: LockMode) -> libc::c_int {
        match mode {
            LockMode::Exclusive => libc::F_WRLCK,
            LockMode::Shared => libc::F_RDLCK,
        }
    }

    impl DiskLocks for Ranges {
        fn try_lock(&self, number: u64, mode: LockMode) -> io::Result<bool> {
            Ok(self.set(number, kind(mode), Patience::Never)?)
        }

        fn lock(&self, number: u64, mode: LockMode) -> io::Result<()> {
            Ok(self.set(number, kind(mode), Patience::Long).map(drop)?)
        }

        fn unlock(&self, number: u64) -> io::Result<()> {
            Ok(self.set(number, libc::F_UNLCK, Patience::Never).map(drop)?)
        }
    }

    /// The kernel looks through all that are held in a file, so there are several.
    const FILES: u64 = 16;

    /// A number that is nobody's.
    const PROBED: u64 = u32::MAX as u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(open: impl Fn() -> Box<dyn DiskLocks>) {
        let (one, other) = (open(), open());
        assert!(one.try_lock(7, LockMode::Shared).unwrap());
        assert!(other.try_lock(7, LockMode::Shared).unwrap());
        assert!(one.try_lock(23, LockMode::Exclusive).unwrap());
        assert!(!other.try_lock(23, LockMode::Shared).unwrap());
        assert!(other.try_lock(39, LockMode::Exclusive).unwrap());
        one.unlock(23).unwrap();
        other.lock(23, LockMode::Exclusive).unwrap();
        assert!(!one.try_lock(23, LockMode::Exclusive).unwrap());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| one.lock(39, LockMode::Exclusive));
            drop(other); // and all of its locks with it
            waiting.join().unwrap().unwrap();
        });
        assert!(one.try_lock(23, LockMode::Shared).unwrap());
    }

    #[test]
    fn each_number_is_a_lock() {
        let dir = tempfile::tempdir().unwrap();
        check(|| open(dir.path()).unwrap());
        check(|| Box::new(Files::open(dir.path()).unwrap()));
    }
}
