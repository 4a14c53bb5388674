//! Memory in which the bytes of uploads are gathered.
//!
//! Transports cut what they bring as it suits them. Here it becomes batches that are worth being
//! handed to another thread and to a medium, and that one copy serves both who writes and who
//! hashes. The memory of a batch comes back when both have let go of it.
//!
//! To wake a thread takes as long as to hash some hundred KiB, so batches grow with an upload; but
//! the last one is written and hashed when all has come in, so it must not be much of the whole.

use std::cmp::Reverse;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};

use super::buffer::{Buffer, KEPT_BYTES};

/// The memory of all uploads of a registry.
///
/// What they have used others can use: new memory has to be found and cleared by the operating
/// system, which takes as long as to fill it.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    spare: Mutex<Vec<Buffer>>,
    /// How many uploads have batches.
    uploads: AtomicUsize,
    /// How many batches somebody has.
    given: AtomicUsize,
}

/// The bytes of one upload that are in no batch yet.
#[derive(Debug)]
pub(super) struct Gather {
    memory: Arc<Memory>,
    buffer: Buffer,
    /// How many bytes are in it.
    len: usize,
    /// How many they may become.
    len_max: usize,
    /// Bytes of the batches that were given away.
    given_bytes: u64,
}

/// Bytes that were given away. Their memory comes back with the last who has them.
#[derive(Debug)]
struct Batch {
    memory: Arc<Memory>,
    buffer: Buffer,
    len: usize,
}

impl Gather {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        Self { memory, buffer: Buffer::default(), len: 0, len_max: 0, given_bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes bytes until the batch is whole, which begins at byte `start` of the extent, and leaves
    /// the rest. Says whether it is.
    pub(super) fn fill(&mut self, start: u64, bytes: &mut Bytes) -> bool {
        if self.len == 0 {
            // Up to a multiple of it, so that the next one begins where a block does.
            let whole = self.whole();
            let into = usize::try_from(start % whole as u64).unwrap_or_default();
            self.len_max = whole - into;
        }
        let taken = bytes.len().min(self.len_max.saturating_sub(self.len));
        let filled = self.len + taken;
        self.reserve(filled);
        self.buffer.as_mut()[self.len..filled].copy_from_slice(&bytes[..taken]);
        self.len = filled;
        bytes.advance(taken);
        self.len == self.len_max
    }

    /// The batch that they are, in memory that begins at a page.
    pub(super) fn take(&mut self) -> Bytes {
        if self.given_bytes == 0 {
            self.memory.uploads.fetch_add(1, Ordering::Relaxed);
        }
        self.memory.given.fetch_add(1, Ordering::Relaxed);
        self.given_bytes += self.len as u64;
        let (memory, buffer) = (self.memory.clone(), mem::take(&mut self.buffer));
        Bytes::from_owner(Batch { memory, buffer, len: mem::take(&mut self.len) })
    }

    /// How large the next batch is: a power of two.
    fn whole(&self) -> usize {
        let uploads = self.memory.uploads.load(Ordering::Relaxed).max(1);
        let max = BATCH_BYTES_MAX.min(BATCHES_BYTES_MAX / uploads);
        let part = usize::try_from(self.given_bytes / PARTS_MIN).unwrap_or(max).min(max);
        1 << part.max(BATCH_BYTES_MIN).ilog2()
    }

