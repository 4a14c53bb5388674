//! Uploads that nobody goes on with.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::try_join_all;
use orlop_backend::{Checkpoint, Claim, Environment, ExtentId, Key, Prefix};
use orlop_engine::{CollectOptions, Collected, ErrorKind, Registry, Repository, UploadId};
use orlop_oci::Algorithm;

use crate::fixture::{
    Standing, extents, keys, kind, new_registry, new_store, open, push_blob, read_blob, repository,
    sha256,
};

/// Enough for a part of a multipart upload, and some more.
fn large() -> Bytes {
    vec![7; 9 << 20].into()
}

/// Begins an upload and leaves it with these bytes.
async fn left(repository: &Repository, content: Bytes) -> UploadId {
    let mut upload = repository.begin_upload(Algorithm::Sha256).await.unwrap();
    let id = upload.id();
    upload.write(content).await.unwrap();
    upload.pause().await.unwrap();
    id
}

/// Collects, with leases that are long.
async fn abort(registry: &Registry, idle: Duration) -> Collected {
    let options = CollectOptions { upload_idle: idle, ..CollectOptions::default() };
    registry.collect(&options, &()).await.unwrap()
}

fn session(id: &UploadId) -> Key {
    Prefix::new(["u"]).unwrap().key(&id.to_string()).unwrap()
}

/// When somebody went on with an upload, as a list says it.
async fn touched(store: &Environment, id: &UploadId) -> SystemTime {
    let mut sessions = store.records.walk(&Prefix::new(["u"]).unwrap());
    while let Some(entry) = sessions.try_next().await.unwrap() {
        if entry.key == session(id) {
            return entry.modified;
        }
    }
    panic!("upload {id} has no session");
}

#[tokio::test]
async fn an_idle_upload_goes_with_its_bytes_and_a_fresh_one_stays() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let idle = [left(&a, large()).await, left(&a, "small".into()).await];
    let last = touched(&store, &idle[0]).await.max(touched(&store, &idle[1]).await);
    let mut fresh = left(&a, "hello".into()).await;
    while touched(&store, &fresh).await <= last {
        // Some stores tell the time in whole seconds.
        tokio::time::sleep(Duration::from_millis(100)).await;
        a.resume_upload(&fresh, None).await.unwrap().unwrap().cancel().await.unwrap();
        fresh = left(&a, "hello".into()).await;
    }

    let hour = Duration::from_hours(1);
    let clock = std::sync::Arc::new(Standing(last + hour));
    let later = open(Environment { clock, ..store.clone() }).await;
    let done = abort(&later, hour).await;
    assert_eq!((done.uploads, done.leftovers, done.kept.uploads), (2, 0, 1));
    for id in &idle {
        assert!(a.resume_upload(id, None).await.unwrap().is_none());
    }
    assert_eq!(keys(&store, "u").await, [session(&fresh)]);

    let upload = a.resume_upload(&fresh, Some(5)).await.unwrap().unwrap();
    upload.commit(&sha256(b"hello")).await.unwrap();
    assert_eq!(read_blob(&a, &sha256(b"hello")).await.unwrap(), "hello");
    assert_eq!(extents(&store).await.len(), 1);
}

#[tokio::test]
async fn an_upload_aborted_under_its_writers_hands_comes_to_nothing() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let mut uploads = Vec::new();
    for _ in 0..2 {
        let id = left(&a, "one ".into()).await;
        let mut upload = a.resume_upload(&id, None).await.unwrap().unwrap();
        upload.write(large()).await.unwrap();
        uploads.push(upload);
    }
    let ids: Vec<UploadId> = uploads.iter().map(orlop_engine::Upload::id).collect();
    let late = a.resume_upload(&ids[0], None).await.unwrap().unwrap();
    assert_eq!(abort(&registry, Duration::ZERO).await.uploads, 2);

    let [one, other] = uploads.try_into().unwrap();
    one.pause().await.unwrap_err();
    let digest = sha256(&[&b"one "[..], &large()].concat());
    assert_eq!(kind(other.commit(&digest).await), ErrorKind::UploadConflict);
    assert_eq!(kind(late.commit(&sha256(b"one ")).await), ErrorKind::UploadUnknown);
    for digest in [digest, sha256(b"one ")] {
        assert!(a.blob(&digest).await.unwrap().is_none());
    }
    for id in &ids {
        assert!(a.resume_upload(id, None).await.unwrap().is_none());
        assert!(a.finished_upload(id).await.unwrap().is_none());
    }
    // What they wrote afterwards is found the next time.
    abort(&registry, Duration::ZERO).await;
    assert_eq!(extents(&store).await, []);
    assert_eq!(keys(&store, "u").await, []);
}

