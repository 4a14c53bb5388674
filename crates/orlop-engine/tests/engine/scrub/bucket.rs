//! The objects of a bucket, damaged as files are.

use std::sync::Arc;

use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use orlop_engine::{Registry, Remedy, ScrubOptions, Scrubbed, Source};
use orlop_object_store::{Bucket, ObjectStoreOptions, open_on};

use super::{fill, scrub, strict};
use crate::fixture::{new_store, open};

async fn bucket() -> (Arc<InMemory>, Registry) {
    let objects = Arc::new(InMemory::new());
    let store = open_on(Bucket::new(objects.clone()), &ObjectStoreOptions::default()).await;
    let registry = open(store.unwrap()).await;
    fill(&registry).await;
    (objects, registry)
}

async fn paths(objects: &InMemory) -> Vec<Path> {
    let paths = objects.list(None).map_ok(|object| object.location);
    let mut paths: Vec<Path> = paths.try_collect().await.unwrap();
    paths.sort();
    paths
}

fn names(scrubbed: &Scrubbed, path: &Path) -> bool {
    let path = path.as_ref();
    let mut damage = scrubbed.damage.kept.iter();
    let name = path.rsplit('/').next().unwrap();
    damage.any(|damage| match path.strip_prefix("records/") {
        Some(key) => damage.key.as_str() == key || damage.reason.contains(key),
        None => damage.reason.contains(name),
    })
}

#[tokio::test]
async fn any_change_of_any_object_is_found_and_named() {
    let (objects, registry) = bucket().await;
    let before = scrub(&registry).await;
    assert!(before.is_sound() && before.doubts.count == 0, "{before:#?}");
    let mut changes = 0;
    for path in paths(&objects).await {
        let stored = objects.get(&path).await.unwrap().bytes().await.unwrap();
        let is_record = path.as_ref().starts_with("records/");
        // A record that was removed on a store that cannot delete on a condition.
        if is_record && stored.starts_with(b"gone ") {
            continue;
        }
        let mut damaged: Vec<Vec<u8>> = vec![[&stored[..], b"more"].concat()];
        if let Some(last) = stored.len().checked_sub(1) {
            let mut flipped = stored.to_vec();
            flipped[last / 2] ^= 8;
            damaged.extend([flipped, stored[..last].to_vec(), stored[..last.min(20)].to_vec()]);
        }
        for bytes in damaged {
            objects.put(&path, bytes.clone().into()).await.unwrap();
            let scrubbed = scrub(&registry).await;
            assert!(!scrubbed.is_sound(), "{path}: {bytes:?}");
            assert!(names(&scrubbed, &path), "{path}: {bytes:?}: {scrubbed:#?}");
            changes += 1;
        }
        objects.put(&path, stored.into()).await.unwrap();
    }
    assert!(changes > 100, "{changes}");
    assert_eq!(scrub(&registry).await, before);
}

#[tokio::test]
async fn records_and_blobs_are_put_back() {
    let mirror = open(new_store().await).await;
    fill(&mirror).await;
    let source: Arc<dyn Source> = Arc::new(mirror);
    let (objects, registry) = bucket().await;
    for path in paths(&objects).await {
        let path_ = path.as_ref();
        let parts = ["records/b/", "records/l/", "records/c/", "extents/", "/m/"];
        if !parts.iter().any(|part| path_.contains(part)) {
            continue;
        }
        let mut stored = objects.get(&path).await.unwrap().bytes().await.unwrap().to_vec();
        let middle = stored.len() / 2;
        stored[middle] ^= 1;
        objects.put(&path, stored.into()).await.unwrap();
        let options = ScrubOptions { source: Some(source.clone()), ..strict() };
        let scrubbed = registry.scrub(&options, &()).await.unwrap();
        let damage = scrubbed.damage.kept.iter();
        // A blob to which nothing refers is not known to have been anywhere.
        let mut left = damage.filter(|damage| damage.remedy != Some(Remedy::Repaired));
        assert!(left.all(|damage| damage.affected.tags.count == 0), "{path}: {scrubbed:#?}");
        let again = scrub(&registry).await;
        assert!(again.is_sound(), "{path}: {again:#?}");
    }
    let audited = registry.audit(&crate::audit::REPAIR, &()).await.unwrap();
    assert!(audited.is_sound(), "{audited:#?}");
}
