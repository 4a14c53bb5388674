//! Upload sessions: resumption, and what ends them.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use orlop_backend::{Expected, Key, Swap};
use orlop_engine::{ErrorKind, UploadId};
use orlop_oci::{Algorithm, Digest};
use proptest::prelude::*;

use crate::counting::counted;
use crate::fixture::{
    extents, keys, kind, new_registry, new_store, open, push_blob, read_blob, repository, sha256,
};

#[tokio::test]
async fn a_resumed_upload_reads_no_byte_again() {
    let (environment, counts) = counted().await;
    let content = vec![7u8; 300_000];
    let id = {
        let registry = open(environment.clone()).await;
        let mut upload = repository(&registry, "a").begin_upload(Algorithm::Sha256).await.unwrap();
        upload.write(Bytes::copy_from_slice(&content[..123_456])).await.unwrap();
        let id = upload.id();
        assert_eq!(upload.pause().await.unwrap(), 123_456);
        id
    };
    let registry = open(environment).await;
    let a = repository(&registry, "a");
    let mut upload = a.resume_upload(&id, Some(123_456)).await.unwrap().unwrap();
    upload.write(Bytes::copy_from_slice(&content[123_456..])).await.unwrap();
    upload.commit(&sha256(&content)).await.unwrap();
    assert_eq!(counts.extent_reads.load(Ordering::Relaxed), 0);
    assert_eq!(read_blob(&a, &sha256(&content)).await.unwrap(), content);
}

/// How far somebody has come is stored when he has given up waiting, and another one has gone on
/// from where he was and replaced his bytes: the session would have the hash of what is not there.
#[tokio::test]
async fn a_session_that_is_stored_late_is_refused_when_its_bytes_are_replaced() {
    let environment = new_store().await;
    let a = repository(&open(environment.clone()).await, "a");
    let records = &environment.records;
    let mut upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
    let (id, key) = (upload.id(), Key::new(["u", &upload.id().to_string()]).unwrap());
    upload.write("paused, ".into()).await.unwrap();
    upload.pause().await.unwrap();
    let paused = records.get(&key).await.unwrap().unwrap();
    let mut upload = a.resume_upload(&id, None).await.unwrap().unwrap();
    upload.write("and more".into()).await.unwrap();
    upload.pause().await.unwrap();
    // That last request has not arrived yet:
    let late = records.get(&key).await.unwrap().unwrap();
    let swap = records.swap(&key, Expected::Version(&late.version), paused.value).await.unwrap();
    let Swap::Stored(version) = swap else { panic!("nobody else is here") };

    let mut upload = a.resume_upload(&id, None).await.unwrap().unwrap();
    assert_eq!(upload.offset(), 8);
    upload.write("or less".into()).await.unwrap();
    let swap = records.swap(&key, Expected::Version(&version), late.value).await.unwrap();
    // And now it has arrived. A store that has replaced no bytes may take it, and has the first ones.
    let content = if swap == Swap::Conflict {
        "paused, or less"
    } else {
        assert_eq!(
            kind(upload.commit(&sha256(b"paused, or less")).await),
            ErrorKind::UploadConflict
        );
        upload = a.resume_upload(&id, Some(16)).await.unwrap().unwrap();
        "paused, and more"
    };
    let digest = sha256(content.as_bytes());
    upload.commit(&digest).await.unwrap();
    assert_eq!(read_blob(&a, &digest).await.unwrap(), content);
}

