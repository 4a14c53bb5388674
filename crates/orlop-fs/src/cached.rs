//! What the operating system has in memory, and so gives at once.
//!
//! To hand a small read to a thread that may block costs ten times as much as the read. So it is
//! tried here and now first, in a way in which the operating system refuses where it would have to
//! wait for a medium. Where nothing can be asked in this way, everything is refused.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;

/// Opens a file of ours for reading: no symbolic link, and no pipe that is waited for.
#[cfg(target_os = "linux")]
pub(crate) fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED) {
        Ok(file) => Ok(file.into()),
        Err(rustix::io::Errno::NOENT) => Err(ErrorKind::NotFound.into()),
        Err(_) => Err(refused()), // also by a kernel that does not know how to ask
    }
}

/// Reads up to `buffer.len()` bytes, or as many as there are in memory.
#[cfg(target_os = "linux")]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};
    let buffers = &mut [io::IoSliceMut::new(buffer)];
    preadv2(file, buffers, offset, ReadWriteFlags::NOWAIT).map_err(|_| refused())
}

/// Begins to read a range in the background. It is but a hint.
#[cfg(target_os = "linux")]
pub(crate) fn read_ahead(file: &File, range: Range<u64>) {
    if let Some(len) = std::num::NonZero::new(range.end.saturating_sub(range.start)) {
        let _ = rustix::fs::fadvise(file, range.start, Some(len), rustix::fs::Advice::WillNeed);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn open(_path: &Path) -> io::Result<File> {
    Err(refused())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn read_at(_file: &File, _buffer: &mut [u8], _offset: u64) -> io::Result<usize> {
    Err(refused())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn read_ahead(_file: &File, _range: Range<u64>) {}

/// What fails with this must not wait for a medium, and would have to.
pub(crate) fn refused() -> io::Error {
    ErrorKind::WouldBlock.into()
}
