//! An upload session's record: all that any process needs to go on with it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use orlop_backend::Checkpoint;
use orlop_oci::{Algorithm, Digest, HashState, Hasher, Invalid, RepositoryName};
use serde::{Deserialize, Serialize};

use super::inline_state;
use super::text::hex;

/// An upload session. Its id is also that of the extent it writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) stage: Stage,
    pub(crate) repository: RepositoryName,
    /// Seconds since 1970.
    started: u64,
    /// Bytes that are durable, which are also those that are hashed.
    pub(crate) offset: u64,
    algorithm: String,
    #[serde(with = "hex")]
    hash_state: Vec<u8>,
    /// The backend's own words about where the bytes lie.
    #[serde(with = "hex")]
    token: Vec<u8>,
    /// Whether nothing was stored in place of what was stored first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_first: bool,
    /// All bytes up to the offset, as long as they are few. There is nothing in the extent then.
    #[serde(skip)]
    pub(crate) inline: Option<Bytes>,
}

inline_state!(Session);

/// How far an upload has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// It takes bytes.
    Open,
    /// It takes no more bytes from another process, and is to become this blob. Written before
    /// the blob's record, so that a collector knows where to look for what became of it.
    Sealed(Digest),
    /// It was given up.
    Aborted,
}

impl Session {
    pub(crate) fn new(
        repository: RepositoryName,
        stage: Stage,
        algorithm: Algorithm,
        now: SystemTime,
    ) -> Self {
        let mut session = Self {
            stage,
            repository,
            started: seconds(now),
            offset: 0,
            algorithm: String::new(),
            hash_state: Vec::new(),
            token: Vec::new(),
            is_first: true,
            inline: None,
        };
        session.hash_up_to(&Hasher::new(algorithm));
        session
    }

    /// Takes over how far hash and extent have come.
    pub(crate) fn advance(&mut self, hasher: &Hasher, checkpoint: &Checkpoint) {
        self.hash_up_to(hasher);
        self.token = checkpoint.token.to_vec();
        self.inline = None;
    }

    /// Takes over how far the hash has come, and all bytes.
    pub(crate) fn advance_inline(&mut self, hasher: &Hasher, bytes: Bytes) {
        self.hash_up_to(hasher);
        self.inline = Some(bytes);
    }

    fn hash_up_to(&mut self, hasher: &Hasher) {
        let state = hasher.state();
        self.offset = state.size();
        self.algorithm = state.algorithm().to_string();
        self.hash_state = state.as_bytes().to_vec();
    }

    /// What it is to become, or has become.
    pub(crate) fn sealed(&self) -> Option<Digest> {
        match self.stage {
            Stage::Sealed(digest) => Some(digest),
            Stage::Open | Stage::Aborted => None,
        }
    }

    /// What tells which of two has come farther.
    pub(crate) fn come(&self) -> (bool, u64) {
        (self.sealed().is_some(), self.offset)
    }

    /// Where the extent ends.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        if self.inline.is_some() {
            return Checkpoint::start();
        }
        Checkpoint { len: self.offset, token: self.token.clone().into() }
    }

    /// The hash of all bytes up to the offset, without reading any of them.
    pub(crate) fn hasher(&self) -> Result<Hasher, Invalid> {
        let algorithm = self.algorithm.parse()?;
        Hasher::resume(&HashState::new(algorithm, self.offset, self.hash_state.clone()))
    }
}

/// Seconds since 1970; a clock before that counts as its beginning.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.as_ref().map_or(0, Duration::as_secs)
}
