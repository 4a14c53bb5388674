//! Manifests without a tag: when they go, and what keeps them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use orlop_backend::{Environment, Key};
use orlop_engine::{
    CollectOptions, Collected, Condition, Deletes, ErrorKind, Options, PutManifest, Registry,
    Repository,
};
use orlop_oci::{Descriptor, Digest, Manifest};

use crate::collect::EAGER;
use crate::fixture::{
    Standing, extents, image_of, index_of, keys, kind, new_store, open, options, pulls, push_blob,
    push_image, repository, sha256, tagged,
};

/// Whatever has no tag at this moment is garbage.
const DELETE: CollectOptions = CollectOptions { untagged: Some(Duration::ZERO), ..EAGER };

async fn collect(registry: &Registry) -> Collected {
    registry.collect(&DELETE, &()).await.unwrap()
}

async fn has(repository: &Repository, digest: &Digest) -> bool {
    pulls(repository, &digest.to_string()).await.is_some()
}

async fn untag(repository: &Repository, tag: &str) {
    assert!(repository.delete_tag(&tag.parse().unwrap(), Condition::Any).await.unwrap());
}

async fn put(repository: &Repository, manifest: &Manifest, tags: &[&str]) -> Descriptor {
    repository.put_manifest(manifest, &tagged(tags)).await.unwrap()
}

async fn image(repository: &Repository, content: &str, subject: Option<&Digest>) -> Manifest {
    let blob = push_blob(repository, content).await.unwrap();
    let image = image_of(&blob, subject);
    put(repository, &image, &[]).await;
    image
}

#[tokio::test]
async fn the_last_tag_takes_its_manifest_along() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let image = push_image(&a, "layer", &["v1", "v2"]).await;
    untag(&a, "v1").await;
    assert_eq!(collect(&registry).await.untagged, 0);
    assert!(has(&a, &image.digest).await);
    untag(&a, "v2").await;
    let done = collect(&registry).await;
    assert_eq!((done.untagged, done.blobs, done.bytes), (1, 1, 5));
    assert!(!has(&a, &image.digest).await);
    assert_eq!(extents(&store).await, []);
    for place in ["b", "e", "l", "n", "q", "u", "r"] {
        assert_eq!(keys(&store, place).await, [], "{place}");
    }
}

#[tokio::test]
async fn a_tag_that_moves_leaves_its_manifest_behind() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let old = push_image(&a, "old", &["latest"]).await;
    let new = push_image(&a, "new", &["latest"]).await;
    let kept = registry.collect(&EAGER, &()).await.unwrap();
    assert_eq!(kept.untagged, 0);
    assert!(has(&a, &old.digest).await, "untagged manifests are kept by default");
    let done = collect(&registry).await;
    assert_eq!((done.untagged, done.blobs), (1, 1), "also those of before");
    assert!(!has(&a, &old.digest).await);
    assert_eq!(pulls(&a, "latest").await, Some(new.digest));
    assert_eq!(keys(&store, "n").await, []);
}

#[tokio::test]
async fn a_manifest_that_is_pushed_by_digest_goes_after_its_time() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let image = image(&a, "layer", None).await;
    let slow = CollectOptions { untagged: Some(Duration::from_hours(1)), ..EAGER };
    let leased = CollectOptions { lease: Duration::from_hours(1), ..DELETE };
    assert_eq!(registry.collect(&slow, &()).await.unwrap().kept.untagged, 1);
    let done = registry.collect(&leased, &()).await.unwrap();
    assert_eq!((done.untagged, done.kept.leased), (0, 1));
    assert!(has(&a, image.digest()).await);
    assert_eq!(collect(&registry).await.untagged, 1);
    assert!(!has(&a, image.digest()).await);
}

#[tokio::test]
async fn an_index_keeps_its_children_and_a_subject_its_referrers() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let (one, two) = (image(&a, "one", None).await, image(&a, "two", None).await);
    let index = index_of(&[&one, &two], "");
    put(&a, &index, &["v1"]).await;
    let signature = image(&a, "signature", Some(index.digest())).await;
    let about_it = image(&a, "about the signature", Some(signature.digest())).await;
    let done = collect(&registry).await;
    assert_eq!((done.untagged, done.blobs), (0, 0));
    assert_eq!(keys(&store, "n").await, [], "what is kept needs no note");
    assert_eq!(keys(&store, "q").await, []);
    untag(&a, "v1").await;
    let done = collect(&registry).await;
    assert_eq!((done.untagged, done.blobs), (5, 4), "one run, however deep they are");
    for manifest in [&one, &two, &index, &signature, &about_it] {
        assert!(!has(&a, manifest.digest()).await);
    }
    assert_eq!(extents(&store).await, []);
    for place in ["b", "e", "n", "q", "r", "u"] {
        assert_eq!(keys(&store, place).await, [], "{place}");
    }
}

