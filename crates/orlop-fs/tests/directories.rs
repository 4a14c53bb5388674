//! Directories that come and go with what is in them, under the hands of several processes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use futures::StreamExt;
use orlop_backend::{Environment, Expected, Key, Prefix, Removal, Swap};
use orlop_fs::{FsOptions, open};

fn key(segments: &[&str]) -> Key {
    Key::new(segments.iter().copied()).expect("valid")
}

async fn create(store: &Environment, key: &Key) -> orlop_backend::Version {
    match store.records.swap(key, Expected::Absent, "value".into()).await.expect("stored") {
        Swap::Stored(version) => version,
        Swap::Conflict => panic!("{key} is there already"),
    }
}

/// The directories below a directory that have nothing in them.
fn empty_dirs(dir: &Path) -> Vec<String> {
    let entries: Vec<_> = fs::read_dir(dir).expect("a directory").flatten().collect();
    if entries.is_empty() {
        return vec![dir.display().to_string()];
    }
    let dirs = entries.iter().map(fs::DirEntry::path).filter(|path| path.is_dir());
    dirs.flat_map(|dir| empty_dirs(&dir)).collect()
}

#[tokio::test]
async fn what_is_gone_leaves_no_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path(), &FsOptions::default()).expect("a store");
    let record = key(&["b", "sha256", "aa", "record"]);
    let markers = [key(&["e", "blob", "a", "one"]), key(&["e", "blob", "b", "other"])];
    let version = create(&store, &record).await;
    store.records.mark(&markers).await.expect("marked");
    store.records.clear(&markers[..1]).await.expect("cleared");
    let records = directory.path().join("records");
    assert!(!records.join("e/blob/a").exists() && records.join("e/blob/b").exists());
    store.records.clear(&markers[1..]).await.expect("cleared");
    assert_eq!(store.records.remove(&record, &version).await.expect("over"), Removal::Removed);
    assert_eq!(
        empty_dirs(&records),
        ["b", "e"].map(|kind| records.join(kind).display().to_string())
    );
    create(&store, &record).await;
    assert!(store.records.get(&record).await.expect("readable").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_hands_in_the_same_directories_get_what_they_asked_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = FsOptions { durable: false }; // so that there is more of a crowd
    let stores: Vec<_> =
        (0..2).map(|_| open(directory.path(), &options).expect("a store")).collect();
    let hands = (0..4).map(|hand| {
        let store = stores[hand % 2].clone();
        tokio::spawn(async move {
            for round in 0..300 {
                let (marker, record) = (format!("m{hand}"), format!("r{hand}"));
                let dir = format!("d{}", round % 3);
                let marker = key(&["e", &dir, "a", &marker]);
                let record = key(&["e", &dir, "a", &record]);
                store.records.mark(std::slice::from_ref(&marker)).await.expect("marked");
                let version = create(&store, &record).await;
                let prefix = Prefix::new(["e", &dir, "a"]).expect("valid");
                let there: BTreeSet<Key> = store
                    .records
                    .walk(&prefix)
                    .map(|entry| entry.expect("readable").key)
                    .collect()
                    .await;
                assert!(there.contains(&marker) && there.contains(&record), "{there:?}");
                store.records.clear(&[marker]).await.expect("cleared");
                let removal = store.records.remove(&record, &version).await.expect("over");
                assert_eq!(removal, Removal::Removed);
            }
        })
    });
    for hand in hands.collect::<Vec<_>>() {
        hand.await.expect("no panic");
    }
    // The last one to leave may have met somebody in the doorway.
    let left = empty_dirs(&directory.path().join("records"));
    assert!(left.len() <= 3, "{left:?}");
}
