//! Memory for the bytes of a batch, which begins at a page.
//!
//! It is of large pages, if the operating system has some. Where memory is cut into small ones that
//! lie about, as it is after a while, a virtual machine looks up each of them in two tables, and to
//! copy into them takes up to four times as long.

use std::alloc::{Layout, handle_alloc_error};
use std::mem;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use memmap2::MmapMut;

/// Memory of one holder.
#[derive(Debug, Default)]
pub(super) struct Buffer(Place);

#[derive(Debug, Default)]
enum Place {
    /// None at all.
    #[default]
    Nowhere,
    /// These bytes of a mapping of its own.
    Mapped(MmapMut, Range<usize>),
    /// A part of a page that this process keeps.
    Kept(&'static mut [u8]),
}

impl Buffer {
    /// New memory for so many bytes. Ends the process if there is none, as every allocation does.
    pub(super) fn new(len: usize) -> Self {
        let (map, used) = map(len);
        Self(Place::Mapped(map, used))
    }

    /// Memory that this process keeps, if there is some of that length.
    pub(super) fn kept(len: usize) -> Option<Self> {
        let kept = (len == KEPT_BYTES).then(take_kept)?;
        kept.map(|kept| Self(Place::Kept(kept)))
    }

    /// Whether it is kept anyway when it is dropped, or is none at all.
    pub(super) fn is_kept(&self) -> bool {
        !matches!(self.0, Place::Mapped(..))
    }

    pub(super) fn len(&self) -> usize {
        self.as_ref().len()
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Place::Nowhere => &[],
            Place::Mapped(map, used) => &map[used.clone()],
            Place::Kept(kept) => kept,
        }
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Place::Nowhere => &mut [],
            Place::Mapped(map, used) => &mut map[used.clone()],
            Place::Kept(kept) => kept,
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Place::Kept(kept) = mem::take(&mut self.0) {
            with_kept(|all| all.free.push(kept));
        }
    }
}

/// Parts of large pages, for as long as the process lives: a page that has been cut into parts is
/// never whole again.
#[derive(Debug)]
struct Kept {
    pages: usize,
    free: Vec<&'static mut [u8]>,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept { pages: 0, free: Vec::new() });

/// The part that was last in use, or one of a new page, unless there are enough of them.
fn take_kept() -> Option<&'static mut [u8]> {
    with_kept(|all| {
        if all.free.is_empty() && all.pages < KEPT_PAGES_MAX {
            all.pages += 1;
            let (map, used) = map(LARGE_PAGE_BYTES);
            let page = &mut Box::leak(Box::new(map))[used];
            all.free.extend(page.chunks_exact_mut(KEPT_BYTES));
        }
        all.free.pop()
    })
}

/// Never held while something is awaited.
fn with_kept<T>(act: impl FnOnce(&mut Kept) -> T) -> T {
    act(&mut KEPT.lock().unwrap_or_else(PoisonError::into_inner))
}

/// New memory, of which these bytes are to be used.
fn map(len: usize) -> (MmapMut, Range<usize>) {
    // Some systems begin a mapping at a large page only by chance.
    let spare = if len >= LARGE_PAGE_BYTES { LARGE_PAGE_BYTES } else { 0 };
    let Ok(map) = MmapMut::map_anon(len + spare) else {
        handle_alloc_error(Layout::array::<u8>(len).unwrap_or(Layout::new::<u8>()))
    };
    if spare == 0 {
        return (map, 0..len);
    }
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage); // or it has small ones
    let start = map.as_ptr().align_offset(LARGE_PAGE_BYTES).min(spare);
    (map, start..start + len)
}

/// That of most processors.
const LARGE_PAGE_BYTES: usize = 2 << 20;

/// That of the batches of many uploads at once.
pub(super) const KEPT_BYTES: usize = 1 << 20;

/// With what a batch of each of four uploads is gathered, written and hashed.
const KEPT_PAGES_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_begin_at_pages_and_are_nobody_elses() {
        let lens = [64 << 10, KEPT_BYTES, LARGE_PAGE_BYTES, 4 << 20];
        let buffer = |len| Buffer::kept(len).unwrap_or_else(|| Buffer::new(len));
        let mut buffers: Vec<_> = lens.into_iter().cycle().take(100).map(buffer).collect();
        for (n, buffer) in (0..).zip(&mut buffers) {
            buffer.as_mut().fill(n);
        }
        for ((n, buffer), len) in (0..).zip(&buffers).zip(lens.into_iter().cycle()) {
            let page = if len < LARGE_PAGE_BYTES { 4096 } else { LARGE_PAGE_BYTES };
            assert_eq!(buffer.as_ref().as_ptr().align_offset(page), 0);
            assert_eq!(buffer.len(), len);
            assert!(buffer.as_ref().iter().all(|byte| *byte == n), "{n}");
        }
        drop(buffers);
        with_kept(|all| assert!(all.pages <= KEPT_PAGES_MAX && !all.free.is_empty()));
    }
}
