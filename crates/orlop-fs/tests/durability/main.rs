//! What is acknowledged is durable: a disk that keeps account of what was synced, and one whose
//! syncs fail. And what is not whole yet is not read.

mod disk;
mod flushes;
mod unfinished;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use orlop_backend::{Checkpoint, Claim, Environment, ErrorKind, Expected, Key, Swap};
use orlop_fs::{FsOptions, open_on};

use crate::disk::AccountingDisk;

struct Fixture {
    disk: AccountingDisk,
    store: Environment,
    directory: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("deep/store");
    let disk = AccountingDisk::new(&root);
    let store = open_on(Arc::new(disk.clone()), &root, &FsOptions::default()).expect("a store");
    disk.assert_durable("opening");
    Fixture { disk, store, directory }
}

fn key(name: &str) -> Key {
    Key::new(["r", "a!b", name, "x"]).expect("valid")
}

async fn claim(store: &Environment, from: &Checkpoint) -> Box<dyn orlop_backend::Appender> {
    let id = "a".repeat(26).parse().expect("an id");
    match store.extents.claim(id, from).await.expect("an answer") {
        Claim::Granted(appender) => appender,
        Claim::Busy => panic!("busy"),
    }
}

/// In pieces, so that it takes several batches.
async fn write(appender: &mut Box<dyn orlop_backend::Appender>, len: usize) {
    for _ in 0..len >> 18 {
        appender.write(vec![1; 1 << 18].into()).await.expect("written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_and_markers_are_durable_when_acknowledged() {
    let Fixture { disk, store, directory: _directory } = fixture();
    let records = &store.records;
    let swap = records.swap(&key("t"), Expected::Absent, "one".into()).await.expect("stored");
    disk.assert_durable("a new record");
    let Swap::Stored(version) = swap else { panic!("nobody else writes") };
    let swap = records.swap(&key("t"), Expected::Version(&version), "two".into()).await;
    disk.assert_durable("a replaced record");
    let Swap::Stored(version) = swap.expect("stored") else { panic!("nobody else writes") };
    let _ = records.remove(&key("t"), &version).await.expect("removed");
    disk.assert_durable("a removed record");
    let keys: Vec<Key> = (0..5).map(|n| key(&format!("m{n}"))).collect();
    records.mark(&keys).await.expect("marked");
    disk.assert_durable("markers");
    records.clear(&keys).await.expect("cleared");
    disk.assert_durable("cleared markers");
}

#[tokio::test(flavor = "multi_thread")]
async fn extents_are_durable_at_each_checkpoint_and_when_sealed() {
    for is_indirect in [false, true] {
        let Fixture { disk, store, directory: _directory } = fixture();
        disk.is_indirect.store(is_indirect, Ordering::Relaxed);
        let mut appender = claim(&store, &Checkpoint::start()).await;
        write(&mut appender, 20 << 20).await;
        let at = appender.checkpoint().await.expect("durable");
        disk.assert_durable("a checkpoint");
        drop(appender);
        let mut appender = claim(&store, &at).await;
        write(&mut appender, 20 << 20).await;
        appender.seal().await.expect("sealed");
        disk.assert_durable("a sealed extent");
        store.extents.delete("a".repeat(26).parse().expect("an id")).await.expect("deleted");
        disk.assert_durable("a deleted extent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_beside_the_writing_is_not_forgotten() {
    let Fixture { disk, store, directory: _directory } = fixture();
    disk.is_indirect.store(true, Ordering::Relaxed); // what is written directly is synced once
    let mut appender = claim(&store, &Checkpoint::start()).await;
    disk.syncs_fail.store(true, Ordering::Relaxed);
    let mut failed = false;
    for _ in 0..40 {
        failed |= appender.write(vec![1; 1 << 20].into()).await.is_err();
        if failed {
            break;
        }
    }
    disk.syncs_fail.store(false, Ordering::Relaxed);
    failed |= appender.checkpoint().await.is_err();
    assert!(failed, "what was not synced was acknowledged");
    let error = store.records.mark(&[key("m")]).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_gets_back_what_was_not_durable_and_nothing_else() {
    let Fixture { disk, store, directory } = fixture();
    let mut appender = claim(&store, &Checkpoint::start()).await;
    write(&mut appender, 2 << 20).await;
    let at = appender.checkpoint().await.expect("durable");
    write(&mut appender, 3 << 20).await;
    disk.is_full.store(true, Ordering::Relaxed);
    let error = loop {
        if let Err(error) = appender.write(vec![1; 1 << 20].into()).await {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    drop(appender);
    let mut extents = store.extents.walk();
    let entry = futures::StreamExt::next(&mut extents).await.expect("it is there");
    let id = entry.expect("readable").id.to_string();
    let part =
        directory.path().join("deep/store/extents").join(&id[..2]).join(format!("{id}.part"));
    assert_eq!(part.metadata().expect("it is there").len(), 2 << 20);
    let swap = store.records.swap(&key("t"), Expected::Absent, "one".into()).await;
    assert_eq!(swap.expect_err("full").kind(), ErrorKind::Full);
    disk.is_full.store(false, Ordering::Relaxed);
    claim(&store, &at).await.seal().await.expect("sealed");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_directories_keep_their_names_durable() {
    let Fixture { disk, store, directory: _directory } = fixture();
    let prefix = orlop_backend::Prefix::new(["t"]).expect("valid");
    let name = |n: usize| prefix.key(&format!("{n:05}")).expect("valid");
    let keys: Vec<Key> = (0..1500).map(name).collect();
    store.records.mark(&keys).await.expect("marked");
    let first = futures::StreamExt::next(&mut store.records.list(&prefix, None)).await;
    assert_eq!(first.expect("an entry").expect("readable").key, name(0));
    disk.assert_durable("an index");
    store.records.mark(&[name(2000)]).await.expect("marked");
    disk.assert_durable("a name in an index");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_sync_nothing_is_written_and_reads_go_on() {
    let Fixture { disk, store, directory: _directory } = fixture();
    let records = &store.records;
    let swap = records.swap(&key("t"), Expected::Absent, "one".into()).await.expect("stored");
    let Swap::Stored(version) = swap else { panic!("nobody else writes") };
    let mut appender = claim(&store, &Checkpoint::start()).await;
    appender.write("bytes".into()).await.expect("written");

    disk.syncs_fail.store(true, Ordering::Relaxed);
    let error = appender.checkpoint().await.expect_err("the sync fails");
    assert_eq!(error.kind(), ErrorKind::Stopped, "{error}");
    disk.syncs_fail.store(false, Ordering::Relaxed); // as a kernel does that forgot the pages

    let id = "b".repeat(26).parse().expect("an id");
    let kinds = [
        records.swap(&key("u"), Expected::Absent, "new".into()).await.map(drop),
        records.swap(&key("t"), Expected::Version(&version), "two".into()).await.map(drop),
        records.remove(&key("t"), &version).await.map(drop),
        records.mark(&[key("m")]).await,
        records.clear(&[key("m")]).await,
        store.extents.claim(id, &Checkpoint::start()).await.map(drop),
        store.extents.delete(id).await,
    ]
    .map(|result| result.expect_err("refused").kind());
    assert_eq!(kinds, [ErrorKind::Stopped; 7]);
    let record = records.get(&key("t")).await.expect("readable").expect("still there");
    assert_eq!(record.value, "one");
    assert!(records.get(&key("u")).await.expect("readable").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_directory_went_away_says_so() {
    let Fixture { store, directory, .. } = fixture();
    directory.close().expect("deleted");
    let error = store.records.swap(&key("t"), Expected::Absent, "one".into()).await;
    assert_eq!(error.expect_err("gone").kind(), ErrorKind::Unavailable);
    let error = store.records.mark(&[key("m")]).await;
    assert_eq!(error.expect_err("gone").kind(), ErrorKind::Unavailable);
}
