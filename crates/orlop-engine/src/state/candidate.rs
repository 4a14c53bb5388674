//! What a collector should look at.

use orlop_backend::RandomId;
use orlop_oci::{Digest, Manifest, RepositoryName, Role, Tag};
use serde::{Deserialize, Serialize};

use super::json_state;
use super::text::Text;

/// An act that is about to happen to a manifest, and after which there may be garbage. Stored
/// **before** the act: a crash in between leaves a candidate too many, never garbage that nobody
/// looks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Candidate {
    pub(crate) repository: RepositoryName,
    pub(crate) digest: Digest,
    pub(crate) act: Act,
}

/// What is about to happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Act {
    /// The manifest begins this incarnation, and may never get a tag.
    Push { incarnation: Text<RandomId>, targets: Targets },
    /// The manifest ends this incarnation, and with it what keeps its targets.
    Delete { incarnation: Text<RandomId>, targets: Targets },
    /// This life of a tag on the manifest ends.
    Untag { tag: Tag, incarnation: Text<RandomId> },
}

/// What a manifest refers to, each digest once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Targets {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) blobs: Vec<Digest>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) children: Vec<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Digest>,
}

/// A manifest that nothing kept when a collector looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Untagged {
    pub(crate) repository: RepositoryName,
    pub(crate) digest: Digest,
}

json_state!(Candidate, Untagged);

impl Targets {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let mut targets = Self::default();
        for edge in manifest.edges() {
            let target = edge.target.digest;
            match edge.role {
                Role::Child => targets.children.push(target),
                Role::Subject => targets.subject = Some(target),
                _ => targets.blobs.push(target),
            }
        }
        for digests in [&mut targets.blobs, &mut targets.children] {
            digests.sort_unstable();
            digests.dedup();
        }
        targets
    }
}
