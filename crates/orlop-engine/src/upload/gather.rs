//! Memory in which the bytes of uploads are gathered.
//!
//! Transports cut what they bring as it suits them. Here it becomes batches that are worth being
//! handed to another thread and to a medium, and that one copy serves both who writes and who
//! hashes. The memory of a batch comes back when both have let go of it.
//!
//! To wake a thread takes as long as to hash some hundred KiB, so batches grow with an upload; but
//! the last one is written and hashed when all has come in, so it must not be much of the whole.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes, BytesMut};

/// The memory of all uploads of a process.
///
/// What they have used others can use: new memory has to be found and cleared by the operating
/// system, which takes as long as to fill it.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    spare: Mutex<Vec<BytesMut>>,
    /// How many uploads have batches.
    uploads: AtomicUsize,
}

/// The bytes of one upload that are in no batch yet.
#[derive(Debug)]
pub(super) struct Gather {
    memory: Arc<Memory>,
    bytes: BytesMut,
    /// How many they may become.
    bytes_max: usize,
    /// Batches that were given away, the oldest first.
    given: VecDeque<Bytes>,
    given_bytes: u64,
}

impl Gather {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        let (bytes, given) = (BytesMut::new(), VecDeque::new());
        Self { memory, bytes, bytes_max: 0, given, given_bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes bytes until the batch is whole, which begins at byte `start` of the extent, and leaves
    /// the rest. Says whether it is.
    pub(super) fn fill(&mut self, start: u64, bytes: &mut Bytes) -> bool {
        if self.bytes.is_empty() {
            // Up to a multiple of it, so that the next one begins where a block does.
            let whole = self.whole();
            let into = usize::try_from(start % whole as u64).unwrap_or_default();
            self.bytes_max = whole - into;
        }
        let taken = bytes.len().min(self.bytes_max.saturating_sub(self.len()));
        self.reserve(self.len() + taken);
        self.bytes.extend_from_slice(&bytes[..taken]);
        bytes.advance(taken);
        self.len() == self.bytes_max
    }

    /// The batch that they are, in memory that begins at a multiple of [`PAGE_BYTES`].
    pub(super) fn take(&mut self) -> Bytes {
        let batch = mem::take(&mut self.bytes).freeze();
        if self.given_bytes == 0 {
            self.memory.uploads.fetch_add(1, Ordering::Relaxed);
        }
        self.given_bytes += batch.len() as u64;
        self.given.push_back(batch.clone());
        batch
    }

    /// How large the next batch is: a power of two.
    fn whole(&self) -> usize {
        let is_crowded = self.memory.uploads.load(Ordering::Relaxed) > FEW;
        let max = if is_crowded { BATCH_BYTES_MIN } else { BATCH_BYTES_MAX };
        let part = usize::try_from(self.given_bytes / PARTS_MIN).unwrap_or(max).clamp(1, max);
        (1 << part.ilog2()).max(BATCH_BYTES_MIN)
    }

    /// Makes room for so many bytes, and soon for a whole batch: what is small stays so.
    fn reserve(&mut self, len: usize) {
        if len > self.bytes.capacity() {
            let whole = self.bytes_max.next_power_of_two().max(BATCH_BYTES_MIN);
            let mut larger = self.free(if len <= SMALL_BYTES { SMALL_BYTES } else { whole });
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
    }

    /// Memory for so many bytes.
    fn free(&mut self, room: usize) -> BytesMut {
        // Who writes and who hashes are some batches behind. One who collects them keeps them all,
        // and there is no use in looking out for so many.
        while self.given.len() > GIVEN_MAX {
            self.given.pop_front();
        }
        match self.given.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(free)) if free.capacity() >= room => return emptied(free),
            Some(Err(taken)) => self.given.push_front(taken),
            _ => {}
        }
        self.memory.spare(room).unwrap_or_else(|| aligned(room))
    }
}

impl Drop for Gather {
    fn drop(&mut self) {
        if self.given_bytes > 0 {
            self.memory.uploads.fetch_sub(1, Ordering::Relaxed);
        }
        let given = self.given.drain(..).filter_map(|batch| batch.try_into_mut().ok());
        self.memory.keep(given.chain([mem::take(&mut self.bytes)]));
    }
}

impl Memory {
    fn spare(&self, room: usize) -> Option<BytesMut> {
        let mut spare = self.lock();
        let at = spare.iter().position(|memory| memory.capacity() >= room)?;
        Some(spare.swap_remove(at))
    }

