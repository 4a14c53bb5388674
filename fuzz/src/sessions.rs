//! What upload sessions may be: a model that knows what was acknowledged, and what may have
//! happened besides.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::TryStreamExt;
use orlop::{Algorithm, Digest, Error, ErrorKind, Repository, UploadId};

/// One upload session.
#[derive(Debug)]
pub struct Session {
    /// Its name.
    pub id: UploadId,
    /// Which repository it is of.
    pub repository: usize,
    /// What it was begun with.
    pub algorithm: Algorithm,
    /// What it may have come to, somewhere on its way. No two of them have the same length.
    states: Vec<Vec<u8>>,
    /// How many bytes were acknowledged.
    durable: usize,
    /// Whether somebody tried to end it.
    pub may_be_over: bool,
    /// Whether it was acknowledged that it ended.
    pub is_over: bool,
}

impl Session {
    /// One that was begun just now.
    pub fn new(id: UploadId, repository: usize, algorithm: Algorithm) -> Self {
        let states = vec![Vec::new()];
        let (may_be_over, is_over) = (false, false);
        Self { id, repository, algorithm, states, durable: 0, may_be_over, is_over }
    }

    /// How many bytes were acknowledged so far: who looks from now on finds no fewer.
    pub fn durable(&self) -> usize {
        self.durable
    }

    /// The bytes of a session that was found at `offset` by who began to look when `floor` bytes
    /// were acknowledged.
    pub fn at(&self, offset: u64, floor: usize) -> &[u8] {
        let known = self.states.iter().find(|state| state.len() as u64 == offset);
        let known = known.unwrap_or_else(|| panic!("{offset} is no place where it ever was"));
        assert!(known.len() >= floor, "{floor} bytes were acknowledged, {offset} are there");
        known
    }

    /// Whether the session can have been somewhere else than at `at`.
    pub fn may_be_elsewhere(&self, at: u64, floor: usize) -> bool {
        self.states.iter().any(|state| state.len() >= floor && state.len() as u64 != at)
    }

    /// Somebody is about to make it come to this. `false` if that could not be told from what
    /// somebody else tries.
    pub fn try_to_reach(&mut self, bytes: &[u8]) -> bool {
        match self.states.iter().find(|state| state.len() == bytes.len()) {
            Some(known) => known == bytes,
            None => {
                self.states.push(bytes.to_owned());
                true
            }
        }
    }

    /// It was acknowledged that it came to this.
    pub fn reached(&mut self, bytes: &[u8]) {
        let durable = self.at(self.durable as u64, self.durable);
        assert!(
            bytes.starts_with(durable) || durable.starts_with(bytes),
            "two writers were told that they won"
        );
        self.durable = self.durable.max(bytes.len());
    }

    /// It was acknowledged that it ended as this.
    pub fn ended(&mut self, bytes: &[u8]) {
        let durable = self.at(self.durable as u64, self.durable);
        assert!(bytes.starts_with(durable), "it ended without what was acknowledged");
        self.is_over = true;
    }
}

/// The blobs that were acknowledged, of each repository.
pub type Blobs = BTreeMap<(usize, Digest), Vec<u8>>;

/// Makes sure that a blob is there, and what it was.
pub async fn check_blob(repository: &Repository, digest: &Digest, expected: &[u8]) {
    let blob = repository.blob(digest).await.expect("a readable record").expect("the blob");
    assert_eq!(blob.descriptor().size, expected.len() as u64);
    let half = expected.len() as u64 / 2;
    for range in [0..u64::MAX, half..half + 3] {
        let start = usize::try_from(range.start).expect("small");
        let end = expected.len().min(usize::try_from(range.end).unwrap_or(usize::MAX));
        let read = blob.read(range).await.expect("the bytes");
        let read: Vec<Bytes> = read.try_collect().await.expect("all of the bytes");
        assert_eq!(read.concat(), &expected[start..end]);
    }
}

/// Makes sure that a failure is one that a writer may see who has rivals.
pub fn check_failure(error: &Error, has_troubles: bool, others: &[ErrorKind]) {
    let rivals = [ErrorKind::UploadConflict, ErrorKind::UploadUnknown];
    let is_known = rivals.contains(&error.kind()) || others.contains(&error.kind());
    let is_trouble = has_troubles && error.kind() == ErrorKind::Unavailable;
    assert!(is_known || is_trouble, "{error:?}");
}
