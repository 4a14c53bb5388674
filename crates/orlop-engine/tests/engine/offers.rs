//! Uploads of which nothing is stored before they have bytes.

use std::sync::Arc;
use std::time::Duration;

use orlop_backend::{Clock, Environment};
use orlop_engine::{ErrorKind, UploadId};
use orlop_oci::{Algorithm, Digest};

use crate::fixture::{
    Standing, extents, keys, kind, new_store, open, push_blob, read_blob, repository, sha256,
};

#[tokio::test]
async fn nothing_is_stored_before_there_are_bytes() {
    let environment = new_store().await;
    let registry = open(environment.clone()).await;
    let a = repository(&registry, "a");
    let id = a.new_upload_id(Algorithm::Sha256).unwrap();
    let upload = a.resume_upload(&id, None).await.unwrap().unwrap();
    assert_eq!((upload.id(), upload.offset()), (id, 0));
    assert_eq!(upload.pause().await.unwrap(), 0);
    a.resume_upload(&id, Some(0)).await.unwrap().unwrap().cancel().await.unwrap();
    assert_eq!(keys(&environment, "u").await, []);
    assert_eq!(extents(&environment).await, []);
    assert_eq!(kind(a.resume_upload(&id, Some(1)).await), ErrorKind::RangeInvalid);
}

#[tokio::test]
async fn any_process_finds_what_was_begun_under_an_id() {
    let environment = new_store().await;
    let registry = open(environment.clone()).await;
    let a = repository(&registry, "a");
    for bytes in [vec![1; 10], vec![1; 100_000]] {
        let offered = a.new_upload_id(Algorithm::Sha256).unwrap();
        let other = repository(&open(environment.clone()).await, "a");
        let mut upload = other.begin_upload_as(&offered, None).unwrap().unwrap();
        upload.write(bytes.clone().into()).await.unwrap();
        let id = upload.id();
        assert_ne!(id, offered);
        upload.pause().await.unwrap();
        for known in [id, offered, offered.to_string().parse().unwrap()] {
            let found = a.resume_upload(&known, Some(bytes.len() as u64)).await.unwrap().unwrap();
            assert_eq!(found.id(), id);
        }
        let upload = a.resume_upload(&offered, None).await.unwrap().unwrap();
        let blob = upload.commit(&sha256(&bytes)).await.unwrap();
        assert_eq!(a.finished_upload(&offered).await.unwrap(), Some(blob));
        assert!(a.resume_upload(&offered, None).await.unwrap().is_none());
        assert_eq!(read_blob(&a, &sha256(&bytes)).await.unwrap(), bytes);
    }
}

