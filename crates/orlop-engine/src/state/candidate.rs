//! What a collector should look at.

use orlop_backend::RandomId;
use orlop_oci::{Digest, RepositoryName};
use serde::{Deserialize, Serialize};

use super::json_state;
use super::text::Text;

/// A manifest that is about to be deleted, and the blobs that may be garbage then. Stored
/// **before** the act: a crash in between leaves a candidate too many, never garbage that nobody
/// looks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Candidate {
    pub(crate) repository: RepositoryName,
    pub(crate) digest: Digest,
    pub(crate) incarnation: Text<RandomId>,
    /// The blobs that it refers to.
    pub(crate) blobs: Vec<Digest>,
}

json_state!(Candidate);
