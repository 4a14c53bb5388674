//! What could not be read of a record, kept for whoever wants to look at it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{decode_headed, encode_headed};
use crate::store::State;

/// The bytes of a record as they were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aside {
    pub(crate) header: AsideHeader,
    pub(crate) bytes: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AsideHeader {
    /// The key that they were under.
    pub(crate) key: String,
}

impl State for Aside {
    fn encode(&self) -> Result<Bytes, String> {
        encode_headed(&self.header, &self.bytes)
    }

    fn decode(value: Bytes) -> Result<Self, String> {
        let (header, bytes) = decode_headed(&value)?;
        Ok(Self { header, bytes })
    }
}
