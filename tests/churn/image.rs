//! Images that follow from a seed, so that every process knows what another one has pushed.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::content::{OCI_INDEX, OCI_MANIFEST, OCTET_STREAM, descriptor, index};
use crate::dice::Dice;
use crate::layers::{Blob, LAYERS, layer};

/// Which image: its pusher, and its number among those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) pusher: usize,
    pub(crate) number: u64,
}

/// All that has to be pushed.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) repository: &'static str,
    /// The last one is the image, those before are its children.
    pub(crate) manifests: Vec<Manifest>,
    /// `None` if it is pushed by its digest alone.
    pub(crate) tag: Option<String>,
    /// The digest of the manifest that it is about.
    pub(crate) subject: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Bytes,
    pub(crate) digest: String,
    pub(crate) blobs: Vec<Blob>,
}

impl Image {
    pub(crate) fn new(seed: u64, name: Name) -> Self {
        let Name { pusher, number } = name;
        let mut dice = Dice::new(seed ^ ((pusher as u64 + 1) << 32) ^ number);
        let mut repository = *dice.one_of(&REPOSITORIES);
        let tag = (dice.below(4) > 0).then(|| format!("t-{pusher}-{number}"));
        let mut subject = None;
        let note = format!("{number} of pusher {pusher}");
        let manifests = match dice.below(10) {
            0 | 1 => {
                let children = ["one", "other"]
                    .map(|child| Manifest::image(&mut dice, &format!("{child} of {note}"), None));
                let descriptors =
                    children.each_ref().map(|child| descriptor(OCI_MANIFEST, &child.bytes));
                let root = Manifest::new(OCI_INDEX, &index(&descriptors), Vec::new());
                let [one, other] = children;
                vec![one, other, root]
            }
            2 | 3 if number > 0 => {
                let about = Self::new(seed, Name { pusher, number: number - 1 });
                repository = about.repository;
                subject = Some(about.root().digest.clone());
                vec![Manifest::image(&mut dice, &note, Some(about.root()))]
            }
            _ => vec![Manifest::image(&mut dice, &note, None)],
        };
        Self { repository, manifests, tag, subject }
    }

    pub(crate) fn root(&self) -> &Manifest {
        self.manifests.last().expect("an image has a manifest")
    }

    /// By what its last manifest is pushed.
    pub(crate) fn reference(&self) -> &str {
        self.tag.as_ref().unwrap_or(&self.root().digest)
    }
}

impl Manifest {
    fn new(media_type: &'static str, manifest: &Value, blobs: Vec<Blob>) -> Self {
        let manifest = Blob::new(manifest.to_string().into());
        Self { media_type, bytes: manifest.bytes, digest: manifest.digest, blobs }
    }

    /// An image of some layers, with a config that others may have too.
    fn image(dice: &mut Dice, note: &str, subject: Option<&Self>) -> Self {
        let layers = (0..=dice.below(LAYERS_MAX)).map(|_| layer(dice.below(LAYERS)));
        let mut blobs: Vec<Blob> = layers.collect();
        let config = match dice.below(2) {
            0 => json!({"note": note}),
            _ => json!({"config": dice.below(CONFIGS)}),
        };
        let config = Blob::new(config.to_string().into());
        let layers: Vec<Value> =
            blobs.iter().map(|layer| descriptor(OCTET_STREAM, &layer.bytes)).collect();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(OCTET_STREAM, &config.bytes),
            "layers": layers,
            "annotations": {"note": note},
        });
        if let Some(subject) = subject {
            manifest["subject"] = descriptor(subject.media_type, &subject.bytes);
        }
        blobs.push(config);
        Self::new(OCI_MANIFEST, &manifest, blobs)
    }
}

pub(crate) const REPOSITORIES: [&str; 5] =
    ["churn/a", "churn/b", "churn/b/nested", "churn/c", "other"];

const LAYERS_MAX: usize = 4;

const CONFIGS: usize = 5;