    /// Keeps some of it for others.
    fn keep(&self, memory: impl Iterator<Item = BytesMut>) {
        let mut spare = self.lock();
        let mut kept: usize = spare.iter().map(BytesMut::capacity).sum();
        for memory in memory.filter(|memory| memory.capacity() >= BATCH_BYTES_MIN) {
            if kept + memory.capacity() <= SPARE_BYTES_MAX {
                kept += memory.capacity();
                spare.push(emptied(memory));
            }
        }
    }

    /// Never held while something is awaited.
    fn lock(&self) -> MutexGuard<'_, Vec<BytesMut>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn emptied(mut memory: BytesMut) -> BytesMut {
    memory.clear();
    memory
}

/// Memory for so many bytes that begins at a page.
fn aligned(len: usize) -> BytesMut {
    let mut memory = BytesMut::with_capacity(len + PAGE_BYTES);
    let skipped = memory.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES);
    memory.resize(skipped, 0);
    memory.advance(skipped);
    memory
}

/// Large enough that handing it to another thread costs little beside writing and hashing it.
const BATCH_BYTES_MIN: usize = 1 << 20;

/// So large that it costs next to nothing.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// A batch is no larger than this part of what came before it.
const PARTS_MIN: u64 = 8;

/// So many uploads may have large batches.
const FEW: usize = 4;

/// From where a medium can take bytes itself: the size of a page is a multiple of any block's.
const PAGE_BYTES: usize = 4096;

const SMALL_BYTES: usize = 64 << 10;

/// One is written and hashed, and one has just been.
const GIVEN_MAX: usize = 2;

/// What is kept for the next uploads.
const SPARE_BYTES_MAX: usize = 9 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn place(batch: &Bytes) -> *const u8 {
        batch.as_ptr()
    }

    /// The next batch of an upload that has had `start` bytes.
    fn batch(gather: &mut Gather, start: usize) -> Bytes {
        let mut bytes = Bytes::from(vec![1; BATCH_BYTES_MAX]);
        assert!(gather.fill(start as u64, &mut bytes));
        gather.take()
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
            assert_eq!(place(&batch).align_offset(PAGE_BYTES), 0);
            assert_eq!(gather.len(), 0);
        }
    }

    #[test]
    fn batches_grow_with_an_upload_where_there_are_few() {
        let memory = Arc::new(Memory::default());
        let mut gather = Gather::new(memory.clone());
        let (mut sizes, mut start) = (Vec::new(), 0);
        while start < 64 * MIB {
            let len = batch(&mut gather, start).len();
            assert!(len <= MIB || len <= start / 8, "{len} at {start}");
            start += len;
            sizes.push(len / MIB);
        }
        assert!(sizes.is_sorted(), "{sizes:?}");
        assert_eq!((sizes[0], sizes[sizes.len() - 1]), (1, 4));
        let mut others: Vec<_> = (0..FEW).map(|_| Gather::new(memory.clone())).collect();
        for other in &mut others {
            batch(other, 0);
        }
        assert_eq!(batch(&mut gather, start).len(), MIB, "it is crowded");
        drop(others);
        assert_eq!(batch(&mut gather, start + 3 * MIB).len(), MIB, "up to a multiple");
        assert_eq!(batch(&mut gather, start + 4 * MIB).len(), 4 * MIB);
    }

    #[test]
    fn memory_comes_back_when_nobody_has_it() {
        let memory = Arc::new(Memory::default());
        let mut gather = Gather::new(memory.clone());
        let first = place(&batch(&mut gather, 0));
        assert_eq!(place(&batch(&mut gather, MIB)), first);
        let held = batch(&mut gather, 2 * MIB);
        assert_ne!(place(&batch(&mut gather, 3 * MIB)), place(&held), "it is somebody's");
        drop(gather);
        assert_eq!(memory.lock().len(), 1, "one is held, one is spare");
        let mut next = Gather::new(memory.clone());
        assert_ne!(place(&batch(&mut next, 0)), place(&held));
        assert_eq!(memory.lock().len(), 0);
    }

    #[test]
    fn what_is_kept_for_others_is_bounded_and_not_small() {
        let memory = Arc::new(Memory::default());
        let gathers: Vec<_> = (0..40)
            .map(|n| {
                let mut gather = Gather::new(memory.clone());
                let len = if n % 4 == 0 { 10 } else { MIB - 1 };
                gather.fill(0, &mut vec![1; len].into());
                gather
            })
            .collect();
        drop(gathers);
        let spare = memory.lock();
        let kept: usize = spare.iter().map(BytesMut::capacity).sum();
        assert!((SPARE_BYTES_MAX - 2 * MIB..=SPARE_BYTES_MAX).contains(&kept), "{kept}");
        assert!(spare.iter().all(|memory| memory.capacity() >= MIB && memory.is_empty()));
    }
}
