//! What a client may call a manifest by.

use std::fmt;
use std::str::FromStr;

use crate::{Digest, Invalid, Tag};

/// A manifest's tag or its digest.
///
/// ```
/// use orlop_oci::Reference;
///
/// assert!(matches!("latest".parse()?, Reference::Tag(_)));
/// let digest = format!("sha256:{}", "0".repeat(64));
/// assert!(matches!(digest.parse()?, Reference::Digest(_)));
/// # Ok::<(), orlop_oci::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // the spec knows these two
pub enum Reference {
    /// By the name that was given to it.
    Tag(Tag),
    /// By its content.
    Digest(Digest),
}

impl FromStr for Reference {
    type Err = Invalid;

    /// A colon makes it a digest, because no tag can have one.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.contains(':') {
            text.parse().map(Reference::Digest)
        } else {
            text.parse().map(Reference::Tag)
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Tag(tag) => tag.fmt(f),
            Reference::Digest(digest) => digest.fmt(f),
        }
    }
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Reference::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Reference::Digest(digest)
    }
}
