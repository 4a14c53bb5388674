//! Each kind of damage that can be repaired.

use std::time::Duration;

use orlop_backend::Key;
use orlop_engine::{
    AuditOptions, CollectOptions, Fault, MountFrom, Options, PutManifest, Registry,
};
use orlop_oci::Algorithm;

use super::{
    LOOK, REPAIR, amount, audit, contents, create, dashed, faults, find, is_sound, key, overwrite,
    repairs, write_extent,
};
use crate::collect::EAGER;
use crate::fixture::{
    extents, image_of, index_of, keys, new_store, open, options, pulls, push_blob, push_image,
    read_blob, repository, sha256, tagged,
};

#[tokio::test]
async fn what_is_whole_is_sound_and_its_sums_are_right() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let (a, b) = (repository(&registry, "a"), repository(&registry, "a/b"));
    push_image(&a, "first", &["v1", "v2"]).await;
    let shared = push_blob(&a, "shared").await.unwrap();
    b.mount(&shared, MountFrom::Repository(a.name())).await.unwrap().unwrap();
    let image = image_of(&shared, Some(&sha256(b"nowhere")));
    let children = [&image, &image_of(&sha256(b"nowhere"), None)];
    let index = index_of(&children, "sparse");
    for repository in [&a, &b] {
        repository.put_manifest(&image, &tagged(&["image"])).await.unwrap();
        repository.put_manifest(&index, &PutManifest::default()).await.unwrap();
    }
    push_blob(&a, "garbage").await.unwrap();
    let mut upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
    upload.write("under way".into()).await.unwrap();
    upload.pause().await.unwrap();
    let deleted = push_image(&b, "deleted", &["v3"]).await;
    b.delete_manifest(&deleted.digest).await.unwrap();

    is_sound(&store).await;
    let audited = audit(&store, &LOOK).await;
    assert_eq!((audited.absent, audited.looked_at), (2, audited.items));
    let inventory = audited.inventory;
    assert_eq!((inventory.repositories, inventory.tags, inventory.manifests.count), (2, 4, 5));
    assert_eq!(amount(inventory.referenced), (2, 11));
    assert_eq!(amount(inventory.shared), (1, 6));
    assert_eq!(amount(inventory.unreferenced), (2, 14));
    // The indexes were pushed by digest, and a collection has not seen that yet.
    assert_eq!(amount(inventory.open_uploads), (1, 9));
    assert_eq!((inventory.candidates, inventory.untagged), (3, 2));
    let before = contents(&store).await;
    assert!(audit(&store, &REPAIR).await.faults.is_empty());
    assert_eq!(contents(&store).await, before);
}

#[tokio::test]
async fn an_extent_that_nothing_names_goes() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    push_image(&repository(&registry, "a"), "kept", &["v1"]).await;
    let orphan = write_extent(&store, "orphan", true).await;
    create(&store, &key(&["l", &orphan.to_string(), "a"]), "{}").await;
    assert_eq!(amount(audit(&store, &LOOK).await.inventory.orphans), (1, 6));
    repairs(&store, &[(Fault::Extent, 1)]).await;
    assert_eq!(extents(&store).await.len(), 1);
    assert_eq!(keys(&store, "l").await, []);
}

#[tokio::test]
async fn what_lies_open_and_belongs_to_no_upload_goes() {
    let store = new_store().await;
    open(store.clone()).await;
    write_extent(&store, "left".repeat(3 << 20), false).await; // more than waits in a session
    repairs(&store, &[(Fault::Leftover, 1)]).await;
    assert_eq!(extents(&store).await, []);
}

#[tokio::test]
async fn garbage_that_no_candidate_names_goes() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    for content in ["one", "two"] {
        let image = push_image(&a, content, &[]).await;
        a.delete_manifest(&image.digest).await.unwrap();
    }
    is_sound(&store).await;
    store.records.clear(&keys(&store, "q").await).await.unwrap();
    // One of them has died already, but for its bytes.
    let record = find(&store, "b", &sha256(b"one").encoded()).await;
    overwrite(&store, &record, |blob| {
        let extent = blob.split('"').nth(5).unwrap();
        format!(r#"{{"life":"dead","size":0,"trash":["{extent}"]}}"#)
    })
    .await;
    assert_eq!(amount(audit(&store, &LOOK).await.inventory.trash), (1, 3));
    repairs(&store, &[(Fault::Blob, 2)]).await;
    assert_eq!(extents(&store).await, []);
    assert_eq!(keys(&store, "b").await, []);
}

#[tokio::test]
async fn a_delete_that_nobody_finishes_is_finished() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    push_image(&a, "layer", &["v1"]).await;
    let record = find(&store, "r", "/m/").await;
    overwrite(&store, &record, |manifest| manifest.replacen("live", "deleted", 1)).await;
    repairs(&store, &[(Fault::Blob, 1), (Fault::Deleted, 1)]).await;
    for place in ["b", "e", "r"] {
        assert_eq!(keys(&store, place).await, [], "{place}");
    }
}

