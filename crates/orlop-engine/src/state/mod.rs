//! What each kind of record holds. `docs/format.md` draws them.
//!
//! All are JSON, which a person can read and a later version can extend; the bytes of a manifest, and
//! those of a small blob, follow the JSON unchanged.

mod aside;
mod blob;
mod candidate;
mod manifest;
mod session;
mod small;
mod tag;
mod text;

pub(crate) use aside::{Aside, AsideHeader};
pub(crate) use blob::{BlobState, Life};
pub(crate) use candidate::{Act, Candidate, Targets, Untagged};
pub(crate) use manifest::{Incarnation, ManifestState};
pub(crate) use session::{Session, Stage, seconds};
pub(crate) use small::{Link, RepositoryState, StoreState};
pub(crate) use tag::TagState;
pub(crate) use text::Text;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A state that is JSON and nothing else.
macro_rules! json_state {
    ($($state:ty),*) => {
        $(impl $crate::store::State for $state {
            fn encode(&self) -> Result<bytes::Bytes, String> {
                $crate::state::encode_json(self)
            }

            fn decode(value: bytes::Bytes) -> Result<Self, String> {
                $crate::state::decode_json(&value)
            }
        })*
    };
}
use json_state;

/// A state that is JSON, and behind it the bytes that it has `inline`, if any.
macro_rules! inline_state {
    ($state:ty) => {
        impl $crate::store::State for $state {
            fn encode(&self) -> Result<bytes::Bytes, String> {
                $crate::state::encode_inline(self, self.inline.as_ref())
            }

            fn decode(value: bytes::Bytes) -> Result<Self, String> {
                let (state, inline) = $crate::state::decode_inline(&value)?;
                Ok(Self { inline, ..state })
            }
        }
    };
}
use inline_state;

fn encode_json(state: &impl Serialize) -> Result<Bytes, String> {
    serde_json::to_vec(state).map(Bytes::from).map_err(|error| error.to_string())
}

fn decode_json<T: DeserializeOwned>(value: &[u8]) -> Result<T, String> {
    serde_json::from_slice(value).map_err(|error| error.to_string())
}

/// A line of JSON, and bytes as they are.
fn encode_headed(header: &impl Serialize, bytes: &[u8]) -> Result<Bytes, String> {
    let header = encode_json(header)?;
    let mut value = BytesMut::with_capacity(header.len() + 1 + bytes.len());
    value.put(header);
    value.put_u8(b'\n'); // JSON has none outside of its strings, where it is escaped
    value.put_slice(bytes);
    Ok(value.freeze())
}

fn decode_headed<T: DeserializeOwned>(value: &Bytes) -> Result<(T, Bytes), String> {
    let (header, bytes) = decode_inline(value)?;
    Ok((header, bytes.ok_or("expected a header line, found none")?))
}

/// JSON, and behind a line feed the bytes that are in the record, if they are.
fn encode_inline(state: &impl Serialize, inline: Option<&Bytes>) -> Result<Bytes, String> {
    inline.map_or_else(|| encode_json(state), |inline| encode_headed(state, inline))
}

fn decode_inline<T: DeserializeOwned>(value: &Bytes) -> Result<(T, Option<Bytes>), String> {
    let end = value.iter().position(|byte| *byte == b'\n');
    let header = decode_json(&value[..end.unwrap_or(value.len())])?;
    Ok((header, end.map(|end| value.slice(end + 1..))))
}

#[cfg(test)]
mod tests;
