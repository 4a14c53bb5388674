//! What a body is made of.

use std::ptr;

use bytes::{Buf, Bytes};

/// A piece of a body.
#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    /// So many bytes of the part of a file that is next in [`Parts`](super::Parts).
    File(usize),
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(len) => *len,
        }
    }

    /// Of a file the place holder, which nobody may copy.
    fn chunk(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::File(len) => &PLACE_HOLDER[..*len],
        }
    }

    fn advance(&mut self, sent: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(sent),
            Self::File(len) => *len -= sent,
        }
    }
}

/// Whether bytes stand for a part of a file: not what they are says it, but where they are.
pub(super) fn is_place_holder(bytes: &[u8]) -> bool {
    ptr::eq(bytes.as_ptr(), PLACE_HOLDER.as_ptr()) && !bytes.is_empty()
}

/// Sent at a time: enough that a step does not count, and so little that others need not wait.
pub(super) const PIECE_BYTES: usize = 1 << 20;

/// Never read, so the operating system never finds memory for it.
static PLACE_HOLDER: [u8; PIECE_BYTES] = [0; PIECE_BYTES];