#[tokio::test]
async fn closing_with_another_algorithm_reads_the_bytes_once() {
    let (environment, counts) = counted().await;
    let registry = open(environment).await;
    let a = repository(&registry, "a");
    let digest = Digest::of(Algorithm::Sha512, b"hello");
    let mut upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
    upload.write("hello".into()).await.unwrap();
    upload.commit(&digest).await.unwrap();
    assert_eq!(counts.extent_reads.load(Ordering::Relaxed), 1);
    assert_eq!(read_blob(&a, &digest).await.unwrap(), "hello");

    let mut upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
    upload.write("other".into()).await.unwrap();
    let id = upload.id();
    assert_eq!(kind(upload.commit(&digest).await), ErrorKind::DigestInvalid);
    assert!(a.resume_upload(&id, None).await.unwrap().is_none());

    let mut upload = a.begin_upload(Algorithm::Sha512).await.unwrap();
    upload.write("hello".into()).await.unwrap();
    upload.commit(&digest).await.unwrap();
    assert_eq!(counts.extent_reads.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_wrong_digest_makes_nothing_visible_and_keeps_what_was_paused() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let mut upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
    upload.write("hel".into()).await.unwrap();
    let id = upload.id();
    upload.pause().await.unwrap();
    let mut upload = a.resume_upload(&id, None).await.unwrap().unwrap();
    upload.write("XX".into()).await.unwrap();
    let error = upload.commit(&sha256(b"hello")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DigestInvalid);
    for digest in [sha256(b"hello"), sha256(b"helXX")] {
        assert!(error.to_string().contains(&digest.to_string()), "{error}");
        assert!(a.blob(&digest).await.unwrap().is_none());
    }
    let mut upload = a.resume_upload(&id, Some(3)).await.unwrap().unwrap();
    upload.write("lo".into()).await.unwrap();
    upload.commit(&sha256(b"hello")).await.unwrap();
    assert_eq!(read_blob(&a, &sha256(b"hello")).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_chunk_that_begins_elsewhere_names_both_offsets() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let mut upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
    upload.write("12345".into()).await.unwrap();
    let id = upload.id();
    upload.pause().await.unwrap();
    for at in [0, 4, 6] {
        let error = a.resume_upload(&id, Some(at)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RangeInvalid);
        assert!(error.to_string().contains("at byte 5"), "{error}");
        assert!(error.to_string().contains(&format!("begins at {at}")), "{error}");
    }
    assert_eq!(a.resume_upload(&id, Some(5)).await.unwrap().unwrap().offset(), 5);
}

#[tokio::test]
async fn an_upload_belongs_to_its_repository_and_ends_for_good() {
    let environment = new_store().await;
    let registry = open(environment.clone()).await;
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let unknown: UploadId = "a".repeat(26).parse().unwrap();
    assert!(a.resume_upload(&unknown, None).await.unwrap().is_none());
    let mut upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
    upload.write("hello".into()).await.unwrap();
    let id = upload.id();
    upload.pause().await.unwrap();
    assert!(b.resume_upload(&id, None).await.unwrap().is_none());
    a.resume_upload(&id, None).await.unwrap().unwrap().cancel().await.unwrap();
    assert!(a.resume_upload(&id, None).await.unwrap().is_none());
    assert_eq!(extents(&environment).await, []);
}

#[tokio::test]
async fn a_whole_blob_with_a_wrong_digest_leaves_nothing() {
    let environment = new_store().await;
    let registry = open(environment.clone()).await;
    let a = repository(&registry, "a");
    for claimed in [sha256(b"hello"), sha256(b"other")] {
        let mut upload = a.begin_upload_of(&sha256(b"hello")).await.unwrap();
        upload.write("other".into()).await.unwrap();
        assert_eq!(kind(upload.commit(&claimed).await), ErrorKind::DigestInvalid);
        assert!(a.blob(&claimed).await.unwrap().is_none());
    }
    assert_eq!(extents(&environment).await, []);
    assert_eq!(keys(&environment, "u").await, []);
}

#[tokio::test]
async fn an_upload_that_ended_says_what_it_became() {
    let registry = new_registry().await;
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let mut upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
    upload.write("hello".into()).await.unwrap();
    let id = upload.id();
    assert_eq!(a.finished_upload(&id).await.unwrap(), None);
    let blob = upload.commit(&sha256(b"hello")).await.unwrap();
    assert_eq!(a.finished_upload(&id).await.unwrap(), Some(blob));
    assert_eq!(b.finished_upload(&id).await.unwrap(), None);
    assert!(a.delete_blob(&sha256(b"hello")).await.unwrap());
    assert_eq!(a.finished_upload(&id).await.unwrap(), None);
}

#[tokio::test]
async fn the_same_blob_pushed_twice_is_stored_once() {
    let environment = new_store().await;
    let registry = open(environment.clone()).await;
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    for repository in [&a, &b, &a] {
        push_blob(repository, "hello").await.unwrap();
    }
    assert_eq!(extents(&environment).await.len(), 1);
    for repository in [&a, &b] {
        assert_eq!(read_blob(repository, &sha256(b"hello")).await.unwrap(), "hello");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_into_writes_pauses_and_drops_gives_the_same_blob(
        content in proptest::collection::vec(any::<u8>(), 0..5000),
        steps in proptest::collection::vec((1usize..1500, 0u8..4), 0..20),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(async {
            let registry = new_registry().await;
            let a = repository(&registry, "a");
            let upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
            let id = upload.id();
            let mut durable = upload.pause().await.unwrap();
            let mut open = a.resume_upload(&id, Some(durable)).await.unwrap().unwrap();
            for (length, act) in steps {
                let from = usize::try_from(open.offset()).unwrap();
                let to = (from + length).min(content.len());
                open.write(Bytes::copy_from_slice(&content[from..to])).await.unwrap();
                match act {
                    0 => drop(open), // a crash: what followed the last pause is lost
                    1 => durable = open.pause().await.unwrap(),
                    _ => continue,
                }
                open = a.resume_upload(&id, Some(durable)).await.unwrap().unwrap();
            }
            let from = usize::try_from(open.offset()).unwrap();
            open.write(Bytes::copy_from_slice(&content[from..])).await.unwrap();
            open.commit(&sha256(&content)).await.unwrap();
            assert_eq!(read_blob(&a, &sha256(&content)).await.unwrap(), content);
        });
    }
}
