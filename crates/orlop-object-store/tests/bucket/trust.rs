//! A store is trusted after it was tried.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use orlop_backend::{ErrorKind, Expected, Key, Swap};
use orlop_object_store::{Bucket, ObjectStoreOptions, open, open_on};

use crate::strict::{StrictBucket, Trouble};

#[tokio::test]
async fn a_store_that_overwrites_in_spite_of_conditions_is_refused() {
    let bucket = Arc::new(StrictBucket::default());
    bucket.ignores.store(true, Ordering::Relaxed);
    let opened = open_on(Bucket::new(bucket), &ObjectStoreOptions::default()).await;
    let error = opened.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(error.to_string().contains("overwrites an object in spite of"), "{error}");
}

#[tokio::test]
async fn a_store_that_wants_its_entity_tags_bare_is_understood() {
    let bucket = Arc::new(StrictBucket::default());
    bucket.wants_unquoted.store(true, Ordering::Relaxed);
    let store = open_on(Bucket::new(bucket), &ObjectStoreOptions::default()).await.unwrap();
    let key = Key::new(["a"]).unwrap();
    let swap = store.records.swap(&key, Expected::Absent, "one".into()).await.unwrap();
    let Swap::Stored(version) = swap else { panic!("it was absent") };
    let expected = Expected::Version(&version);
    let swap = store.records.swap(&key, expected, "two".into()).await.unwrap();
    assert!(matches!(swap, Swap::Stored(_)));
    let swap = store.records.swap(&key, expected, "three".into()).await.unwrap();
    assert_eq!(swap, Swap::Conflict);
}

#[tokio::test]
async fn a_lost_answer_while_it_is_tried_is_no_reason_to_refuse_a_store() {
    for trouble in [Trouble::LostAnswer, Trouble::LostRequest] {
        for place in 0..4 {
            let bucket = Arc::new(StrictBucket::default());
            bucket.prepare(std::iter::repeat_n(Trouble::None, place).chain([trouble]));
            open_on(Bucket::new(bucket), &ObjectStoreOptions::default()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_url_that_names_no_bucket_is_refused_with_what_is_expected() {
    for (url, expected) in [
        ("s3:///prefix", "s3:///prefix"),
        ("ftp://bucket", "expected s3, gs or az"),
        ("no url", "no url"),
    ] {
        let error = open(url, &ObjectStoreOptions::default()).await.expect_err("no bucket");
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains(expected), "{error}");
    }
}