#[tokio::test]
async fn what_lies_open_without_a_session_goes() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    for content in [large(), "small".into()] {
        let id = ExtentId::from(store.entropy.random_id().unwrap());
        let claim = store.extents.claim(id, &Checkpoint::start()).await.unwrap();
        let Claim::Granted(mut appender) = claim else { panic!("nobody else knows of it") };
        appender.write(content).await.unwrap();
        appender.checkpoint().await.unwrap();
    }
    let open = extents(&store).await.len() as u64;
    let done = abort(&registry, Duration::from_hours(1)).await;
    assert_eq!((done.uploads, done.leftovers, done.kept.uploads), (0, open, 0));
    assert!(open > 0);
    assert_eq!(extents(&store).await, []);
}

#[tokio::test]
async fn blobs_stay_and_so_does_what_is_about_to_be_one() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let small = push_blob(&a, "small").await.unwrap();
    let id = left(&a, large()).await;
    let large_digest = sha256(&large());
    let upload = a.resume_upload(&id, None).await.unwrap().unwrap();
    upload.commit(&large_digest).await.unwrap();
    let coming = sha256(b"coming");
    let mut upload = a.begin_upload_of(&coming).await.unwrap();
    upload.write("coming".into()).await.unwrap();

    let done = abort(&registry, Duration::from_hours(1)).await;
    assert_eq!((done.uploads, done.leftovers), (0, 0));
    upload.commit(&coming).await.unwrap();
    assert_eq!(read_blob(&a, &small).await.unwrap(), "small");
    assert_eq!(read_blob(&a, &coming).await.unwrap(), "coming");
    assert!(read_blob(&a, &large_digest).await.unwrap() == large());
}

#[tokio::test]
async fn twice_and_by_several_at_once_is_as_good_as_once() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    let blob = push_blob(&a, "blob").await.unwrap();
    for n in 0..8 {
        left(&a, format!("upload {n}").into()).await;
    }
    left(&a, large()).await;
    let tasks = (0..4).map(|_| {
        let registry = registry.clone();
        tokio::spawn(async move { abort(&registry, Duration::ZERO).await })
    });
    let done = try_join_all(tasks).await.unwrap();
    assert!(done.iter().map(|done| done.uploads).sum::<u64>() >= 9, "{done:?}");
    assert_eq!(keys(&store, "u").await.len(), 1, "that of the blob");
    assert_eq!(extents(&store).await.len(), 1, "that of the blob");
    let again = abort(&registry, Duration::ZERO).await;
    assert_eq!((again.uploads, again.leftovers), (0, 0));
    assert_eq!(read_blob(&a, &blob).await.unwrap(), "blob");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_and_an_abort_at_once_make_a_blob_or_leave_nothing() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    for n in 0..50 {
        let content = format!("content {n}");
        let digest = sha256(content.as_bytes());
        let id = left(&a, content.clone().into()).await;
        let upload = a.resume_upload(&id, None).await.unwrap().unwrap();
        let end = tokio::spawn(async move { upload.commit(&digest).await });
        abort(&registry, Duration::ZERO).await;
        match end.await.unwrap() {
            Ok(_) => assert_eq!(read_blob(&a, &digest).await.unwrap(), content),
            Err(error) => {
                let overtaken =
                    [ErrorKind::UploadConflict, ErrorKind::UploadUnknown, ErrorKind::Unavailable];
                assert!(overtaken.contains(&error.kind()), "{error}");
                assert!(a.blob(&digest).await.unwrap().is_none());
            }
        }
        abort(&registry, Duration::ZERO).await;
        assert!(a.resume_upload(&id, None).await.unwrap().is_none());
    }
}
