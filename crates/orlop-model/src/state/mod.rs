//! What each kind of record holds: as in the engine, as far as the protocol looks at it.

mod blob;
mod manifest;
mod small;

pub(crate) use blob::{BlobState, Life};
pub(crate) use manifest::{ManifestLife, ManifestState};
pub(crate) use small::{Candidate, Entry, Link, Session, TagState, TagTarget};

use std::fmt;

/// The value of a record. An absent one is 0, and reads as if it were there and empty.
pub(crate) trait State: Copy + Eq + fmt::Display {
    fn pack(self) -> u32;
    fn unpack(value: u32) -> Self;
}
