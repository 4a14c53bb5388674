//! A record is made under its name: who comes while it is written waits until it is whole.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{Environment, Expected, Removal, Swap};
use orlop_fs::FsOptions;

use crate::{Fixture, fixture, key};

const SOON: Duration = Duration::from_millis(50);

async fn create(store: Environment) -> Swap {
    store.records.swap(&key("t"), Expected::Absent, "value".into()).await.expect("an answer")
}

async fn read(store: Environment) -> Option<Bytes> {
    let record = store.records.get(&key("t")).await.expect("readable");
    record.map(|record| record.value)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_a_record_that_is_being_made_waits_for_it() {
    let Fixture { disk, store, directory } = fixture();
    let root = directory.path().join("deep/store");
    let other = orlop_fs::open(&root, &FsOptions::default()).expect("another process's");
    disk.is_halted.store(true, Ordering::Relaxed);
    let creating = tokio::spawn(create(store.clone()));
    let file = root.join("records").join(key("t").as_str());
    while !file.exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let reading = [store.clone(), other.clone()].map(|store| tokio::spawn(read(store)));
    let losing = tokio::spawn(create(other.clone()));
    tokio::time::sleep(SOON).await;
    assert!(!reading.iter().any(tokio::task::JoinHandle::is_finished), "it was read too soon");
    assert!(!losing.is_finished(), "it was changed too soon");
    disk.is_halted.store(false, Ordering::Relaxed);
    for reading in reading {
        assert_eq!(reading.await.expect("no panic"), Some("value".into()));
    }
    assert_eq!(losing.await.expect("no panic"), Swap::Conflict);
    assert!(matches!(creating.await.expect("no panic"), Swap::Stored(_)));
}

/// Who lists sees the name as soon as it is there, and whoever then asks for it gets it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_listed_is_found() {
    let Fixture { disk: _disk, store, directory } = fixture();
    let root = directory.path().join("deep/store");
    let other = orlop_fs::open(root, &FsOptions::default()).expect("another process's");
    for _ in 0..100 {
        let creating = tokio::spawn(create(store.clone()));
        let mut listed = false;
        while !listed {
            let prefix = key("t").parent().expect("it has one");
            let names: Vec<_> =
                other.records.list(&prefix, None).try_collect().await.expect("a list");
            listed = !names.is_empty();
        }
        assert_eq!(read(other.clone()).await, Some("value".into()));
        let Swap::Stored(version) = creating.await.expect("no panic") else {
            panic!("nobody else writes");
        };
        let removed = store.records.remove(&key("t"), &version).await.expect("an answer");
        assert_eq!(removed, Removal::Removed);
    }
}
