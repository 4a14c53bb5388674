//! A tag's record.

use orlop_backend::RandomId;
use orlop_oci::Digest;
use serde::{Deserialize, Serialize};

use super::json_state;
use super::text::Text;

/// The manifest that a tag is on. The tag is there only while the manifest lives in this very
/// incarnation: when it is deleted all its tags are gone at once, and pushing it again brings
/// none of them back. So a tag that lands late, on an incarnation that is over, means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TagState {
    pub(crate) digest: Digest,
    pub(crate) manifest: Text<RandomId>,
    /// This life of the tag; the edge at the manifest carries it.
    pub(crate) incarnation: Text<RandomId>,
}

json_state!(TagState);

impl TagState {
    /// A life of a tag on a life of a manifest.
    pub(crate) fn on(digest: &Digest, manifest: RandomId, incarnation: RandomId) -> Self {
        Self { digest: *digest, manifest: Text(manifest), incarnation: Text(incarnation) }
    }

    pub(crate) fn is_on(&self, digest: &Digest, manifest: RandomId) -> bool {
        self.digest == *digest && self.manifest.0 == manifest
    }
}
