//! Collection, step by step.

use std::time::Duration;

use orlop_backend::Environment;
use orlop_engine::{
    CollectOptions, Collected, ErrorKind, MountFrom, Options, PutManifest, Registry,
};
use orlop_oci::Algorithm;

use crate::fixture::{
    extents, image_of, index_of, keys, kind, new_store, open, options, pulls, push_blob,
    push_image, read_blob, repository, sha256, tagged,
};

/// Whatever nothing refers to at this moment is garbage.
pub(crate) const EAGER: CollectOptions = CollectOptions {
    lease: Duration::ZERO,
    upload_idle: Duration::ZERO,
    untagged: None,
    dry_run: false,
    at_once: 4,
};

pub(crate) async fn collect(registry: &Registry) -> Collected {
    registry.collect(&EAGER, &()).await.unwrap()
}

#[tokio::test]
async fn what_a_manifest_refers_to_stays_and_goes_with_it() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let image = push_image(&a, "layer", &["v1"]).await;
    let done = collect(&registry).await;
    assert_eq!((done.blobs, done.uploads), (0, 0));
    assert_eq!(read_blob(&a, &sha256(b"layer")).await.unwrap(), "layer");

    assert!(a.delete_manifest(&image.digest).await.unwrap());
    let done = collect(&registry).await;
    assert_eq!((done.blobs, done.bytes), (1, 5));
    assert!(a.blob(&sha256(b"layer")).await.unwrap().is_none());
    assert_eq!(extents(&store).await, []);
    for place in ["b", "e", "l", "q", "u"] {
        assert_eq!(keys(&store, place).await, [], "{place}");
    }

    push_image(&a, "layer", &["v1"]).await;
    assert_eq!(pulls(&a, "v1").await, Some(image.digest));
    assert_eq!(read_blob(&a, &sha256(b"layer")).await.unwrap(), "layer");
}

#[tokio::test]
async fn a_blob_stays_as_long_as_one_of_several_images_needs_it() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let first = push_image(&a, "shared", &["v1"]).await;
    let digest = sha256(b"shared");
    b.mount(&digest, MountFrom::Repository(a.name())).await.unwrap().unwrap();
    let image = image_of(&digest, None);
    b.put_manifest(&image, &tagged(&["v1"])).await.unwrap();
    a.delete_manifest(&first.digest).await.unwrap();
    let done = collect(&registry).await;
    assert_eq!((done.blobs, done.kept.referenced), (0, 1));
    assert_eq!(read_blob(&b, &digest).await.unwrap(), "shared");
    b.delete_manifest(image.digest()).await.unwrap();
    assert_eq!(collect(&registry).await.blobs, 1);
    assert_eq!(extents(&store).await, []);
    assert_eq!(keys(&store, "l").await, []);
}

#[tokio::test]
async fn leases_keep_what_nothing_refers_to_yet() {
    let store = new_store().await;
    let options = Options { lease: Duration::from_hours(1), ..options() };
    let registry = Registry::open(store, options).await.unwrap();
    let a = repository(&registry, "a");
    let digest = push_blob(&a, "uploaded").await.unwrap();
    let lazy = CollectOptions { lease: Duration::from_hours(1), ..EAGER };
    let done = registry.collect(&lazy, &()).await.unwrap();
    assert_eq!((done.blobs, done.kept.leased), (0, 1));
    assert!(a.hold_blob(&digest).await.unwrap().is_some());
    assert_eq!(collect(&registry).await.blobs, 1);
    assert!(a.hold_blob(&digest).await.unwrap().is_none());
}

#[tokio::test]
async fn a_dry_run_says_what_would_go_and_changes_nothing() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    push_image(&a, "kept", &["v1"]).await;
    push_blob(&a, "garbage").await.unwrap();
    let mut upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
    upload.write("abandoned".into()).await.unwrap();
    upload.pause().await.unwrap();
    let before = (keys(&store, "u").await, keys(&store, "b").await, extents(&store).await.len());
    let dry = CollectOptions { dry_run: true, ..EAGER };
    let would = registry.collect(&dry, &()).await.unwrap();
    assert_eq!((would.blobs, would.bytes, would.uploads), (1, 7, 1));
    let after = (keys(&store, "u").await, keys(&store, "b").await, extents(&store).await.len());
    assert_eq!(before, after);
    let done = collect(&registry).await;
    assert_eq!((done.blobs, done.bytes, done.uploads), (would.blobs, would.bytes, would.uploads));
}

#[tokio::test]
async fn without_garbage_a_run_does_not_look_at_the_store() {
    let (environment, counts) = crate::counting::counted().await;
    let registry = open(environment).await;
    let a = repository(&registry, "a");
    for n in 0..50 {
        push_image(&a, &format!("layer {n}"), &[&format!("v{n}")]).await;
    }
    counts.take();
    let done = collect(&registry).await;
    assert_eq!((done.items, done.blobs), (0, 0));
    assert_eq!(counts.take(), (0, 0));
}

#[tokio::test]
async fn an_unreadable_manifest_keeps_what_it_may_refer_to_and_stops_nothing() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let damaged = push_image(&a, "damaged", &["v1"]).await;
    let other = push_image(&a, "other", &["v2"]).await;
    let index = index_of(&[], "index");
    a.put_manifest(&index, &PutManifest::default()).await.unwrap();
    let record = keys(&store, "r").await;
    let encoded = damaged.digest.encoded();
    let key =
        record.iter().find(|key| key.as_str().contains("/m/") && key.as_str().ends_with(&encoded));
    let key = key.unwrap();
    let stored = store.records.get(key).await.unwrap().unwrap();
    let expected = orlop_backend::Expected::Version(&stored.version);
    let swap = store.records.swap(key, expected, "no manifest".into()).await.unwrap();
    assert!(matches!(swap, orlop_backend::Swap::Stored(_)));
    // A candidate that leads to both blobs, as if both had been referred to by one manifest.
    push_blob(&a, "garbage").await.unwrap();
    a.delete_manifest(&other.digest).await.unwrap();
    let done = collect(&registry).await;
    assert_eq!(done.blobs, 2);
    assert_eq!(read_blob(&a, &sha256(b"damaged")).await.unwrap(), "damaged");
}

#[tokio::test]
async fn an_upload_that_is_collected_under_its_writer_is_not_acknowledged() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let digest = sha256(b"slow");
    let mut upload = a.begin_upload_of(&digest).await.unwrap();
    upload.write("slow".into()).await.unwrap();
    assert_eq!(collect(&registry).await.uploads, 1);
    assert_eq!(kind(upload.commit(&digest).await), ErrorKind::UploadUnknown);
    assert!(a.blob(&digest).await.unwrap().is_none());
    push_blob(&a, "slow").await.unwrap();
    assert_eq!(read_blob(&a, &digest).await.unwrap(), "slow");
    collect(&registry).await;
    assert_eq!(extents(&store).await, []);
}

#[tokio::test]
async fn collections_at_the_same_time_do_not_harm_each_other() {
    let store: Environment = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    for n in 0..20 {
        let image = push_image(&a, &format!("layer {n}"), &[&format!("v{n}")]).await;
        if n % 2 == 0 {
            a.delete_manifest(&image.digest).await.unwrap();
        }
    }
    let other = open(store.clone()).await;
    tokio::join!(collect(&registry), collect(&other), collect(&registry));
    assert_eq!(extents(&store).await.len(), 10);
    for n in (1..20).step_by(2) {
        let layer = format!("layer {n}");
        assert_eq!(read_blob(&a, &sha256(layer.as_bytes())).await.unwrap(), layer);
    }
}
