//! Requests and answers that get lost, or come late.

use std::sync::Arc;
use std::time::Duration;

use orlop_backend::{
    Checkpoint, Claim, Environment, Expected, Extents, Key, Records, Removal, Swap, Version,
};
use orlop_engine::{ErrorKind, Options, Registry};
use orlop_object_store::{Bucket, ObjectStoreOptions, open_on};
use orlop_oci::Algorithm;

use crate::strict::{StrictBucket, Trouble};

async fn store() -> (Arc<StrictBucket>, Environment) {
    let bucket = Arc::new(StrictBucket::default());
    let mut options = ObjectStoreOptions::default();
    (options.part_bytes, options.loose_bytes_max) = (1000, 10);
    let store = open_on(Bucket::new(bucket.clone()), &options).await.unwrap();
    (bucket, store)
}

fn key() -> Key {
    Key::new(["a", "b"]).unwrap()
}

fn stored(swap: Swap) -> Version {
    let Swap::Stored(version) = swap else { panic!("it should have been stored") };
    version
}

async fn value(records: &dyn Records) -> Option<bytes::Bytes> {
    records.get(&key()).await.unwrap().map(|record| record.value)
}

#[tokio::test]
async fn a_swap_whose_answer_got_lost_is_known_by_what_it_stored() {
    for trouble in [Trouble::LostAnswer, Trouble::LostRequest] {
        let (bucket, store) = store().await;
        let records = &*store.records;
        bucket.prepare([trouble]);
        let one = stored(records.swap(&key(), Expected::Absent, "one".into()).await.unwrap());
        assert_eq!(records.get(&key()).await.unwrap().unwrap().version, one);
        bucket.prepare([Trouble::LostRequest, Trouble::LostRequest, trouble]);
        let expected = Expected::Version(&one);
        let two = stored(records.swap(&key(), expected, "two".into()).await.unwrap());
        assert_eq!(value(records).await.unwrap(), "two");
        let swap = records.swap(&key(), expected, "three".into()).await.unwrap();
        assert_eq!(swap, Swap::Conflict);
        bucket.prepare([trouble]);
        assert_eq!(records.remove(&key(), &two).await.unwrap(), Removal::Removed);
        assert!(value(records).await.is_none());
    }
}

/// That somebody else was faster is told only if it is sure that nothing was stored.
#[tokio::test]
async fn a_conflict_is_told_only_if_it_is_sure() {
    let (bucket, store) = store().await;
    let records = &*store.records;
    let one = stored(records.swap(&key(), Expected::Absent, "one".into()).await.unwrap());
    // Ours is stored and its answer lost; before we look, somebody puts something else there.
    bucket.prepare([Trouble::Late]);
    let expected = Expected::Version(&one);
    let ours = async { records.swap(&key(), expected, "ours".into()).await };
    let theirs = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        bucket.deliver_late().await;
        let record = records.get(&key()).await.unwrap().unwrap();
        assert_eq!(record.value, "ours");
        records.swap(&key(), Expected::Version(&record.version), "theirs".into()).await.unwrap()
    };
    let (ours, theirs) = tokio::join!(ours, theirs);
    stored(theirs);
    ours.expect_err("it was stored, and nobody can tell any more");
    assert_eq!(value(records).await.unwrap(), "theirs");
}

/// A request to create a record that comes after the record was created, by the same request sent
/// once more, and removed again.
#[tokio::test]
async fn a_late_request_brings_nothing_back() {
    let (bucket, store) = store().await;
    let records = &*store.records;
    bucket.prepare([Trouble::Late]);
    let one = stored(records.swap(&key(), Expected::Absent, "one".into()).await.unwrap());
    let expected = Expected::Version(&one);
    let two = stored(records.swap(&key(), expected, "two".into()).await.unwrap());
    assert_eq!(records.remove(&key(), &two).await.unwrap(), Removal::Removed);
    bucket.deliver_late().await;
    assert!(value(records).await.is_none());
    let three = records.swap(&key(), Expected::Absent, "three".into()).await.unwrap();
    assert_eq!(records.remove(&key(), &stored(three)).await.unwrap(), Removal::Removed);
    bucket.deliver_late().await;
    assert!(value(records).await.is_none());
}

