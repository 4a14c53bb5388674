//! The policies of a registry, and of a single call.

use std::sync::Arc;
use std::time::Duration;

use orlop_oci::{Digest, Tag};

use crate::Threads;

/// How a registry behaves where the spec leaves it open.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // options are built with `..Default::default()`
pub struct Options {
    /// Largest manifest that is accepted, in bytes. The spec asks for 4 MiB at least.
    pub manifest_bytes_max: usize,
    /// Largest blob whose bytes are kept in its record, in bytes: it takes one write less than one
    /// that has an extent, and one read less. Whoever looks at the record reads them as well, so
    /// more than some KiB are none the better for it. A store may hold blobs of other limits.
    pub inline_bytes_max: usize,
    /// What a manifest may refer to that is not there, unless a call says otherwise.
    pub references: References,
    /// Whether tags, manifests and blobs can be deleted.
    pub deletes: Deletes,
    /// How long a blob stays for sure, without anything that refers to it, after somebody was told
    /// that it is there: the time a client has from its first look, or from its upload, to the
    /// manifest. Collectors must not be told a shorter one; if they are, a push may have to send
    /// a blob again, and nothing else happens.
    pub lease: Duration,
    /// Where uploads are hashed, beside what receives and writes them, and several at once on each
    /// thread. Without them the task that calls [`Upload::write`](crate::Upload::write) hashes: one
    /// upload is then received and hashed on one core.
    pub threads: Option<Arc<dyn Threads>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            manifest_bytes_max: 4 << 20,
            inline_bytes_max: 16 << 10,
            references: References::Sparse,
            deletes: Deletes::Allowed,
            lease: LEASE,
            threads: None,
        }
    }
}

/// What has to be in the repository before a manifest is accepted. A subject never has to be, nor
/// do layers that must not be distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum References {
    /// Every blob, and every manifest of an index.
    Complete,
    /// Every blob. An index may name manifests that are not there: a copy of some platforms of an
    /// image keeps the digest of its index that way.
    Sparse,
    /// Nothing.
    Unchecked,
}

/// Whether tags, manifests and blobs can be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deletes {
    /// They can. A blob that a manifest of its repository refers to still cannot.
    Allowed,
    /// The same, and a manifest that an index of its repository names cannot either.
    KeepChildren,
    /// They cannot; each attempt is [`Unsupported`](crate::ErrorKind::Unsupported).
    Refused,
}

/// How a manifest is put.
#[derive(Clone, Debug, Default)]
#[allow(clippy::exhaustive_structs)] // options are built with `..Default::default()`
pub struct PutManifest {
    /// The tags to set on it, besides those it may have.
    pub tags: Vec<Tag>,
    /// What each of the tags must be before.
    pub condition: Condition,
    /// What it may refer to that is not there; `None` for the registry's own policy.
    pub references: Option<References>,
}

/// What a tag must be before it is set or deleted: compare-and-swap for tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // there is nothing else to be
pub enum Condition {
    /// Whatever it is.
    #[default]
    Any,
    /// Not there.
    Absent,
    /// There, on whatever manifest.
    Present,
    /// On this manifest.
    Is(Digest),
}

/// A day: longer than the longest push.
pub(crate) const LEASE: Duration = Duration::from_hours(24);
