//! A large blob, and how it is sent.

use bytes::Bytes;

use crate::content::noise;
use crate::session::{Session, offset};

pub(crate) const MIB: usize = 1 << 20;

pub(crate) const CHUNK: usize = 8 * MIB;

/// 100 MiB, each page of which is told apart by its number.
pub(crate) fn large_blob() -> Bytes {
    let page = noise(1, 4096);
    let mut blob = Vec::with_capacity(100 * MIB);
    for number in 0..(100 * MIB / page.len()) {
        blob.extend_from_slice(&number.to_le_bytes());
        blob.extend_from_slice(&page[size_of::<usize>()..]);
    }
    blob.into()
}

/// Sends a part of a blob, chunk by chunk.
pub(crate) async fn send_chunks(session: &Session, blob: &Bytes, from: usize, to: usize) {
    for first in (from..to).step_by(CHUNK) {
        let end = to.min(first + CHUNK);
        let answer = session.chunk(first, blob.slice(first..end)).await.expect(202);
        assert_eq!(offset(&answer), end);
    }
}
