//! Writes that the operating system does not keep in memory.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

/// Hands bytes to the medium as they are; `false`, and nothing is promised of them, where the file
/// system or the medium does not take them in this way.
#[cfg(target_os = "linux")]
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<bool> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let flags = fcntl_getfl(file)?;
    if fcntl_setfl(file, flags | OFlags::DIRECT).is_err() {
        return Ok(false);
    }
    let written = FileExt::write_all_at(file, bytes, offset);
    fcntl_setfl(file, flags)?;
    match written {
        // Its blocks are larger, or it wants them elsewhere in memory.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(false),
        written => written.map(|()| true),
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn write_all_at(_file: &File, _bytes: &[u8], _offset: u64) -> io::Result<bool> {
    Ok(false)
}
