//! A pointer to content, with what is known of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, MediaType};

/// A descriptor (image-spec, "OCI Content Descriptors").
///
/// Only the fields that a registry acts on are here; the exact bytes of a manifest are always
/// kept beside it, so nothing else is lost.
///
/// ```
/// use orlop_oci::{Algorithm, Descriptor, Digest, MediaType};
///
/// let digest = Digest::of(Algorithm::Sha256, b"{}");
/// let descriptor = Descriptor::new("application/vnd.oci.empty.v1+json".parse()?, digest, 2);
/// assert_eq!(descriptor.size, 2);
/// # Ok::<(), orlop_oci::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Descriptor {
    /// What the content is.
    pub media_type: MediaType,
    /// What it is called by its content.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What an artifact is, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// Free-form notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// A descriptor with neither artifact type nor annotations.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self { media_type, digest, size, artifact_type: None, annotations: BTreeMap::new() }
    }
}
