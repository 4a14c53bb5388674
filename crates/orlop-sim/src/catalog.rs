//! What clients push: a few blobs, and manifests that share them.

use std::sync::LazyLock;

use orlop_oci::{Algorithm, Digest, Manifest, Reference, RepositoryName, Tag};

/// A blob.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) bytes: &'static [u8],
    pub(crate) digest: Digest,
}

/// A manifest, and what it refers to, by places in the catalog.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) name: &'static str,
    pub(crate) manifest: Manifest,
    pub(crate) reference: Reference,
    pub(crate) blobs: Vec<usize>,
    pub(crate) children: Vec<usize>,
    pub(crate) subject: Option<usize>,
}

/// All that there can be in a simulated registry.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) repositories: Vec<RepositoryName>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) blobs: Vec<Content>,
    pub(crate) items: Vec<Item>,
}

/// The same in every schedule.
pub(crate) static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::new);

impl Catalog {
    fn new() -> Self {
        let blob = |bytes: &'static str| Content {
            bytes: bytes.as_bytes(),
            digest: Digest::of(Algorithm::Sha256, bytes.as_bytes()),
        };
        let mut catalog = Self {
            repositories: ["a", "b/c"].map(parsed).into(),
            tags: ["x", "y"].map(parsed).into(),
            blobs: vec![blob("one"), blob("two and more"), blob("three")],
            items: Vec::new(),
        };
        catalog.image("image of one", &[0], None);
        catalog.image("image of two", &[1], None);
        catalog.image("image of one and three", &[0, 2], None);
        catalog.image("signature of one", &[1], Some(0));
        catalog.index("index of both", &[0, 1]);
        catalog.index("index of index", &[4]);
        catalog
    }

    fn image(&mut self, name: &'static str, blobs: &[usize], subject: Option<usize>) {
        let layers: Vec<String> = blobs.iter().map(|blob| self.blob_json(*blob)).collect();
        let subject_json = subject
            .map(|subject| format!(r#","subject":{}"#, self.item_json(subject)))
            .unwrap_or_default();
        let text = format!(
            r#"{{"schemaVersion":2,"config":{},"layers":[{}]{subject_json}}}"#,
            layers[0],
            layers.join(","),
        );
        self.add(name, text, blobs, &[], subject);
    }

    fn index(&mut self, name: &'static str, children: &[usize]) {
        let manifests: Vec<String> = children.iter().map(|child| self.item_json(*child)).collect();
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, manifests.join(","));
        self.add(name, text, &[], children, None);
    }

    fn add(
        &mut self,
        name: &'static str,
        text: String,
        blobs: &[usize],
        children: &[usize],
        subject: Option<usize>,
    ) {
        let manifest = Manifest::parse(text.into(), None, Algorithm::Sha256)
            .unwrap_or_else(|invalid| panic!("{name}: {invalid}"));
        let reference = Reference::Digest(*manifest.digest());
        let (blobs, children) = (blobs.to_vec(), children.to_vec());
        self.items.push(Item { name, manifest, reference, blobs, children, subject });
    }

    fn blob_json(&self, blob: usize) -> String {
        let Content { bytes, digest } = &self.blobs[blob];
        descriptor_json("application/octet-stream", digest, bytes.len())
    }

    fn item_json(&self, item: usize) -> String {
        let manifest = &self.items[item].manifest;
        let kind = manifest.media_type().to_string();
        descriptor_json(&kind, manifest.digest(), manifest.bytes().len())
    }
}

fn descriptor_json(kind: &str, digest: &Digest, size: usize) -> String {
    format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":{size}}}"#)
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|invalid| panic!("{text}: {invalid:?}"))
}
