//! What a repository is known to have.

use std::collections::BTreeMap;

use orlop::{Algorithm, Digest};
use serde_json::Value;

use crate::IMAGE;
use crate::step::CONDITIONS;

/// What a repository is known to have.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) blobs: BTreeMap<Digest, Vec<u8>>,
    pub(super) manifests: BTreeMap<Digest, (Vec<u8>, &'static str)>,
    pub(super) tags: BTreeMap<String, Digest>,
    /// Whether a manifest was ever pushed.
    pub(super) exists: bool,
}

impl Content {
    pub(super) fn refers_to(&self, blob: &Digest) -> bool {
        let blob = blob.to_string();
        let layers = self.manifests.values().filter(|(_, media_type)| *media_type == IMAGE);
        layers.into_iter().any(|(bytes, _)| {
            let image: Value = serde_json::from_slice(bytes).expect("JSON");
            [&image["config"], &image["layers"][0]].iter().any(|layer| layer["digest"] == *blob)
        })
    }

    /// Whether a tag is as the headers of [`condition`] want it.
    pub(super) fn holds(&self, tag: &str, condition: Option<u8>) -> bool {
        let on = self.tags.get(tag);
        match condition.map(|condition| condition % CONDITIONS) {
            None => true,
            Some(0) => on.is_none(),
            Some(1) => on.is_some(),
            Some(_) => on == Some(&Digest::of(Algorithm::Sha256, b"")),
        }
    }
}
