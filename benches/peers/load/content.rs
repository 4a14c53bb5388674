//! Blobs and manifests that no registry has seen before.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher as _};
use std::sync::Arc;

use orlop::{Algorithm, Digest, Hasher};

/// Random bytes that are made once, because to make them takes longer than to send them.
#[derive(Clone, Debug)]
pub(crate) struct Noise {
    bytes: Arc<Vec<u8>>,
}

impl Noise {
    pub(crate) fn new(size_max: usize) -> Self {
        let mut bytes = vec![0; size_max];
        Random::new().fill(&mut bytes);
        Self { bytes: Arc::new(bytes) }
    }

    /// A new blob. It begins with bytes of its own, or has no others if it is small; the rest is
    /// shared.
    pub(crate) fn blob(&self, size: usize, random: &mut Random) -> Blob {
        let mut head = vec![0; size.min(HEAD_BYTES)];
        random.fill(&mut head);
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(&head);
        hasher.update(&self.bytes[head.len()..size]);
        Blob { digest: *hasher.finish().digest(), size, head, noise: self.clone() }
    }
}

/// A blob.
#[derive(Debug)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) size: usize,
    pub(crate) head: Vec<u8>,
    noise: Noise,
}

impl Blob {
    /// A part of it, in two pieces.
    pub(crate) fn part(&self, start: usize, end: usize) -> [&[u8]; 2] {
        let head = self.head.len();
        [
            &self.head[start.min(head)..end.min(head)],
            &self.noise.bytes[start.max(head)..end.max(head)],
        ]
    }
}

/// What manifests are made of: a config and a layer.
#[derive(Debug)]
pub(crate) struct Image {
    config: String,
    layer: String,
}

/// A manifest, and the tag that it gets.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) tag: String,
    pub(crate) digest: String,
    pub(crate) bytes: Vec<u8>,
}

impl Image {
    pub(crate) fn new(config: &Blob, layer: &Blob) -> Self {
        let descriptor = |kind: &str, blob: &Blob| {
            let (digest, size) = (blob.digest, blob.size);
            let media_type = format!("application/vnd.oci.image.{kind}");
            format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
        };
        Self {
            config: descriptor("config.v1+json", config),
            layer: descriptor("layer.v1.tar", layer),
        }
    }

    /// A new one.
    pub(crate) fn manifest(&self, random: &mut Random) -> Manifest {
        let Self { config, layer } = self;
        let tag = format!("t{:016x}", random.next());
        let bytes = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{config},"layers":[{layer}],"annotations":{{"org.example.tag":"{tag}"}}}}"#
        )
        .into_bytes();
        let digest = Digest::of(Algorithm::Sha256, &bytes).to_string();
        Manifest { tag, digest, bytes }
    }
}

/// Good enough to be noise.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Self(RandomState::new().build_hasher().finish() | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// The media type of an image.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

const HEAD_BYTES: usize = 64 << 10;
