//! What cannot be repaired, or must stay.

use std::time::Duration;

use orlop_backend::Key;
use orlop_engine::{AuditOptions, Fault};

use super::{LOOK, REPAIR, audit, contents, create, faults, find, key, overwrite, write_extent};
use crate::fixture::{
    extents, keys, new_store, open, pulls, push_image, read_blob, repository, sha256,
};

#[tokio::test]
async fn bytes_that_are_gone_are_told_of_and_who_needs_them() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let image = push_image(&a, "layer", &["v1"]).await;
    let orphan = write_extent(&store, "orphan", true).await;
    for extent in extents(&store).await.into_iter().filter(|extent| *extent != orphan) {
        store.extents.delete(extent).await.unwrap();
    }
    for options in [LOOK, REPAIR] {
        let audited = audit(&store, &options).await;
        assert!(!audited.is_sound());
        assert_eq!(audited.broken.count, 1);
        let reason = &audited.broken.kept[0].reason;
        assert!(reason.contains("gone"), "{reason}");
        assert!(reason.contains(&image.digest.to_string()), "{reason}");
    }
    assert_eq!(pulls(&a, "v1").await, Some(image.digest));
}

#[tokio::test]
async fn a_manifest_that_lacks_a_blob_is_told_of_and_orphans_stay() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let image = push_image(&a, "layer", &["v1"]).await;
    store.records.clear(&keys(&store, "b").await).await.unwrap();
    let audited = audit(&store, &REPAIR).await;
    assert!(audited.is_blind && !audited.is_sound());
    assert_eq!(audited.broken.count, 1);
    let reason = &audited.broken.kept[0].reason;
    assert!(reason.contains(&image.digest.to_string()), "{reason}");
    assert!(reason.contains(&sha256(b"layer").to_string()), "{reason}");
    assert_eq!(faults(&audited), [(Fault::Extent, 1, 0)]);
    assert_eq!(extents(&store).await.len(), 1);
}

#[tokio::test]
async fn other_bytes_in_a_manifest_are_told_of() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    push_image(&repository(&registry, "a"), "layer", &["v1"]).await;
    let record = find(&store, "r", "/m/").await;
    overwrite(&store, &record, |manifest| format!("{manifest} ")).await;
    let audited = audit(&store, &REPAIR).await;
    assert_eq!((audited.broken.count, faults(&audited)), (1, vec![]));
    assert_eq!(audited.broken.kept[0].key, record);
}

#[tokio::test]
async fn an_unreadable_record_keeps_what_it_may_refer_to_and_stops_nothing() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    for content in ["one", "two"] {
        push_image(&a, content, &[content]).await;
    }
    let orphan = write_extent(&store, "orphan", true).await;
    let gone = store.entropy.random_id().unwrap();
    create(&store, &key(&["l", &gone.to_string(), "a"]), "{}").await;
    let blob = find(&store, "b", &sha256(b"one").encoded()).await;
    let tag = find(&store, "r", "/t/two").await;
    for record in [&blob, &tag] {
        overwrite(&store, record, |_| "nothing".into()).await;
    }
    let before = contents(&store).await;
    let audited = audit(&store, &REPAIR).await;
    assert!(audited.is_blind);
    let unreadable: Vec<&Key> = audited.unreadable.kept.iter().map(|found| &found.key).collect();
    assert_eq!(unreadable, [&tag, &blob]);
    // The extent of the blob that cannot be read counts as one.
    assert_eq!(faults(&audited), [(Fault::Extent, 2, 0), (Fault::Link, 1, 0)]);
    assert_eq!(contents(&store).await, before);
    assert!(extents(&store).await.contains(&orphan));
    assert_eq!(read_blob(&a, &sha256(b"two")).await.unwrap(), "two");
}

#[tokio::test]
async fn what_the_layout_does_not_have_stays() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    push_image(&repository(&registry, "a"), "layer", &["v1"]).await;
    let foreign = [key(&["r", "a", "x", "y"]), key(&["e", "z"]), key(&["q", "0", "z"])];
    for key in &foreign {
        create(&store, key, "whatever").await;
    }
    let audited = audit(&store, &REPAIR).await;
    assert!(audited.is_sound());
    let mut found = audited.foreign.kept;
    found.sort_unstable();
    let mut expected = foreign.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
    for key in &foreign {
        assert!(store.records.get(key).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn what_is_younger_than_the_lease_stays() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let image = push_image(&a, "layer", &["v1"]).await;
    a.delete_manifest(&image.digest).await.unwrap();
    store.records.clear(&keys(&store, "q").await).await.unwrap();
    let before = contents(&store).await;
    let lazy = AuditOptions { lease: Duration::from_hours(1), ..REPAIR };
    assert_eq!(faults(&audit(&store, &lazy).await), []);
    assert_eq!(contents(&store).await, before);
}
