//! Memory in which the bytes of uploads are gathered.
//!
//! Transports cut what they bring as it suits them. Here it becomes batches that are worth being
//! handed to another thread and to a medium, and that one copy serves both who writes and who
//! hashes. The memory of a batch comes back when both have let go of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes, BytesMut};

/// Memory that uploads have used and others can use: new memory has to be found and cleared by the
/// operating system, which takes as long as to fill it.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    spare: Mutex<Vec<BytesMut>>,
}

/// The bytes of one upload that are in no batch yet.
#[derive(Debug)]
pub(super) struct Gather {
    memory: Arc<Memory>,
    bytes: BytesMut,
    /// Batches that were given away, the oldest first.
    given: VecDeque<Bytes>,
}

impl Gather {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        Self { memory, bytes: BytesMut::new(), given: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes bytes until there are `max`, and leaves the rest.
    pub(super) fn fill(&mut self, bytes: &mut Bytes, max: usize) {
        let taken = bytes.len().min(max.saturating_sub(self.len()));
        self.reserve(self.len() + taken);
        self.bytes.extend_from_slice(&bytes[..taken]);
        bytes.advance(taken);
    }

    /// The batch that they are, in memory that begins at a multiple of [`PAGE_BYTES`].
    pub(super) fn take(&mut self) -> Bytes {
        let batch = std::mem::take(&mut self.bytes).freeze();
        self.given.push_back(batch.clone());
        batch
    }

    /// Makes room for so many bytes, and soon for a whole batch: what is small stays so.
    fn reserve(&mut self, len: usize) {
        if len <= self.bytes.capacity() {
            return;
        }
        let mut larger = self.free(len);
        larger.extend_from_slice(&self.bytes);
        self.bytes = larger;
    }

    fn free(&mut self, len: usize) -> BytesMut {
        // Who writes and who hashes are some batches behind. One who collects them keeps them all,
        // and there is no use in looking out for so many.
        while self.given.len() > GIVEN_MAX {
            self.given.pop_front();
        }
        let free = self.given.pop_front().map(Bytes::try_into_mut);
        match free {
            Some(Ok(free)) if free.capacity() >= len => return emptied(free),
            Some(Err(taken)) => self.given.push_front(taken),
            _ => {}
        }
        if len <= SMALL_BYTES {
            return aligned(SMALL_BYTES);
        }
        self.memory.lock().pop().unwrap_or_else(|| aligned(BATCH_BYTES))
    }
}

impl Drop for Gather {
    fn drop(&mut self) {
        let given = self.given.drain(..).filter_map(|batch| batch.try_into_mut().ok());
        let own = std::mem::take(&mut self.bytes);
        let mut spare = self.memory.lock();
        let whole = given.chain([own]).filter(|memory| memory.capacity() >= BATCH_BYTES);
        let room = SPARE_MAX.saturating_sub(spare.len());
        spare.extend(whole.take(room).map(emptied));
    }
}

impl Memory {
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
pub(super) const BATCH_BYTES: usize = 1 << 20;

/// From where a medium can take bytes itself: the size of a page is a multiple of any block's.
const PAGE_BYTES: usize = 4096;

const SMALL_BYTES: usize = 64 << 10;

/// One is written and hashed, and one has just been.
const GIVEN_MAX: usize = 2;

/// So many batches are kept for the next uploads.
const SPARE_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn place(batch: &Bytes) -> *const u8 {
        batch.as_ptr()
    }

    #[test]
    fn it_takes_as_much_as_it_may_and_begins_at_a_page() {
        let all: Vec<u8> = (0..=250).cycle().take(300_000).collect();
        for piece in [1000, 4096, 70_000, 300_000] {
            let mut gather = Gather::new(Arc::default());
            let mut rest = Bytes::from(all.clone());
            while gather.len() < 200_000 {
                gather.fill(&mut rest.split_to(piece.min(rest.len())), 200_000);
            }
            let batch = gather.take();
            assert_eq!(batch, &all[..200_000]);
            assert_eq!(place(&batch).align_offset(PAGE_BYTES), 0);
            assert_eq!(gather.len(), 0);
        }
    }

    #[test]
    fn memory_comes_back_when_nobody_has_it() {
        let memory = Arc::new(Memory::default());
        let mut gather = Gather::new(memory.clone());
        let whole = Bytes::from(vec![1; BATCH_BYTES]);
        let mut places = Vec::new();
        for _ in 0..4 {
            gather.fill(&mut whole.clone(), BATCH_BYTES);
            places.push(place(&gather.take()));
        }
        assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
        gather.fill(&mut whole.clone(), BATCH_BYTES);
        let held = gather.take();
        gather.fill(&mut whole.clone(), BATCH_BYTES);
        assert_ne!(place(&gather.take()), place(&held), "it is somebody's");
        drop(gather);
        assert_eq!(memory.lock().len(), 1, "one is held, one is spare");
        let mut next = Gather::new(memory.clone());
        next.fill(&mut whole.clone(), BATCH_BYTES);
        assert_eq!(memory.lock().len(), 0);
        assert_ne!(place(&next.take()), place(&held));
    }

    #[test]
    fn what_is_kept_for_others_is_bounded_and_whole() {
        let memory = Arc::new(Memory::default());
        let gathers: Vec<_> = (0..2 * SPARE_MAX)
            .map(|n| {
                let mut gather = Gather::new(memory.clone());
                let len = if n % 4 == 0 { 10 } else { BATCH_BYTES };
                gather.fill(&mut vec![1; len].into(), BATCH_BYTES);
                gather
            })
            .collect();
        drop(gathers);
        let spare = memory.lock();
        assert_eq!(spare.len(), SPARE_MAX);
        assert!(spare.iter().all(|memory| memory.capacity() >= BATCH_BYTES && memory.is_empty()));
    }
}
