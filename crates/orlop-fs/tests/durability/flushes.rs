//! How often the disk is flushed: once for a change of records, and once for all that are made at a
//! moment.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use futures::FutureExt;
use orlop_backend::{Change, Changed, Expected, Swap};
use orlop_fs::{FsOptions, open_on};

use crate::{Fixture, fixture, key};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_alone_takes_one_flush() {
    let Fixture { disk, store, directory: _directory } = fixture();
    let records = &store.records;
    let swap = records.swap(&key("first"), Expected::Absent, "value".into()).await;
    assert!(matches!(swap.expect("stored"), Swap::Stored(_)));

    let before = disk.syncs.load(Ordering::Relaxed);
    let flushes = || disk.syncs.load(Ordering::Relaxed) - before;
    // In directories that are new, and not the last ones that the first half has room for.
    let swap = records.swap(&key("t"), Expected::Absent, "one".into()).await.expect("stored");
    let Swap::Stored(version) = swap else { panic!("nobody else writes") };
    assert_eq!(flushes(), 1, "a new record");
    records.mark(&[key("m1"), key("m2"), key("m3")]).await.expect("marked");
    assert_eq!(flushes(), 2, "three markers");
    let _ = records.remove(&key("t"), &version).await.expect("removed");
    assert_eq!(flushes(), 3, "a removed record");
    records.get(&key("first")).await.expect("readable").expect("it is there");
    assert_eq!(flushes(), 3, "a read");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_are_made_in_one_call_take_one_flush() {
    let Fixture { disk, store, directory: _directory } = fixture();
    let records = &store.records;
    records.mark(&[key("first")]).await.expect("marked");
    let before = disk.syncs.load(Ordering::Relaxed);
    let swap =
        |name| Change::Swap { key: key(name), expected: None, value: Bytes::from_static(b"v") };
    let changes = vec![swap("u"), Change::Mark(key("m")), swap("v")];
    assert!(matches!(records.change_all(changes).await.expect("stored"), Changed::All(_)));
    assert_eq!(disk.syncs.load(Ordering::Relaxed) - before, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_takes_no_flush_and_is_durable_with_the_next_change() {
    let Fixture { disk, store, directory } = fixture();
    let (root, records) = (directory.path().join("deep/store"), &store.records);
    let swap = records.swap(&key("t"), Expected::Absent, "value".into()).await;
    assert!(matches!(swap.expect("stored"), Swap::Stored(_)));
    let place = root.join("records").join(key("t").as_str());
    let stored = fs::read(&place).expect("the record");
    let before = disk.syncs.load(Ordering::Relaxed);
    records.forget(&[key("t"), key("none")]).await.expect("forgotten");
    assert!(records.get(&key("t")).await.expect("an answer").is_none());
    assert_eq!(disk.syncs.load(Ordering::Relaxed) - before, 0);
    records.mark(&[key("next")]).await.expect("marked");
    assert_eq!(disk.syncs.load(Ordering::Relaxed) - before, 1);

    drop(store);
    fs::create_dir_all(place.parent().expect("a directory")).expect("made");
    fs::write(&place, stored).expect("brought back, as by a power cut");
    let store = open_on(Arc::new(disk), &root, &FsOptions::default()).expect("a store");
    assert!(store.records.get(&key("t")).await.expect("an answer").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_is_alone_stays_on_one_thread_that_may_wait() {
    let Fixture { disk, store, directory: _directory } = fixture();
    let (records, own) = (store.records.clone(), Arc::new(Mutex::new(None)));
    let found = own.clone();
    let operation = async move {
        *found.lock().expect("no panic") = Some(thread::current().id());
        records.mark(&[key("m0")]).await.expect("marked");
        let (inner, marks) = (records.clone(), [key("m1")]);
        let part = async move { inner.mark(&marks).await.expect("marked") };
        records.run(Box::pin(part)).await.expect("run");
        records.mark(&[key("m2")]).await.expect("marked");
    };
    disk.take_syncing_threads();
    store.records.run(Box::pin(operation)).await.expect("run");
    let own = own.lock().expect("no panic").take().expect("it was run");
    assert_ne!(own, thread::current().id());
    assert_eq!(disk.take_syncing_threads(), [own; 3]);

    let panics = store.records.run(Box::pin(async { panic!("on purpose") }));
    AssertUnwindSafe(panics).catch_unwind().await.expect_err("a panic");
    // The thread, which is used again, is as it was.
    store.records.mark(&[key("more")]).await.expect("marked");
    assert!(!disk.take_syncing_threads().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_are_made_at_a_moment_share_a_flush() {
    let Fixture { disk, store, directory: _directory } = fixture();
    disk.is_slow.store(true, Ordering::Relaxed);
    let before = disk.syncs.load(Ordering::Relaxed);
    let changes = (0..CHANGES).map(|n| {
        let records = store.records.clone();
        tokio::spawn(async move {
            let swap = records.swap(&key(&n.to_string()), Expected::Absent, "value".into()).await;
            assert!(matches!(swap.expect("stored"), Swap::Stored(_)));
        })
    });
    for change in changes.collect::<Vec<_>>() {
        change.await.expect("no panic");
    }
    let flushes = disk.syncs.load(Ordering::Relaxed) - before;
    assert!(flushes < CHANGES / 4, "{flushes} flushes for {CHANGES} changes");
}

/// More than there may be threads: those who wait must not keep the one from going on for whom they wait.
#[tokio::test(flavor = "multi_thread")]
async fn however_many_change_one_key_each_has_his_turn() {
    let Fixture { store, directory: _directory, .. } = fixture();
    let changes: Vec<_> = (0..5 * CHANGES)
        .map(|_| {
            let records = store.records.clone();
            tokio::spawn(async move { records.mark(&[key("one")]).await })
        })
        .collect();
    for change in changes {
        change.await.expect("no panic").expect("marked");
    }
}

const CHANGES: usize = 200;