#[tokio::test]
async fn a_child_with_a_tag_outlives_its_index() {
    let registry = open(new_store().await).await;
    let a = repository(&registry, "a");
    let (one, two) = (image(&a, "one", None).await, image(&a, "two", None).await);
    let index = index_of(&[&one, &two], "");
    put(&a, &index, &["v1"]).await;
    a.set_tag(&"one".parse().unwrap(), one.digest(), Condition::Any).await.unwrap();
    assert!(a.delete_manifest(index.digest()).await.unwrap());
    assert_eq!(collect(&registry).await.untagged, 1);
    assert!(has(&a, one.digest()).await);
    assert!(!has(&a, two.digest()).await);
}

#[tokio::test]
async fn who_asks_by_digest_holds_a_manifest_for_a_lease() {
    let store = new_store().await;
    let options = Options { lease: Duration::from_millis(40), ..options() };
    let registry = Registry::open(store.clone(), options).await.unwrap();
    let a = repository(&registry, "a");
    let (held, other) = (image(&a, "held", None).await, image(&a, "other", None).await);
    // The lease of the push is over; and some stores tell the time in whole seconds.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let reference = held.digest().to_string().parse().unwrap();
    assert!(a.hold_manifest(&reference).await.unwrap().is_some());

    let hour = Duration::from_hours(1);
    let clock = Arc::new(Standing(stored_at(&store, &held).await + hour));
    let later = open(Environment { clock, ..store }).await;
    let leased = CollectOptions { lease: hour + Duration::from_secs(1), ..DELETE };
    let done = later.collect(&leased, &()).await.unwrap();
    assert!(done.untagged == 1 && done.kept.leased > 0, "{done:?}");
    assert!(has(&a, held.digest()).await && !has(&a, other.digest()).await);
}

/// When a manifest's record was stored the last time.
async fn stored_at(store: &Environment, manifest: &Manifest) -> SystemTime {
    let name = manifest.digest().to_string().replace(':', "-");
    let key = Key::new(["r", "a", "m", &name]).unwrap();
    store.records.get(&key).await.unwrap().unwrap().modified
}

#[tokio::test]
async fn a_dry_run_says_how_far_it_would_go() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let shared = push_blob(&a, "shared").await.unwrap();
    let (one, two) = (image_of(&shared, None), image_of(&shared, Some(&sha256(b"nobody"))));
    put(&a, &one, &[]).await;
    put(&a, &two, &[]).await;
    let index = index_of(&[&one, &two], "");
    put(&a, &index, &["v1"]).await;
    image(&a, "signature", Some(index.digest())).await;
    untag(&a, "v1").await;
    let all = ["b", "e", "n", "q", "r", "u"];
    let mut before = Vec::new();
    for place in all {
        before.push(keys(&store, place).await);
    }
    let dry = CollectOptions { dry_run: true, ..DELETE };
    let would = registry.collect(&dry, &()).await.unwrap();
    assert_eq!((would.untagged, would.blobs, would.bytes), (4, 2, 15));
    for (place, before) in all.into_iter().zip(before) {
        assert_eq!(keys(&store, place).await, before, "{place}");
    }
    let done = collect(&registry).await;
    assert_eq!((done.untagged, done.blobs, done.bytes), (4, 2, 15));
}

#[tokio::test]
async fn pushing_and_untagging_again_and_again_leaves_no_more_keys() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let mut counts = Vec::new();
    for round in 0..4 {
        for content in ["one", "two", "three"] {
            push_image(&a, content, &["latest", content]).await;
            let other = image(&a, &format!("{content} by digest"), None).await;
            untag(&a, content).await;
            if round % 2 == 1 {
                assert!(a.delete_manifest(other.digest()).await.unwrap());
            }
        }
        registry.collect(&EAGER, &()).await.unwrap();
        let mut count = 0;
        for place in ["b", "c", "e", "l", "n", "q", "r", "u"] {
            count += keys(&store, place).await.len();
        }
        counts.push(count);
    }
    assert_eq!(counts[0], counts[2]);
    assert_eq!(counts[1], counts[3]);
}

#[tokio::test]
async fn children_can_be_kept_from_being_deleted() {
    let options = Options { deletes: Deletes::KeepChildren, ..options() };
    let registry = Registry::open(new_store().await, options).await.unwrap();
    let a = repository(&registry, "a");
    let child = image(&a, "child", None).await;
    let index = index_of(&[&child], "");
    a.put_manifest(&index, &PutManifest::default()).await.unwrap();
    assert_eq!(kind(a.delete_manifest(child.digest()).await), ErrorKind::Denied);
    assert!(has(&a, child.digest()).await);
    assert!(a.delete_manifest(index.digest()).await.unwrap());
    assert!(a.delete_manifest(child.digest()).await.unwrap());
}
