//! Media types, and the few that mean something to a registry.

use std::str::FromStr;

use crate::Invalid;
use crate::word::text_word;

/// A media type without parameters, `type/subtype` (RFC 6838, section 4.2).
///
/// Types that Orlop does not know are kept as they are.
///
/// ```
/// use orlop_oci::MediaType;
///
/// let known: MediaType = "application/vnd.oci.image.index.v1+json".parse()?;
/// assert!(known.is_index());
/// let unknown: MediaType = "application/vnd.example.thing+json".parse()?;
/// assert_eq!(unknown.as_str(), "application/vnd.example.thing+json");
/// # Ok::<(), orlop_oci::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaType(Box<str>);

impl MediaType {
    /// An OCI image manifest, or an artifact packed as one.
    pub const OCI_MANIFEST: &'static str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image index.
    pub const OCI_INDEX: &'static str = "application/vnd.oci.image.index.v1+json";
    /// A Docker image manifest, version 2, schema 2.
    pub const DOCKER_MANIFEST: &'static str =
        "application/vnd.docker.distribution.manifest.v2+json";
    /// A Docker manifest list.
    pub const DOCKER_LIST: &'static str =
        "application/vnd.docker.distribution.manifest.list.v2+json";
    /// What the bytes of a blob are to a registry.
    pub const OCTET_STREAM: &'static str = "application/octet-stream";

    /// An OCI image index.
    pub fn oci_index() -> Self {
        Self(Self::OCI_INDEX.into())
    }

    /// What the bytes of a blob are to a registry.
    pub fn octet_stream() -> Self {
        Self(Self::OCTET_STREAM.into())
    }

    /// Whether it is an OCI index or a Docker manifest list.
    pub fn is_index(&self) -> bool {
        matches!(self.as_str(), Self::OCI_INDEX | Self::DOCKER_LIST)
    }

    /// Whether it is an OCI or Docker image manifest.
    pub fn is_image_manifest(&self) -> bool {
        matches!(self.as_str(), Self::OCI_MANIFEST | Self::DOCKER_MANIFEST)
    }

    /// Whether a layer of this type need not be in the registry, because its licence forbids to
    /// distribute it (image-spec, "Non-Distributable Layers").
    pub fn is_nondistributable(&self) -> bool {
        self.as_str().starts_with("application/vnd.oci.image.layer.nondistributable.")
            || self.as_str() == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    }

    /// Whether it is a Docker manifest of schema 1, which signs itself and is not supported.
    pub fn is_schema1(&self) -> bool {
        self.as_str().starts_with("application/vnd.docker.distribution.manifest.v1+")
    }
}

text_word!(MediaType);

impl FromStr for MediaType {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |reason: &str| Err(Invalid::new("media type", text, reason));
        let Some((kind, subtype)) = text.split_once('/') else {
            return refuse("expected \"type/subtype\"");
        };
        for part in [kind, subtype] {
            let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
            if part.is_empty() || part.len() > PART_BYTES_MAX || !part.bytes().all(is_token) {
                return refuse("type and subtype take 1 to 127 of the characters of RFC 6838");
            }
        }
        Ok(Self(text.into()))
    }
}

const PART_BYTES_MAX: usize = 127;
