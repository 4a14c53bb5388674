//! Small blobs, whose bytes are in their records.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{Environment, Expected, Swap};
use orlop_engine::{
    AuditOptions, DamageKind, ErrorKind, MountFrom, Options, Registry, Remedy, Repository,
    ScrubOptions, UploadId,
};
use orlop_oci::{Algorithm, Digest};

use crate::collect::{EAGER, collect};
use crate::counting::counted;
use crate::fixture::{
    extents, image_of, keys, kind, new_store, open, options, push_blob, read_blob, repository,
    sha256, tagged,
};

/// A registry in which blobs of up to 16 bytes are inline.
async fn open_inline(store: &Environment) -> Registry {
    Registry::open(store.clone(), Options { inline_bytes_max: 16, ..options() }).await.unwrap()
}

async fn paused(repository: &Repository, bytes: &'static str) -> UploadId {
    let mut upload = repository.begin_upload(Algorithm::Sha256).await.unwrap();
    let id = upload.id();
    upload.write(bytes.into()).await.unwrap();
    upload.pause().await.unwrap();
    id
}

#[tokio::test]
async fn a_push_in_one_go_makes_two_swaps_and_a_pull_one_read() {
    let (store, counts) = counted().await;
    let a = repository(&open_inline(&store).await, "a");
    counts.take();
    let digest = push_blob(&a, "sixteen bytes...").await.unwrap();
    assert_eq!(counts.take(), (1, 2));
    assert_eq!(read_blob(&a, &digest).await.unwrap(), "sixteen bytes...");
    assert_eq!(counts.take(), (1, 0));
    assert_eq!(counts.extent_reads.load(Ordering::Relaxed), 0);
    assert_eq!(extents(&store).await, []);

    push_blob(&a, "seventeen bytes..").await.unwrap();
    assert_eq!(extents(&store).await.len(), 1);
}

/// What it became may be gone by then, and nobody would have been told.
#[tokio::test]
async fn of_two_that_end_one_session_the_second_is_told_that_he_lost() {
    for is_deleted in [false, true] {
        let a = repository(&open_inline(&new_store().await).await, "a");
        let (id, digest) = (paused(&a, "small").await, sha256(b"small"));
        let first = a.resume_upload(&id, None).await.unwrap().unwrap();
        let second = a.resume_upload(&id, None).await.unwrap().unwrap();
        first.commit(&digest).await.unwrap();
        if is_deleted {
            assert!(a.delete_blob(&digest).await.unwrap());
        }
        assert_eq!(kind(second.commit(&digest).await), ErrorKind::UploadConflict);
        assert_eq!(a.blob(&digest).await.unwrap().is_some(), !is_deleted);
    }
}

#[tokio::test]
async fn ranges_are_cut_as_those_of_other_blobs() {
    let inline = repository(&open_inline(&new_store().await).await, "a");
    let other = repository(&open(new_store().await).await, "a");
    let mut digest = sha256(b"");
    for repository in [&inline, &other] {
        digest = push_blob(repository, "0123456789").await.unwrap();
    }
    for range in [0..0, 0..3, 4..u64::MAX, 9..10, 10..11, 19..25, 19..u64::MAX] {
        let mut parts = Vec::new();
        for repository in [&inline, &other] {
            let blob = repository.blob(&digest).await.unwrap().unwrap();
            let bytes = blob.read(range.clone()).await.unwrap();
            parts.push(bytes.try_collect::<Vec<Bytes>>().await.unwrap().concat());
        }
        assert_eq!(parts[0], parts[1], "{range:?}");
    }
    assert!(inline.blob(&digest).await.unwrap().unwrap().file(0..9).await.unwrap().is_none());
}

#[tokio::test]
async fn nothing_and_what_nobody_reads_are_blobs() {
    let store = new_store().await;
    let registry = open_inline(&store).await;
    let a = repository(&registry, "a");
    let empty = push_blob(&a, "").await.unwrap();
    assert_eq!(read_blob(&a, &empty).await.unwrap(), "");
    assert_eq!(a.blob(&empty).await.unwrap().unwrap().descriptor().size, 0);
    let wrong = sha256(b"other");
    let mut upload = a.begin_upload_of(&wrong).await.unwrap();
    upload.write("these".into()).await.unwrap();
    assert_eq!(kind(upload.commit(&wrong).await), ErrorKind::DigestInvalid);
    let mut upload = a.begin_upload_of(&wrong).await.unwrap();
    upload.write("other".into()).await.unwrap();
    upload.cancel().await.unwrap();
    assert_eq!(keys(&store, "u").await.len(), 1, "of the empty one");
    assert!(a.blob(&wrong).await.unwrap().is_none());
}