/// An extent's name must not come to life once more: neither a client nor a collector could tell
/// what is written to it from what was deleted.
#[tokio::test]
async fn an_upload_that_is_over_does_not_begin_again() {
    let (bucket, store) = store().await;
    let registry = Registry::open(store, Options::default()).await.unwrap();
    let repository = registry.repository("app".parse().unwrap());
    bucket.prepare([Trouble::Late]);
    let mut upload = repository.begin_upload(Algorithm::Sha256).await.unwrap();
    let id = upload.id();
    upload.write("more than ten bytes".into()).await.unwrap();
    upload.pause().await.unwrap();
    let upload = repository.resume_upload(&id, None).await.unwrap().expect("it is there");
    upload.cancel().await.unwrap();
    bucket.deliver_late().await;
    let again = repository.resume_upload(&id, None).await.unwrap();
    assert!(again.is_none(), "upload {id} is back at byte {}", again.unwrap().offset());
}

/// The same where the session may be found that was created, by the id of which it is.
#[tokio::test(start_paused = true)]
async fn an_upload_that_may_begin_again_is_not_gone_on_with() {
    let (bucket, store) = store().await;
    let registry = Registry::open(store, Options::default()).await.unwrap();
    let repository = registry.repository("app".parse().unwrap());
    for is_tidied_up in [true, false] {
        let offered = repository.new_upload_id(Algorithm::Sha256).unwrap();
        let mut upload = repository.begin_upload_as(&offered, None).unwrap().unwrap();
        upload.write("some bytes".into()).await.unwrap();
        let id = upload.id();
        let tidied_up = if is_tidied_up { 0 } else { LOST_FOR_GOOD };
        bucket.prepare([Trouble::Late, Trouble::None]);
        bucket.prepare(vec![Trouble::LostRequest; tidied_up]);
        assert_eq!(upload.pause().await.unwrap_err().kind(), ErrorKind::Unavailable);
        bucket.calm();
        bucket.deliver_late().await;
        assert!(repository.resume_upload(&id, None).await.unwrap().is_none());
        let found = repository.resume_upload(&offered, None).await.unwrap().unwrap();
        assert_eq!((found.id(), found.offset()), (offered, 0));

        let mut upload = repository.begin_upload_as(&offered, None).unwrap().unwrap();
        upload.write("other bytes".into()).await.unwrap();
        assert_ne!(upload.id(), id);
        let id = upload.id();
        upload.pause().await.unwrap();
        assert_eq!(repository.resume_upload(&offered, None).await.unwrap().unwrap().id(), id);
    }
}

/// Who cannot know whether he won the right to go on with an object goes on in another one.
#[tokio::test]
async fn a_turn_whose_answer_got_lost_costs_a_span_and_no_byte() {
    for trouble in [Trouble::LostAnswer, Trouble::LostRequest] {
        let (bucket, store) = store().await;
        let extents: &dyn Extents = &*store.extents;
        let id = store.entropy.random_id().unwrap().into();
        let content: bytes::Bytes = (0..7777u32).map(|n| (n % 251) as u8).collect();
        let mut at = Checkpoint::start();
        for piece in content.chunks(1500) {
            let Claim::Granted(mut appender) = extents.claim(id, &at).await.unwrap() else {
                panic!("nobody else is there");
            };
            bucket.prepare([trouble]);
            appender.write(content.slice_ref(piece)).await.unwrap();
            at = appender.checkpoint().await.unwrap();
        }
        let Claim::Granted(appender) = extents.claim(id, &at).await.unwrap() else {
            panic!("nobody else is there");
        };
        appender.seal().await.unwrap();
        let read = extents.read(id, 0..10_000).await.unwrap().unwrap();
        let read: Vec<bytes::Bytes> = futures::TryStreamExt::try_collect(read).await.unwrap();
        assert!(read.concat() == content);
        assert_eq!(bucket.open_uploads(), 0);
    }
}

/// More requests than anybody sends again.
const LOST_FOR_GOOD: usize = 1000;
