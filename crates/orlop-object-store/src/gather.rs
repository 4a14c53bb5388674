//! Bytes that wait until they fill a part.

use std::collections::VecDeque;
use std::mem;

use bytes::{Bytes, BytesMut};

/// A queue of bytes. What came in large pieces is not copied; small pieces are put together, so
/// that a client that sends single bytes takes no more memory than they do.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    whole: VecDeque<Bytes>,
    small: BytesMut,
    len: usize,
}

impl Gather {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.len += bytes.len();
        if bytes.len() < SMALL_BYTES {
            self.small.extend_from_slice(&bytes);
        }
        if bytes.len() >= SMALL_BYTES || self.small.len() >= JOINED_BYTES {
            self.join();
        }
        if bytes.len() >= SMALL_BYTES {
            self.whole.push_back(bytes);
        }
    }

    /// Puts what lies in front of all these bytes there.
    pub(crate) fn prepend(&mut self, front: Vec<Bytes>) {
        for bytes in front.into_iter().rev() {
            self.len += bytes.len();
            self.whole.push_front(bytes);
        }
    }

    /// Takes the first `count` bytes, or all if there are fewer.
    pub(crate) fn take(&mut self, count: usize) -> Vec<Bytes> {
        self.join();
        let mut taken = Vec::new();
        let mut missing = count.min(self.len);
        self.len -= missing;
        while missing > 0
            && let Some(mut first) = self.whole.pop_front()
        {
            if first.len() > missing {
                taken.push(first.split_to(missing));
                self.whole.push_front(first);
                break;
            }
            missing -= first.len();
            taken.push(first);
        }
        taken
    }

    pub(crate) fn take_all(&mut self) -> Vec<Bytes> {
        self.take(self.len)
    }

    /// A copy of everything, which stays.
    pub(crate) fn copy(&mut self) -> Bytes {
        self.join();
        self.whole.iter().flatten().copied().collect()
    }

    fn join(&mut self) {
        if !self.small.is_empty() {
            self.whole.push_back(mem::take(&mut self.small).freeze());
        }
    }
}

/// What is smaller is copied.
const SMALL_BYTES: usize = 16 << 10;

/// How much is put together.
const JOINED_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_come_out_as_they_went_in(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40_000), 0..12),
            front in prop::collection::vec(any::<u8>(), 0..100),
            takes in prop::collection::vec(0..60_000usize, 0..8),
        ) {
            let mut gather = Gather::default();
            for piece in &pieces {
                gather.push(piece.clone().into());
            }
            gather.prepend(vec![front.clone().into()]);
            let all: Vec<u8> = front.into_iter().chain(pieces.concat()).collect();
            prop_assert_eq!(gather.copy(), &all);
            let mut taken = Vec::new();
            for take in takes {
                let expected = take.min(all.len() - taken.len());
                let part = gather.take(take).concat();
                prop_assert_eq!(part.len(), expected);
                taken.extend(part);
                prop_assert_eq!(gather.len(), all.len() - taken.len());
            }
            taken.extend(gather.take_all().concat());
            prop_assert_eq!(gather.len(), 0);
            prop_assert_eq!(taken, all);
        }
    }
}