#[tokio::test]
async fn a_session_keeps_few_bytes_until_there_are_many() {
    let store = new_store().await;
    let a = repository(&open_inline(&store).await, "a");
    let id = paused(&a, "few ").await;
    assert_eq!(extents(&store).await, []);
    let mut upload = a.resume_upload(&id, Some(4)).await.unwrap().unwrap();
    upload.write("bytes".into()).await.unwrap();
    assert_eq!(upload.pause().await.unwrap(), 9);
    // Another process, which keeps none.
    let other = repository(&open(store.clone()).await, "a");
    let mut upload = other.resume_upload(&id, Some(9)).await.unwrap().unwrap();
    upload.write(", and then more than that".into()).await.unwrap();
    assert_eq!(upload.pause().await.unwrap(), 34);
    let upload = a.resume_upload(&id, Some(34)).await.unwrap().unwrap();
    let digest = sha256(b"few bytes, and then more than that");
    upload.commit(&digest).await.unwrap();
    assert_eq!(read_blob(&a, &digest).await.unwrap(), "few bytes, and then more than that");
    assert_eq!(extents(&store).await.len(), 1);

    // What has come so far is few, whatever it is to become.
    let id = paused(&a, "sha").await;
    let mut upload = other.resume_upload(&id, None).await.unwrap().unwrap();
    let digest = Digest::of(Algorithm::Sha512, b"sha");
    upload.write(Bytes::new()).await.unwrap();
    upload.commit(&digest).await.unwrap();
    assert_eq!(read_blob(&a, &digest).await.unwrap(), "sha");
    assert_eq!(a.finished_upload(&id).await.unwrap().unwrap().digest, digest);
    assert_eq!(extents(&store).await.len(), 1);
}

#[tokio::test]
async fn of_two_that_go_on_with_few_bytes_one_wins() {
    let store = new_store().await;
    let a = repository(&open_inline(&store).await, "a");
    for ends in [false, true] {
        let id = paused(&a, "both").await;
        let mut first = a.resume_upload(&id, None).await.unwrap().unwrap();
        let mut second = a.resume_upload(&id, None).await.unwrap().unwrap();
        first.write(" first".into()).await.unwrap();
        second.write(" second".into()).await.unwrap();
        if ends {
            first.commit(&sha256(b"both first")).await.unwrap();
        } else {
            first.pause().await.unwrap();
        }
        let lost = second.commit(&sha256(b"both second")).await;
        assert_eq!(kind(lost), ErrorKind::UploadConflict);
        assert!(a.blob(&sha256(b"both second")).await.unwrap().is_none());
        assert_eq!(a.blob(&sha256(b"both first")).await.unwrap().is_some(), ends);
    }
}

#[tokio::test]
async fn one_that_is_there_takes_nothing_more() {
    let store = new_store().await;
    let registry = open_inline(&store).await;
    let [a, b] = ["a", "b"].map(|name| repository(&registry, name));
    let digest = push_blob(&a, "inline").await.unwrap();
    push_blob(&b, "inline").await.unwrap();
    let id = paused(&b, "inline").await;
    b.resume_upload(&id, None).await.unwrap().unwrap().commit(&digest).await.unwrap();
    assert_eq!(keys(&store, "u").await.len(), 1, "that of the first push");
    assert_eq!(read_blob(&b, &digest).await.unwrap(), "inline");
    let lost = paused(&b, "inlin").await;
    let upload = b.resume_upload(&lost, None).await.unwrap().unwrap();
    let other = b.resume_upload(&lost, None).await.unwrap().unwrap();
    other.cancel().await.unwrap();
    let mut upload = upload;
    upload.write("e".into()).await.unwrap();
    assert_eq!(kind(upload.commit(&digest).await), ErrorKind::UploadConflict);
}

