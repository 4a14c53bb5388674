//! Everything that is an index is deleted, and rebuilt from blobs, manifests and tags alone.

use std::collections::BTreeMap;

use bytes::Bytes;
use orlop_backend::{Environment, Key};
use orlop_engine::{MountFrom, PutManifest};

use super::{PLACES, REPAIR, audit, is_sound};
use crate::collect::EAGER;
use crate::counting::counted;
use crate::fixture::{
    image_of, index_of, keys, new_store, open, push_blob, push_image, repository, tagged,
};

/// Everything that is stored, without the random revision of each record; a marker is `None`.
async fn everything(store: &Environment) -> BTreeMap<Key, Option<Bytes>> {
    let mut all = BTreeMap::new();
    for place in PLACES.iter().chain(&["n"]) {
        for key in keys(store, place).await {
            let is_marker = store.records.raw(&key).await.unwrap().unwrap().is_empty();
            let value = if is_marker {
                None
            } else {
                Some(store.records.get(&key).await.unwrap().unwrap().value)
            };
            all.insert(key, value);
        }
    }
    all
}

/// Images in three repositories that have blobs in common, indexes one above the other, and
/// referrers of an image, of an index and of nothing.
async fn filled() -> Environment {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let home = repository(&registry, "library/base");
    let base = push_blob(&home, "base").await.unwrap();
    for name in ["library/base", "library", "team/app"] {
        let repository = repository(&registry, name);
        repository.mount(&base, MountFrom::Repository(home.name())).await.unwrap().unwrap();
        let image = image_of(&base, None);
        repository.put_manifest(&image, &tagged(&["v1", "latest"])).await.unwrap();
        let own = push_blob(&repository, name).await.unwrap();
        let own = image_of(&own, None);
        repository.put_manifest(&own, &PutManifest::default()).await.unwrap();
        let index = index_of(&[&image, &own], "index");
        repository.put_manifest(&index, &PutManifest::default()).await.unwrap();
        let above = index_of(&[&index], "above");
        repository.put_manifest(&above, &tagged(&["all"])).await.unwrap();
        for subject in [image.digest(), above.digest()] {
            let about = push_blob(&repository, &format!("about {subject}")).await.unwrap();
            let about = image_of(&about, Some(subject));
            repository.put_manifest(&about, &PutManifest::default()).await.unwrap();
        }
        push_image(&repository, &format!("untagged {name}"), &[]).await;
    }
    // What is announced is looked at, and the untagged are noted.
    registry.collect(&EAGER, &()).await.unwrap();
    store
}

#[tokio::test]
async fn opening_reads_one_record_whatever_the_store_holds() {
    let (store, counts) = counted().await;
    for images in [0, 1, 30] {
        let registry = open(store.clone()).await;
        for n in 0..images {
            push_image(&repository(&registry, &format!("r{n}")), &format!("{n}"), &["v1"]).await;
        }
        counts.take();
        open(store.clone()).await;
        assert_eq!(counts.take(), (1, 0));
    }
}

/// A kind of key, and which keys are of it.
type Index = (&'static str, fn(&str) -> bool);

const INDEXES: [Index; 6] = [
    ("edges of blobs", |key| key.starts_with("e/")),
    ("edges of children", |key| {
        key.starts_with("r/") && key.contains("/e/") && key.contains("/i.")
    }),
    ("edges of tags", |key| key.starts_with("r/") && key.contains("/e/") && key.contains("/t.")),
    ("edges of subjects", |key| key.starts_with("r/") && key.contains("/s/")),
    ("repositories", |key| key.starts_with("c/")),
    ("links", |key| key.starts_with("l/")),
];

#[tokio::test]
async fn every_index_comes_back_byte_for_byte() {
    let store = filled().await;
    is_sound(&store).await;
    let before = everything(&store).await;
    assert!(audit(&store, &REPAIR).await.faults.is_empty());
    assert_eq!(everything(&store).await, before);
    let all: [Index; 1] = [("all of them", |key| INDEXES.iter().any(|(_, is_of)| is_of(key)))];
    for (what, is_of) in INDEXES.iter().chain(&all) {
        let gone: Vec<Key> = before.keys().filter(|key| is_of(key.as_str())).cloned().collect();
        assert!(gone.len() >= 3, "{what}: {gone:?}");
        store.records.clear(&gone).await.unwrap();
        assert!(!audit(&store, &super::LOOK).await.is_sound(), "{what}");
        let repaired = audit(&store, &REPAIR).await;
        assert!(repaired.is_sound(), "{what}: {repaired:#?}");
        let found: u64 = repaired.faults.values().map(|tally| tally.repaired).sum();
        assert_eq!(found, gone.len() as u64, "{what}: {:?}", repaired.faults);
        assert_eq!(everything(&store).await, before, "{what}");
        is_sound(&store).await;
    }
    // No collection takes what it sees now for garbage.
    let registry = open(store.clone()).await;
    let done = registry.collect(&EAGER, &()).await.unwrap();
    assert_eq!((done.blobs, done.untagged, done.edges), (0, 0, 0));
    assert_eq!(everything(&store).await, before);
}