    /// Makes room for so many bytes, and soon for a whole batch: what is small stays so.
    fn reserve(&mut self, len: usize) {
        if len > self.buffer.len() {
            let whole = self.len_max.next_power_of_two().max(BATCH_BYTES_MIN);
            let mut larger =
                self.memory.buffer(if len <= SMALL_BYTES { SMALL_BYTES } else { whole });
            larger.as_mut()[..self.len].copy_from_slice(&self.buffer.as_ref()[..self.len]);
            self.buffer = larger;
        }
    }
}

impl Drop for Gather {
    fn drop(&mut self) {
        if self.given_bytes > 0 {
            self.memory.uploads.fetch_sub(1, Ordering::Relaxed);
        }
        self.memory.take_back(mem::take(&mut self.buffer));
    }
}

impl AsRef<[u8]> for Batch {
    fn as_ref(&self) -> &[u8] {
        &self.buffer.as_ref()[..self.len]
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.memory.given.fetch_sub(1, Ordering::Relaxed);
        self.memory.take_back(mem::take(&mut self.buffer));
    }
}

impl Memory {
    /// At least so many bytes.
    fn buffer(&self, len: usize) -> Buffer {
        if let Some(kept) = Buffer::kept(len) {
            return kept;
        }
        let mut spare = self.lock();
        let fits = spare.iter().enumerate().filter(|(_, buffer)| buffer.len() >= len);
        let at = fits.min_by_key(|(_, buffer)| buffer.len()).map(|(at, _)| at);
        let found = at.map(|at| spare.swap_remove(at));
        drop(spare);
        found.unwrap_or_else(|| Buffer::new(len))
    }

    /// Takes memory back, and keeps what may be needed soon, the largest, and a little for ever.
    fn take_back(&self, buffer: Buffer) {
        let uploads = self.uploads.load(Ordering::Relaxed);
        let needed = self.given.load(Ordering::Relaxed).max(uploads.saturating_mul(GIVEN_MAX));
        let mut spare = self.lock();
        if !buffer.is_kept() {
            spare.push(buffer);
        }
        if spare.len() <= needed {
            return;
        }
        spare.sort_unstable_by_key(|buffer| Reverse(buffer.len()));
        let mut bytes: usize = spare.iter().map(Buffer::len).sum();
        let mut surplus = Vec::new();
        while spare.len() > needed
            && bytes > SPARE_BYTES_MAX
            && let Some(smallest) = spare.pop()
        {
            bytes -= smallest.len();
            surplus.push(smallest);
        }
        drop(spare);
        drop(surplus); // which takes a while
    }

    /// Never held while something is awaited.
    fn lock(&self) -> MutexGuard<'_, Vec<Buffer>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Large enough that handing it to another thread costs little beside writing and hashing it.
const BATCH_BYTES_MIN: usize = KEPT_BYTES;

/// So large that it costs next to nothing.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// A batch is no larger than this part of what came before it.
const PARTS_MIN: u64 = 8;

/// What the uploads of a registry share for one batch of each, unless they are too many.
const BATCHES_BYTES_MAX: usize = 8 << 20;

const SMALL_BYTES: usize = 64 << 10;

/// One is hashed, and one waits for that or has just been; both are written meanwhile.
const GIVEN_MAX: usize = 2;

/// Two large batches, for the next upload: large pages take a while to be found and cleared.
const SPARE_BYTES_MAX: usize = 2 * BATCH_BYTES_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn place(batch: &Bytes) -> *const u8 {
        batch.as_ptr()
    }

    /// The next batch of an upload that has had `start` bytes.
    fn batch(gather: &mut Gather, start: usize) -> Bytes {
        let mut bytes = Bytes::from(vec![1; BATCH_BYTES_MAX]);
        assert!(gather.fill(start as u64, &mut bytes));
        gather.take()
    }

    /// An upload that has had so many bytes that its batches are as large as they may be.
    fn grown(memory: &Arc<Memory>) -> Gather {
        let mut gather = Gather::new(memory.clone());
        let mut start = 0;
        while start < GROWN {
            start += batch(&mut gather, start).len();
        }
        gather
    }