#[tokio::test]
async fn edges_that_nothing_stands_behind_are_cleared() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let image = push_image(&a, "layer", &["v1"]).await;
    let edge = keys(&store, "e").await.remove(0);
    let (manifest, other) = (dashed(&image.digest), dashed(&sha256(b"other")));
    let unknown = store.entropy.random_id().unwrap();
    let unborn = [
        key(&["e", &other, "a", &format!("{manifest}.{unknown}")]),
        key(&["r", "a", "e", &other, &format!("i.{manifest}.{unknown}")]),
        key(&["r", "b", "s", &manifest, &format!("{other}.{unknown}")]),
    ];
    store.records.mark(&unborn).await.unwrap();
    // The manifest lives, and refers to no such blob.
    store.records.mark(&[key(&["e", &other, "a", edge.name()])]).await.unwrap();

    let lazy = AuditOptions { lease: Duration::from_hours(1), ..LOOK };
    let audited = audit(&store, &lazy).await;
    assert_eq!((faults(&audited), audited.in_flight), (vec![(Fault::Edge, 1, 0)], 3));
    repairs(&store, &[(Fault::Edge, 4)]).await;
    assert_eq!(keys(&store, "e").await, [edge]);
}

#[tokio::test]
async fn links_to_what_is_gone_are_cleared() {
    let store = new_store().await;
    open(store.clone()).await;
    let gone = store.entropy.random_id().unwrap();
    create(&store, &key(&["l", &gone.to_string(), "a"]), "{}").await;
    repairs(&store, &[(Fault::Link, 1)]).await;
    assert_eq!(keys(&store, "l").await, []);
}

#[tokio::test]
async fn edges_that_were_lost_are_marked() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let blob = push_blob(&a, "layer").await.unwrap();
    let image = image_of(&blob, Some(&sha256(b"subject")));
    a.put_manifest(&image, &tagged(&["v1"])).await.unwrap();
    a.put_manifest(&index_of(&[&image], ""), &PutManifest::default()).await.unwrap();
    let (of_blobs, of_others) = (keys(&store, "e").await, keys(&store, "r").await);
    let is_edge = |key: &&Key| key.as_str().contains("/e/") || key.as_str().contains("/s/");
    let lost: Vec<Key> = of_others.iter().filter(is_edge).chain(&of_blobs).cloned().collect();
    store.records.clear(&lost).await.unwrap();
    repairs(&store, &[(Fault::Unmarked, 4)]).await;
    assert_eq!(keys(&store, "e").await, of_blobs);
    assert_eq!(keys(&store, "r").await.len(), of_others.len());
    registry.collect(&EAGER, &()).await.unwrap();
    assert_eq!(read_blob(&a, &blob).await.unwrap(), "layer");
}

#[tokio::test]
async fn what_a_repository_refers_to_becomes_visible_there() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let blob = push_blob(&a, "layer").await.unwrap();
    b.mount(&blob, MountFrom::Repository(a.name())).await.unwrap().unwrap();
    for repository in [&a, &b] {
        repository.put_manifest(&image_of(&blob, None), &tagged(&["v1"])).await.unwrap();
    }
    store.records.clear(&keys(&store, "l").await).await.unwrap();
    store.records.clear(&[key(&["c", "a"])]).await.unwrap();
    // Where manifests are let in unchecked, a reference gives no right to a blob.
    let unchecked = Options { references: orlop_engine::References::Unchecked, ..options() };
    let unchecked = Registry::open(store.clone(), unchecked).await.unwrap();
    let audited = unchecked.audit(&LOOK, &()).await.unwrap();
    assert_eq!(faults(&audited), [(Fault::Repository, 1, 0)]);
    repairs(&store, &[(Fault::Unlinked, 1), (Fault::Repository, 1)]).await;
    assert_eq!(read_blob(&b, &blob).await.unwrap(), "layer");
    assert!(a.exists().await.unwrap());
}

#[tokio::test]
async fn tags_without_a_manifest_go() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let image = push_image(&a, "layer", &["v1", "ghost"]).await;
    let unknown = store.entropy.random_id().unwrap();
    overwrite(&store, &key(&["r", "a", "t", "ghost"]), |tag| {
        let living = tag.split('"').nth(7).unwrap();
        tag.replace(living, &unknown.to_string())
    })
    .await;
    let lazy = AuditOptions { lease: Duration::from_hours(1), ..REPAIR };
    assert_eq!(faults(&audit(&store, &lazy).await), []);
    repairs(&store, &[(Fault::Tag, 1)]).await;
    assert_eq!(pulls(&a, "v1").await, Some(image.digest));
    assert_eq!(a.tags(None, 9).await.unwrap().items, ["v1".parse().unwrap()]);
}

#[tokio::test]
async fn what_nothing_keeps_is_noted_once() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    push_image(&a, "tagged", &["v1"]).await;
    push_image(&a, "untagged", &[]).await;
    store.records.clear(&keys(&store, "q").await).await.unwrap();
    let audited = audit(&store, &REPAIR).await;
    assert!(audited.is_sound() && audited.faults.is_empty(), "{audited:?}");
    assert_eq!(audited.inventory.untagged, 1);
    let note = keys(&store, "n").await.remove(0);
    let version = async || store.records.get(&note).await.unwrap().unwrap().version;
    let first = version().await;
    audit(&store, &REPAIR).await;
    assert_eq!(version().await, first);
    let delete = CollectOptions { untagged: Some(Duration::ZERO), ..EAGER };
    assert_eq!(registry.collect(&delete, &()).await.unwrap().untagged, 1);
    is_sound(&store).await;
    assert_eq!(keys(&store, "n").await, []);
}
