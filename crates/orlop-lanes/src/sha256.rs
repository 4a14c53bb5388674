//! A stream on its way to its hash.

use std::fmt;

use sha2::block_api::compress256;

use crate::constants::START;
use crate::kernel::Kernel;
use crate::lane::{Block, Lane, State};

/// The SHA-256 of a stream of bytes, which can be put down in the middle and taken up again
/// elsewhere.
///
/// ```
/// use orlop_lanes::Sha256;
///
/// let mut sha = Sha256::new();
/// sha.update(b"hel");
/// let state = sha.state(); // store it; go on in another process
/// let mut sha = Sha256::resume(&state).expect("it was stored by the line above");
/// sha.update(b"lo");
/// assert_eq!(sha.finish()[..4], [0x2c, 0xf2, 0x4d, 0xba]);
/// ```
#[derive(Clone)]
pub struct Sha256 {
    state: State,
    /// Blocks that are in `state`.
    blocks: u64,
    /// What follows the last whole block. The bytes behind `tail_len` mean nothing.
    tail: Block,
    tail_len: usize,
}

impl Sha256 {
    /// How many bytes [`Sha256::state`] has.
    pub const STATE_BYTES: usize = 104;

    /// Starts with no bytes seen.
    pub fn new() -> Self {
        Self { state: START, blocks: 0, tail: [0; BLOCK_BYTES], tail_len: 0 }
    }

    /// Hashes the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        let Lane { state, blocks } = self.absorb(bytes);
        compress256(state, blocks);
    }

    /// Hashes the next bytes of several streams, up to three side by side: where the processor has
    /// instructions for SHA-256, two or three streams take hardly longer than one. They need not
    /// be equally long, but what is longer than the others is hashed alone at the end.
    ///
    /// ```
    /// use orlop_lanes::Sha256;
    ///
    /// let (mut one, mut other) = (Sha256::new(), Sha256::new());
    /// Sha256::update_many([(&mut one, &b"hello"[..]), (&mut other, &b"world"[..])]);
    /// assert_eq!(one.finish()[..4], [0x2c, 0xf2, 0x4d, 0xba]);
    /// assert_eq!(other.finish()[..4], [0x48, 0x6e, 0xa4, 0x62]);
    /// ```
    pub fn update_many<'a>(streams: impl IntoIterator<Item = (&'a mut Self, &'a [u8])>) {
        Self::update_many_with(Kernel::detect(), streams);
    }

    pub(crate) fn update_many_with<'a>(
        kernel: Kernel,
        streams: impl IntoIterator<Item = (&'a mut Self, &'a [u8])>,
    ) {
        let lanes = streams.into_iter().map(|(sha, bytes)| sha.absorb(bytes));
        Lane::run_all(kernel, lanes);
    }

    /// Ends the stream.
    pub fn finish(mut self) -> [u8; 32] {
        let bits = self.blocks.wrapping_mul(BLOCK_BYTES as u64).wrapping_add(self.tail_len as u64);
        let bits = bits.wrapping_mul(8);
        // A bit that is set, as many that are not as it takes, and the length at the end of a block.
        let mut padding = [[0; BLOCK_BYTES]; 2];
        padding[0][..self.tail_len].copy_from_slice(&self.tail[..self.tail_len]);
        padding[0][self.tail_len] = 0x80;
        let last = usize::from(self.tail_len >= LENGTH_AT);
        padding[last][LENGTH_AT..].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut self.state, &padding[..=last]);
        let mut hash = [0; 32];
        for (four, word) in hash.as_chunks_mut().0.iter_mut().zip(self.state) {
            *four = word.to_be_bytes();
        }
        hash
    }

    /// Everything needed to go on later, in any process on any machine.
    ///
    /// These are the bytes of `sha2` 0.11's `SerializableState`: the eight words of the state and
    /// the number of blocks in them, little endian; then a byte that says how many bytes follow
    /// the last whole block, and 63 with these in front and zeros behind.
    pub fn state(&self) -> [u8; Self::STATE_BYTES] {
        let mut stored = [0; Self::STATE_BYTES];
        let (words, rest) = stored.split_at_mut(32);
        for (four, word) in words.as_chunks_mut().0.iter_mut().zip(self.state) {
            *four = word.to_le_bytes();
        }
        let (blocks, tail) = rest.split_at_mut(8);
        blocks.copy_from_slice(&self.blocks.to_le_bytes());
        tail[0] = u8::try_from(self.tail_len).unwrap_or_default(); // it is below 64
        tail[1..=self.tail_len].copy_from_slice(&self.tail[..self.tail_len]);
        stored
    }

    /// Takes up a stream where [`Sha256::state`] put it down. `None` for bytes that it cannot have
    /// made. The words of a state can be any, so that they are the right ones is for whoever
    /// stored them to know.
    pub fn resume(stored: &[u8; Self::STATE_BYTES]) -> Option<Self> {
        let (words, _) = stored.as_chunks();
        let mut sha = Self::new();
        for (word, four) in sha.state.iter_mut().zip(words) {
            *word = u32::from_le_bytes(*four);
        }
        let (blocks, tail) = stored[32..].split_first_chunk()?;
        sha.blocks = u64::from_le_bytes(*blocks);
        let (tail_len, tail) = tail.split_first()?;
        sha.tail_len = usize::from(*tail_len);
        if sha.tail_len >= BLOCK_BYTES || tail[sha.tail_len..].iter().any(|byte| *byte != 0) {
            return None;
        }
        sha.tail[..tail.len()].copy_from_slice(tail);
        Some(sha)
    }

    /// Takes bytes in, but for the whole blocks in them: these are to be hashed next.
    fn absorb<'a>(&'a mut self, mut bytes: &'a [u8]) -> Lane<'a> {
        if self.tail_len > 0 {
            let (filling, rest) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.tail_len));
            self.push(filling);
            bytes = rest;
            if self.tail_len == BLOCK_BYTES {
                compress256(&mut self.state, &[self.tail]);
                self.blocks = self.blocks.wrapping_add(1);
                self.tail_len = 0;
            }
        }
        let (blocks, rest) = bytes.as_chunks();
        self.push(rest);
        self.blocks = self.blocks.wrapping_add(blocks.len() as u64);
        Lane { state: &mut self.state, blocks }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.tail[self.tail_len..][..bytes.len()].copy_from_slice(bytes);
        self.tail_len += bytes.len();
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { blocks, tail_len, .. } = self;
        f.debug_struct("Sha256")
            .field("blocks", blocks)
            .field("tail_len", tail_len)
            .finish_non_exhaustive()
    }
}

const BLOCK_BYTES: usize = size_of::<Block>();

/// Where the length of the stream stands in its last block.
const LENGTH_AT: usize = BLOCK_BYTES - 8;
