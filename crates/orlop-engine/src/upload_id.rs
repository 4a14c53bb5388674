//! The name of an upload session.

use std::fmt;
use std::str::FromStr;

use orlop_backend::ExtentId;
use orlop_oci::Invalid;

use crate::upload::Offer;

/// The name of an upload session. Whoever knows it can write to it, so it is random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(pub(crate) Name);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// Its session is stored, and named as its extent.
    Stored(ExtentId),
    /// An upload may begin under it.
    Offer(Offer),
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Name::Stored(extent) => extent.fmt(f),
            Name::Offer(offer) => offer.fmt(f),
        }
    }
}

impl FromStr for UploadId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let name = match Offer::parse(text) {
            Some(offer) => Some(Name::Offer(offer)),
            None => text.parse().ok().map(Name::Stored),
        };
        name.map(Self).ok_or_else(|| {
            Invalid::new("upload id", text, "expected 26 or 52 characters of lower-case base32")
        })
    }
}
