//! What Linux is asked for. Elsewhere no answer is a file, and nobody asks.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;

/// Sends up to `len` bytes of a file from `at`, as many as the socket takes.
#[cfg(target_os = "linux")]
pub(super) fn send_file(socket: impl AsFd, file: &File, at: u64, len: usize) -> io::Result<usize> {
    let mut at = at;
    Ok(rustix::fs::sendfile(socket, file, Some(&mut at), len)?)
}

/// Sends bytes that others follow at once, so that they may wait for those.
#[cfg(target_os = "linux")]
pub(super) fn send_before_others(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    use rustix::net::{SendFlags, send};
    Ok(send(socket, bytes, SendFlags::MORE | SendFlags::NOSIGNAL)?)
}

/// Whether a byte of a file can be had without waiting for a medium.
#[cfg(target_os = "linux")]
pub(super) fn is_in_memory(file: &File, at: u64) -> bool {
    use rustix::io::{ReadWriteFlags, preadv2};
    let mut byte = [0];
    preadv2(file, &mut [io::IoSliceMut::new(&mut byte)], at, ReadWriteFlags::NOWAIT).is_ok()
}

/// Begins to read a range in the background. It is but a hint.
#[cfg(target_os = "linux")]
pub(super) fn read_ahead(file: &File, range: Range<u64>) {
    if let Some(len) = std::num::NonZero::new(range.end - range.start) {
        let _ = rustix::fs::fadvise(file, range.start, Some(len), rustix::fs::Advice::WillNeed);
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn send_file(_: impl AsFd, _: &File, _: u64, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn send_before_others(_: impl AsFd, _: &[u8]) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_in_memory(_: &File, _: u64) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read_ahead(_: &File, _: Range<u64>) {}
