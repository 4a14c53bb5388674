//! What a collector should look at.

use orlop_backend::RandomId;
use orlop_oci::{Digest, RepositoryName};
use serde::{Deserialize, Serialize};

use super::json_state;
use super::text::Text;

/// Something that is about to become garbage, perhaps. Stored **before** the act that makes it
/// so: a crash in between leaves a candidate too many, never garbage that nobody looks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "act")]
pub(crate) enum Candidate {
    /// A manifest is deleted from a repository.
    Manifest {
        repository: RepositoryName,
        digest: Digest,
        incarnation: Text<RandomId>,
        /// The blobs it refers to.
        blobs: Vec<Digest>,
    },
    /// A blob is deleted from a repository.
    Blob { repository: RepositoryName, digest: Digest },
}

json_state!(Candidate);
