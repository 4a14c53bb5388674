//! Manifests: exact bytes, and what a registry reads from them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use crate::{Algorithm, Descriptor, Digest, Hasher, Invalid, MediaType, Verified};

/// A manifest: the exact bytes as they were pushed, their digest, and the fields that a registry
/// acts on.
///
/// Understood are the OCI image manifest and index, Docker's version 2 schema 2 manifest and
/// list, and artifacts. A JSON object of another media type is read in the same way, so that
/// whatever it refers to is seen; a body of an unknown type that is no JSON has no references.
///
/// The bytes are never written anew: what is pulled is what was pushed.
#[derive(Clone, Debug)]
pub struct Manifest {
    bytes: Bytes,
    media_type: MediaType,
    verified: Verified,
    artifact_type: Option<MediaType>,
    annotations: BTreeMap<String, String>,
    pub(crate) config: Option<Descriptor>,
    pub(crate) layers: Vec<Descriptor>,
    pub(crate) children: Vec<Descriptor>,
    pub(crate) subject: Option<Descriptor>,
}

impl Manifest {
    /// Reads a manifest and hashes it with `algorithm`.
    ///
    /// `declared` is the `Content-Type` it came with. Without one, the body's own `mediaType`
    /// or its shape decides. Refused are: a body that says another type than `declared` or that
    /// is an image and an index at once (a client could be made to run something else than what
    /// was checked), schema 1, JSON nested deeper than [`Manifest::DEPTH_MAX`], malformed
    /// descriptors, and a manifest whose subject is itself.
    ///
    /// ```
    /// use orlop_oci::{Algorithm, Manifest};
    ///
    /// let bytes = r#"{"schemaVersion":2,"manifests":[]}"#;
    /// let index = Manifest::parse(bytes.into(), None, Algorithm::Sha256)?;
    /// assert!(index.media_type().is_index());
    /// assert!(Manifest::parse("[[[".into(), None, Algorithm::Sha256).is_err());
    /// # Ok::<(), orlop_oci::Invalid>(())
    /// ```
    pub fn parse(
        bytes: Bytes,
        declared: Option<&MediaType>,
        algorithm: Algorithm,
    ) -> Result<Self, Invalid> {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&bytes);
        let verified = hasher.finish();
        let refuse =
            |reason: String| Err(Invalid::new("manifest", verified.digest().to_string(), reason));
        let body = match Body::read(&bytes) {
            Ok(body) => body,
            Err(_) if declared.is_some_and(is_opaque) && !looks_like_json(&bytes) => {
                Body::default()
            }
            Err(reason) => return refuse(reason),
        };
        let media_type = match body.decide_media_type(declared) {
            Ok(media_type) => media_type,
            Err(reason) => return refuse(reason),
        };
        if let Some(subject) = &body.subject
            && subject.digest == *verified.digest()
        {
            return refuse("its subject is the manifest itself".into());
        }
        let artifact_type = body.artifact_type.or_else(|| {
            // The config of an image says what the artifact is; an index has none.
            body.config.as_ref().map(|config| config.media_type.clone())
        });
        Ok(Self {
            bytes,
            media_type,
            verified,
            artifact_type,
            annotations: body.annotations.unwrap_or_default(),
            config: body.config,
            layers: [body.layers, body.blobs].into_iter().flatten().flatten().collect(),
            children: body.manifests.unwrap_or_default(),
            subject: body.subject,
        })
    }

    /// Deepest nesting of JSON objects and arrays that is accepted.
    pub const DEPTH_MAX: usize = 64;

    /// The exact bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What it was pushed as.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// The digest of the bytes, as hashed here.
    pub fn digest(&self) -> &Digest {
        self.verified.digest()
    }

    /// The descriptor of the manifest as a list of referrers shows it: with artifact type and
    /// annotations (distribution-spec, "Listing Referrers").
    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            artifact_type: self.artifact_type.clone(),
            annotations: self.annotations.clone(),
            ..Descriptor::new(
                self.media_type.clone(),
                *self.verified.digest(),
                self.verified.size(),
            )
        }
    }

    /// The manifest that this one is about, if it names one.
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }
}

/// The fields of all the formats together; which of them are there tells the formats apart.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    schema_version: Option<u64>,
    media_type: Option<MediaType>,
    #[serde(default, deserialize_with = "empty_is_none")]
    artifact_type: Option<MediaType>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Body {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let depth = nesting(bytes);
        if depth > Manifest::DEPTH_MAX {
            let max = Manifest::DEPTH_MAX;
            return Err(format!("JSON nested {depth} deep, at most {max} are allowed"));
        }
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    fn decide_media_type(&self, declared: Option<&MediaType>) -> Result<MediaType, String> {
        if self.schema_version == Some(1) || declared.is_some_and(MediaType::is_schema1) {
            return Err("schema version 1 is not supported, expected 2".into());
        }
        if self.manifests.is_some() && (self.layers.is_some() || self.config.is_some()) {
            return Err("it is an index and an image at once".into());
        }
        if let (Some(declared), Some(own)) = (declared, &self.media_type)
            && declared != own
        {
            return Err(format!("pushed as {declared}, but it says {own} itself"));
        }
        let shape = if self.manifests.is_some() {
            Some(MediaType::OCI_INDEX)
        } else if self.config.is_some() || self.layers.is_some() {
            Some(MediaType::OCI_MANIFEST)
        } else {
            None
        };
        let media_type = match (declared.or(self.media_type.as_ref()), shape) {
            (Some(media_type), _) => media_type.clone(),
            (None, Some(shape)) => shape.parse().map_err(|error: Invalid| error.to_string())?,
            (None, None) => return Err("no media type was given, and its shape tells none".into()),
        };
        if media_type.is_index() && self.manifests.is_none() {
            return Err(format!("{media_type} needs the field \"manifests\""));
        }
        if media_type.is_image_manifest() && (self.config.is_none() || self.layers.is_none()) {
            return Err(format!("{media_type} needs the fields \"config\" and \"layers\""));
        }
        Ok(media_type)
    }
}

fn is_opaque(media_type: &MediaType) -> bool {
    !media_type.is_index() && !media_type.is_image_manifest() && !media_type.is_schema1()
}

fn looks_like_json(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_start(), [b'{' | b'[', ..])
}

/// Some clients write `"artifactType": ""` for "none".
fn empty_is_none<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<MediaType>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.is_empty() => text.parse().map(Some).map_err(serde::de::Error::custom),
        _ => Ok(None),
    }
}

/// How deep brackets nest, outside of strings. The parser skips unknown fields whatever their
/// depth, so the limit is checked before it runs.
fn nesting(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests;