#[tokio::test]
async fn it_is_mounted_kept_counted_and_collected_as_others() {
    let store = new_store().await;
    let registry = open_inline(&store).await;
    let [a, b] = ["a", "b"].map(|name| repository(&registry, name));
    let digest = push_blob(&a, "inline").await.unwrap();
    push_blob(&a, "garbage").await.unwrap();
    paused(&a, "idle").await;
    b.mount(&digest, MountFrom::Repository(a.name())).await.unwrap().unwrap();
    for repository in [&a, &b] {
        repository.put_manifest(&image_of(&digest, None), &tagged(&["v1"])).await.unwrap();
    }
    let done = collect(&registry).await;
    assert_eq!((done.blobs, done.bytes, done.uploads), (1, 7, 1));
    assert_eq!(read_blob(&b, &digest).await.unwrap(), "inline");
    let look = AuditOptions { repair: false, lease: EAGER.lease, at_once: 1 };
    let audited = registry.audit(&look, &()).await.unwrap();
    assert!(audited.is_sound() && audited.faults.is_empty(), "{audited:?}");
    let inventory = audited.inventory;
    for part in [inventory.inline, inventory.referenced, inventory.shared] {
        assert_eq!((part.count, part.bytes), (1, 6), "{inventory:?}");
    }
    assert_eq!((inventory.extents.count, inventory.open_uploads.count), (0, 0));
    let scrubbed = registry.scrub(&ScrubOptions::default(), &()).await.unwrap();
    assert!(scrubbed.is_sound(), "{scrubbed:?}");
    assert_eq!((scrubbed.blobs, scrubbed.bytes), (1, 6));

    for repository in [&a, &b] {
        repository.delete_manifest(image_of(&digest, None).digest()).await.unwrap();
    }
    assert_eq!(collect(&registry).await.blobs, 1);
    assert!(a.blob(&digest).await.unwrap().is_none());
    for place in ["b", "l", "u"] {
        assert_eq!(keys(&store, place).await, [], "{place}");
    }
}

/// Whoever has written other bytes into a record, envelope and all.
#[tokio::test]
async fn wrong_bytes_are_found_quarantined_and_pushed_again() {
    let store = new_store().await;
    let registry = open_inline(&store).await;
    let [a, b] = ["a", "b"].map(|name| repository(&registry, name));
    let digest = push_blob(&a, "inline").await.unwrap();
    b.mount(&digest, MountFrom::Repository(a.name())).await.unwrap().unwrap();
    a.put_manifest(&image_of(&digest, None), &tagged(&["v1"])).await.unwrap();
    let key = keys(&store, "b").await.remove(0);
    let found = store.records.get(&key).await.unwrap().unwrap();
    let mut value = found.value.to_vec();
    *value.last_mut().unwrap() ^= 1;
    let swap = store.records.swap(&key, Expected::Version(&found.version), value.into()).await;
    assert!(matches!(swap.unwrap(), Swap::Stored(_)));

    let quarantine = ScrubOptions { quarantine: true, ..ScrubOptions::default() };
    let scrubbed = registry.scrub(&quarantine, &()).await.unwrap();
    let damage = &scrubbed.damage.kept[0];
    assert_eq!((damage.kind, damage.remedy), (DamageKind::Bytes, Some(Remedy::Quarantined)));
    assert!(a.blob(&digest).await.unwrap().is_none());
    push_blob(&a, "inline").await.unwrap();
    for repository in [&a, &b] {
        assert_eq!(read_blob(repository, &digest).await.unwrap(), "inline");
    }
    collect(&registry).await;
    let scrubbed = registry.scrub(&ScrubOptions::default(), &()).await.unwrap();
    assert!(scrubbed.is_sound(), "{scrubbed:?}");
    assert_eq!(read_blob(&a, &digest).await.unwrap(), "inline");
}

#[tokio::test]
async fn a_session_that_lacks_bytes_is_corrupt() {
    let store = new_store().await;
    let a = repository(&open_inline(&store).await, "a");
    let id = paused(&a, "inline").await;
    let key = keys(&store, "u").await.remove(0);
    let found = store.records.get(&key).await.unwrap().unwrap();
    let value = found.value.slice(..found.value.len() - 1);
    let swap = store.records.swap(&key, Expected::Version(&found.version), value).await.unwrap();
    assert!(matches!(swap, Swap::Stored(_)));
    assert_eq!(kind(a.resume_upload(&id, None).await), ErrorKind::Corrupt);
}