/// An extent's name is used once: a late delete must not hit what came after.
#[tokio::test]
async fn no_two_uploads_under_an_id_have_an_extent_in_common() {
    let environment = new_store().await;
    let registry = open(environment.clone()).await;
    let a = repository(&registry, "a");
    let offered = a.new_upload_id(Algorithm::Sha256).unwrap();
    let mut seen: Vec<UploadId> = Vec::new();
    for n in 0..20_u8 {
        let bytes = vec![n; 20_000 + usize::from(n)];
        let mut upload = a.begin_upload_as(&offered, None).unwrap().unwrap();
        upload.write(bytes.clone().into()).await.unwrap();
        assert!(!seen.contains(&upload.id()));
        seen.push(upload.id());
        if n % 2 == 0 {
            upload.commit(&sha256(&bytes)).await.unwrap();
        } else {
            upload.pause().await.unwrap();
        }
    }
    assert_eq!(extents(&environment).await.len(), 20);
    for n in (0..20).step_by(2) {
        let bytes = vec![n; 20_000 + usize::from(n)];
        assert_eq!(read_blob(&a, &sha256(&bytes)).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn of_several_the_one_is_found_that_has_come_farthest() {
    let registry = open(new_store().await).await;
    let a = repository(&registry, "a");
    let offered = a.new_upload_id(Algorithm::Sha256).unwrap();
    for len in [3, 50_000, 7] {
        let mut upload = a.begin_upload_as(&offered, None).unwrap().unwrap();
        upload.write(vec![0; len].into()).await.unwrap();
        upload.pause().await.unwrap();
    }
    let mut late = a.begin_upload_as(&offered, None).unwrap().unwrap();
    late.write(vec![0; 30_000].into()).await.unwrap();
    drop(late); // its session is stored, and says nothing of these bytes
    assert_eq!(a.resume_upload(&offered, None).await.unwrap().unwrap().offset(), 50_000);
}

#[tokio::test]
async fn an_id_is_of_one_repository_and_of_one_store() {
    let registry = open(new_store().await).await;
    let a = repository(&registry, "a");
    let id = a.new_upload_id(Algorithm::Sha256).unwrap();
    for other in [repository(&registry, "a/b"), repository(&open(new_store().await).await, "a")] {
        assert!(other.begin_upload_as(&id, None).unwrap().is_none());
        assert!(other.resume_upload(&id, None).await.unwrap().is_none());
    }
    assert!(a.begin_upload_as(&id, None).unwrap().is_some());
}

#[tokio::test]
async fn an_id_can_be_used_for_a_day() {
    let environment = new_store().await;
    let now = environment.clock.now();
    let at = async |since| {
        let clock: Arc<dyn Clock> = Arc::new(Standing(since));
        repository(&open(Environment { clock, ..environment.clone() }).await, "a")
    };
    let id = at(now).await.new_upload_id(Algorithm::Sha256).unwrap();
    let (hour, day) = (Duration::from_hours(1), Duration::from_hours(24));
    for (time, is_good) in [(now - hour, true), (now + day, true), (now + day + hour, false)] {
        let a = at(time).await;
        assert_eq!(a.begin_upload_as(&id, None).unwrap().is_some(), is_good);
        assert_eq!(a.resume_upload(&id, None).await.unwrap().is_some(), is_good);
    }
    // What was begun in time is found as long as it is there.
    let mut upload = at(now).await.begin_upload_as(&id, None).unwrap().unwrap();
    upload.write("hello".into()).await.unwrap();
    upload.pause().await.unwrap();
    let found = at(now + day + hour).await.resume_upload(&id, Some(5)).await.unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn an_id_knows_what_the_digest_is_made_with() {
    let registry = open(new_store().await).await;
    let a = repository(&registry, "a");
    for algorithm in Algorithm::ALL {
        let id = a.new_upload_id(algorithm).unwrap();
        let bytes = vec![7; 30_000];
        let digest = Digest::of(algorithm, &bytes);
        let other = Digest::of(algorithm, b"other");
        let mut upload = a.begin_upload_as(&id, None).unwrap().unwrap();
        upload.write(bytes.clone().into()).await.unwrap();
        upload.pause().await.unwrap();
        // With the algorithm that was expected, a wrong digest does not end it.
        let upload = a.resume_upload(&id, None).await.unwrap().unwrap();
        assert_eq!(kind(upload.commit(&other).await), ErrorKind::DigestInvalid);
        let upload = a.resume_upload(&id, None).await.unwrap().unwrap();
        upload.commit(&digest).await.unwrap();
        assert_eq!(read_blob(&a, &digest).await.unwrap(), bytes);
    }
}

/// As a client's POST and PUT: nothing is to be found of it in between, and then there is the blob.
#[tokio::test]
async fn a_whole_blob_can_be_sent_under_an_id_as_often_as_one_likes() {
    let environment = new_store().await;
    let registry = open(environment.clone()).await;
    let a = repository(&registry, "a");
    for len in [5, 50_000] {
        let (bytes, id) = (vec![1; len], a.new_upload_id(Algorithm::Sha512).unwrap());
        let digest = sha256(&bytes);
        for _ in 0..3 {
            let mut upload = a.begin_upload_as(&id, Some(&digest)).unwrap().unwrap();
            upload.write(bytes.clone().into()).await.unwrap();
            upload.commit(&digest).await.unwrap();
        }
        let mut upload = a.begin_upload_as(&id, Some(&digest)).unwrap().unwrap();
        upload.write(vec![2; len].into()).await.unwrap();
        assert_eq!(kind(upload.commit(&digest).await), ErrorKind::DigestInvalid);
        assert_eq!(read_blob(&a, &digest).await.unwrap(), bytes);
    }
    push_blob(&a, "another").await.unwrap();
    assert_eq!(extents(&environment).await.len(), 3); // what was sent again is nowhere
    assert_eq!(keys(&environment, "u").await.len(), 3);
}
