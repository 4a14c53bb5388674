//! The layers that all images share.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::content::{noise, sha256};

/// A blob to push.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) bytes: Bytes,
    pub(crate) digest: String,
}

impl Blob {
    pub(crate) fn new(bytes: Bytes) -> Self {
        let digest = sha256(&bytes);
        Self { bytes, digest }
    }
}

/// A layer by its number, below [`LAYERS`]: the lower, the smaller.
pub(crate) fn layer(number: usize) -> Blob {
    static POOL: [OnceLock<Blob>; LAYERS] = [const { OnceLock::new() }; LAYERS];
    let make = || {
        let len = (LARGEST_BYTES >> ((LAYERS - 1 - number) * 3 / 4)).max(1);
        Blob::new(noise(number as u64 + 1, len))
    };
    POOL[number].get_or_init(make).clone()
}

pub(crate) const LAYERS: usize = 30;

const LARGEST_BYTES: usize = 3 << 20;
