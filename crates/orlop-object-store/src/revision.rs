//! Which write it was, and whether an older one may still arrive.
//!
//! A request that creates a record and whose answer got lost may be carried out much later, if
//! there is no record then. As long as the key is never without an object, it is refused. So who
//! sends such a request once more says so in what he stores, all that follows inherits it, and
//! when the record is removed its tombstone stays for ever.

use orlop_backend::{Error, ErrorKind, RandomId, Result, Version};
use serde::{Deserialize, Serialize};

use crate::bucket::ObjectVersion;

/// A random number, the lowest bit of which says that an older request may still arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revision(u128);

/// What a swap must expect to find: the engine's [`Version`] in this backend's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    #[serde(flatten)]
    pub(crate) version: ObjectVersion,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_echo: bool,
}

impl Revision {
    /// The revision of a new write.
    pub(crate) fn new(random: RandomId) -> Self {
        Self(random.to_bits() & !1)
    }

    /// The revision that was stored under this id.
    pub(crate) fn stored(id: RandomId) -> Self {
        Self(id.to_bits())
    }

    pub(crate) fn with_echo(self) -> Self {
        Self(self.0 | 1)
    }

    pub(crate) fn id(self) -> RandomId {
        RandomId::from_bits(self.0)
    }

    /// Whether both are of one write, sent once or several times.
    pub(crate) fn is_same(self, other: Self) -> bool {
        self.with_echo().0 == other.with_echo().0
    }

    pub(crate) fn known(self, version: ObjectVersion) -> Known {
        Known { version, has_echo: self.0 & 1 == 1 }
    }
}

impl Known {
    pub(crate) fn words(&self) -> Result<Version> {
        let words = serde_json::to_vec(self).map_err(|error| {
            Error::new(ErrorKind::Misuse, "a version cannot be written").with_source(error)
        })?;
        let version = Version::new(words);
        Ok(if self.has_echo { version.with_echo() } else { version })
    }

    pub(crate) fn parse(version: &Version) -> Result<Self> {
        serde_json::from_slice(version.as_bytes()).map_err(|error| {
            let message = "a version comes from another backend";
            Error::new(ErrorKind::Misuse, message).with_source(error)
        })
    }
}