    #[test]
    fn a_batch_ends_at_a_multiple_and_begins_at_a_page() {
        let all: Vec<u8> = (0..=250).cycle().take(5 * MIB).collect();
        for (start, piece) in [(0, 70_000), (0, 3 * MIB), (5000, 4096), (MIB - 1, 1000)] {
            let mut gather = Gather::new(Arc::default());
            let (mut rest, end) = (Bytes::from(all.clone()), MIB - start % MIB);
            while !gather.fill(start as u64, &mut rest.split_to(piece.min(end - gather.len()))) {}
            let batch = gather.take();
            assert_eq!(batch, &all[..end]);
            assert_eq!(place(&batch).align_offset(4096), 0);
            assert_eq!(gather.len(), 0);
        }
    }

    #[test]
    fn batches_grow_with_an_upload_where_there_are_few() {
        let memory = Arc::new(Memory::default());
        let mut gather = Gather::new(memory.clone());
        let (mut sizes, mut start) = (Vec::new(), 0);
        while start < GROWN {
            let len = batch(&mut gather, start).len();
            assert!(len <= MIB || len <= start / 8, "{len} at {start}");
            start += len;
            sizes.push(len / MIB);
        }
        assert!(sizes.is_sorted(), "{sizes:?}");
        assert_eq!((sizes[0], sizes[sizes.len() - 1]), (1, 4));
        let mut others: Vec<_> = (0..7).map(|_| Gather::new(memory.clone())).collect();
        let sizes = others.iter_mut().map(|other| {
            batch(other, 0);
            batch(&mut gather, start).len() / MIB
        });
        assert_eq!(sizes.collect::<Vec<_>>(), [4, 2, 2, 1, 1, 1, 1], "beside 1 to 7 others");
        drop(others);
        assert_eq!(batch(&mut gather, start + 3 * MIB).len(), MIB, "up to a multiple");
        assert_eq!(batch(&mut gather, start + 4 * MIB).len(), 4 * MIB);
    }

    #[test]
    fn memory_comes_back_when_nobody_has_it() {
        let memory = Arc::new(Memory::default());
        let mut gather = grown(&memory);
        let first = place(&batch(&mut gather, GROWN));
        assert_eq!(place(&batch(&mut gather, GROWN)), first);
        let held = batch(&mut gather, GROWN);
        assert_ne!(place(&batch(&mut gather, GROWN)), place(&held), "it is somebody's");
        drop(gather);
        assert!(held.iter().all(|byte| *byte == 1));
        let place_of_held = place(&held);
        drop(held);
        let mut next = grown(&memory);
        let held: Vec<_> = (0..2).map(|_| batch(&mut next, GROWN)).collect();
        assert!(held.iter().any(|batch| place(batch) == place_of_held));
    }

    #[test]
    fn what_is_spare_is_as_much_as_is_in_use_and_the_largest() {
        let memory = Arc::new(Memory::default());
        let bytes = || memory.lock().iter().map(Buffer::len).sum::<usize>();
        let mut gather = grown(&memory);
        let held: Vec<_> = (0..10).map(|_| batch(&mut gather, GROWN)).collect();
        gather.fill(0, &mut vec![1; 10].into());
        let small = gather.take();
        for batch in held {
            drop(batch);
            let (spare, given) = (memory.lock().len(), memory.given.load(Ordering::Relaxed));
            assert!(spare <= given.max(GIVEN_MAX), "{spare} are spare, {given} in use");
        }
        drop(small);
        assert!(memory.lock().iter().all(|buffer| buffer.len() >= BATCH_BYTES_MAX));
        drop(gather);
        assert!((BATCH_BYTES_MAX..=SPARE_BYTES_MAX).contains(&bytes()), "{}", bytes());
    }

    #[test]
    fn what_begins_small_goes_on_in_larger_memory() {
        let mut gather = Gather::new(Arc::default());
        let parts = [vec![1; 10], vec![2; SMALL_BYTES], vec![3; 100]];
        for part in &parts {
            assert!(!gather.fill(0, &mut part.clone().into()));
        }
        assert_eq!(gather.take(), parts.concat());
    }

    const MIB: usize = 1 << 20;

    const GROWN: usize = 64 * MIB;
}
