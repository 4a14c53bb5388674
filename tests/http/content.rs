//! Blobs and manifests to push, hashed by another hand than the server's.

use std::fmt::Write;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use crate::answer::Answer;
use crate::client::Client;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCTET_STREAM: &str = "application/octet-stream";

/// The config of an artifact that has none.
pub(crate) const EMPTY: &str = "{}";
pub(crate) const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";

pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

pub(crate) fn sha512(bytes: impl AsRef<[u8]>) -> String {
    format!("sha512:{}", hex(&Sha512::digest(bytes)))
}

fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("room in a string");
        hex
    })
}

/// Bytes no two parts of which are the same, so that none can be taken for another.
pub(crate) fn noise(seed: u64, len: usize) -> Bytes {
    let words = (0..len.div_ceil(8) as u64).flat_map(|i| {
        let word = (i ^ seed.rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (word ^ (word >> 29)).to_le_bytes()
    });
    words.take(len).collect()
}

pub(crate) fn descriptor(media_type: &str, bytes: impl AsRef<[u8]>) -> Value {
    let (digest, size) = (sha256(&bytes), bytes.as_ref().len());
    json!({"mediaType": media_type, "digest": digest, "size": size})
}

/// An image without layers, told apart from others by `note`.
pub(crate) fn image(note: &str) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(EMPTY_TYPE, EMPTY),
        "layers": [],
        "annotations": {"note": note},
    })
}

/// An image that is about another manifest.
pub(crate) fn referrer(note: &str, artifact_type: &str, subject: impl AsRef<[u8]>) -> Value {
    let mut image = image(note);
    image["artifactType"] = artifact_type.into();
    image["subject"] = descriptor(OCI_MANIFEST, subject);
    image
}

pub(crate) fn index(children: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children})
}

impl Client {
    /// Pushes a blob in one request and returns its digest.
    pub(crate) async fn push_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        self.post(&path).bytes(bytes).send().await.expect(201);
        digest
    }

    /// Puts a manifest as the media type that it says it is.
    pub(crate) async fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        manifest: &Value,
    ) -> Answer {
        let media_type = manifest["mediaType"].as_str().unwrap_or(OCI_MANIFEST);
        self.put(&format!("/v2/{repository}/manifests/{reference}"))
            .header("content-type", media_type)
            .bytes(manifest.to_string())
            .send()
            .await
    }

    /// Pushes an image with its config and returns its digest.
    pub(crate) async fn push_image(&self, repository: &str, tag: &str, note: &str) -> String {
        self.push_blob(repository, EMPTY).await;
        let answer = self.put_manifest(repository, tag, &image(note)).await;
        answer.expect(201).header("docker-content-digest").to_owned()
    }

    pub(crate) async fn get_manifest(&self, repository: &str, reference: &str) -> Answer {
        self.get(&format!("/v2/{repository}/manifests/{reference}")).await
    }

    pub(crate) async fn get_blob(&self, repository: &str, digest: &str) -> Answer {
        self.get(&format!("/v2/{repository}/blobs/{digest}")).await
    }

    /// All tags of a repository, in one page.
    pub(crate) async fn tags(&self, repository: &str) -> Vec<String> {
        let answer = self.get(&format!("/v2/{repository}/tags/list")).await;
        answer.expect(200).words("tags")
    }
}
