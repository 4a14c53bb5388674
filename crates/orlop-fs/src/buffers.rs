//! Memory for what is read, used again and again.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// The buffers of one reader. New memory has to be cleared before it can be read into, which costs
/// nearly as much as the reading.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers {
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// A buffer that goes back to its reader with the last of its bytes.
struct Piece {
    buffer: Vec<u8>,
    len: usize,
    home: Buffers,
}

impl Buffers {
    /// Has `read` fill up to `len` bytes, and says how many; these are returned.
    pub(crate) fn fill<E>(
        &self,
        len: usize,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Bytes, E> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let buffer = spare.filter(|spare| spare.len() >= len).unwrap_or_else(|| vec![0; len]);
        let mut piece = Piece { buffer, len: 0, home: self.clone() };
        piece.len = read(&mut piece.buffer[..len])?.min(len);
        Ok(Bytes::from_owner(piece))
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        self.home.spare.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(buffers: &Buffers, len: usize, read: &[u8]) -> Bytes {
        let filled = buffers.fill(len, |buffer| {
            assert_eq!(buffer.len(), len);
            buffer[..read.len()].copy_from_slice(read);
            Ok::<_, ()>(read.len())
        });
        filled.unwrap()
    }

    #[test]
    fn memory_is_used_again_when_nobody_has_it_any_more() {
        let buffers = Buffers::default();
        let one = fill(&buffers, 8, b"12345678");
        let (at, part) = (one.as_ptr(), one.slice(2..4));
        let two = fill(&buffers, 8, b"abc");
        assert_ne!(two.as_ptr(), at);
        drop(one);
        assert_ne!(fill(&buffers, 8, b"x").as_ptr(), at, "a part of it is still there");
        assert_eq!((&part[..], &two[..]), (&b"34"[..], &b"abc"[..]));
        drop(part);
        let again = fill(&buffers, 6, b"new");
        assert_eq!((again.as_ptr(), &again[..]), (at, &b"new"[..]));
        assert!(buffers.fill(8, |_| Err(())).is_err());
    }
}
