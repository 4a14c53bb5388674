//! Memory for bytes on their way to a medium.

use bytes::{Buf, Bytes};

/// Gathers bytes, at a place in memory from which a medium can take them itself.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    memory: Vec<u8>,
    /// Where its first byte is: at a multiple of [`BLOCK_BYTES`].
    start: usize,
    len: usize,
}

impl Buffer {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }

    /// Takes bytes until there are `max`, and leaves the rest.
    pub(crate) fn fill(&mut self, bytes: &mut Bytes, max: usize) {
        let taken = bytes.len().min(max.saturating_sub(self.len));
        self.reserve(self.len + taken, max);
        let end = self.start + self.len;
        self.memory[end..end + taken].copy_from_slice(&bytes[..taken]);
        self.len += taken;
        bytes.advance(taken);
    }

    /// The same memory without bytes.
    pub(crate) fn emptied(self) -> Self {
        Self { len: 0, ..self }
    }

    /// Makes room for so many bytes, and soon for as many as it may get: what is small stays so.
    fn reserve(&mut self, len: usize, max: usize) {
        if self.start + len <= self.memory.len() {
            return;
        }
        let room = if len <= SMALL_BYTES { SMALL_BYTES } else { max.max(len) };
        let memory = vec![0; room + BLOCK_BYTES];
        let start = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        let mut larger = Self { memory, start, len: self.len };
        larger.memory[start..start + self.len].copy_from_slice(self.bytes());
        *self = larger;
    }
}

/// What a medium writes at a time, at least: the size of a page is a multiple of any block's.
pub(crate) const BLOCK_BYTES: usize = 4096;

const SMALL_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_as_much_as_it_may_and_begins_at_a_block() {
        let all: Vec<u8> = (0..=250).cycle().take(300_000).collect();
        for piece in [1000, 4096, 70_000, 300_000] {
            let (mut buffer, mut rest) = (Buffer::default(), Bytes::from(all.clone()));
            while buffer.len() < 200_000 {
                buffer.fill(&mut rest.split_to(piece.min(rest.len())), 200_000);
                assert_eq!(buffer.bytes(), &all[..buffer.len()]);
                assert_eq!(buffer.bytes().as_ptr().align_offset(BLOCK_BYTES), 0);
            }
            let mut more = Bytes::from_static(b"more");
            buffer.fill(&mut more, 200_000);
            assert_eq!((buffer.len(), &more[..]), (200_000, &b"more"[..]));
            let place = buffer.bytes().as_ptr();
            let mut buffer = buffer.emptied();
            buffer.fill(&mut more, 200_000);
            assert_eq!((buffer.bytes(), buffer.bytes().as_ptr()), (&b"more"[..], place));
        }
    }
}
