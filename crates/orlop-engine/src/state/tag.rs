//! A tag's record.

use orlop_backend::RandomId;
use orlop_oci::Digest;
use serde::{Deserialize, Serialize};

use super::json_state;
use super::text::Text;

/// What a tag is on. An absent record is one without target and fences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TagState {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<TagTarget>,
    /// Incarnations that may not begin any more: a collector gave up on their pushes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fenced: Vec<Text<RandomId>>,
}

json_state!(TagState);

/// The manifest that a tag is on. The tag is there only while the manifest lives in this very
/// incarnation: when it is deleted all its tags are gone at once, and pushing it again brings
/// none of them back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TagTarget {
    pub(crate) digest: Digest,
    pub(crate) manifest: Text<RandomId>,
    /// This life of the tag; the edge at the manifest carries it.
    pub(crate) incarnation: Text<RandomId>,
}

impl TagState {
    pub(crate) fn empty() -> Self {
        Self { target: None, fenced: Vec::new() }
    }

    pub(crate) fn is_fenced(&self, incarnation: RandomId) -> bool {
        self.fenced.iter().any(|fenced| fenced.0 == incarnation)
    }

    pub(crate) fn is_on(&self, digest: &Digest, manifest: RandomId) -> bool {
        let target = self.target.as_ref();
        target.is_some_and(|target| target.digest == *digest && target.manifest.0 == manifest)
    }
}
