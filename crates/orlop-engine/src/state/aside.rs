//! What could not be read of a record, kept for whoever wants to look at it.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::{decode_json, encode_json};
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
        let header = encode_json(&self.header)?;
        let mut value = BytesMut::with_capacity(header.len() + 1 + self.bytes.len());
        value.put(header);
        value.put_u8(b'\n'); // JSON has none outside of its strings, where it is escaped
        value.put_slice(&self.bytes);
        Ok(value.freeze())
    }

    fn decode(value: Bytes) -> Result<Self, String> {
        let end = value.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or("expected a header line, found none")?;
        Ok(Self { header: decode_json(&value[..end])?, bytes: value.slice(end + 1..) })
    }
}
