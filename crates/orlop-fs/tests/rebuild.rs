//! What is an index in a directory can be deleted, and opening a store does not depend on its size.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::TryStreamExt;
use orlop_backend::{Checkpoint, Claim, Environment, ExtentId, Key, Prefix};
use orlop_fs::disk::{DirEntries, Disk, DiskFile, DiskLocks, Metadata, OsDisk};
use orlop_fs::{FsOptions, open, open_on};

const OPTIONS: FsOptions = FsOptions { durable: false };

fn tags() -> Prefix {
    Prefix::new(["r", "a", "t"]).expect("valid")
}

async fn fill(store: &Environment, count: usize) -> Vec<Key> {
    let name = |n: usize| tags().key(&format!("{n:06}")).expect("valid");
    let keys: Vec<Key> = (0..count).map(name).collect();
    store.records.mark(&keys).await.expect("marked");
    keys
}

async fn list(store: &Environment) -> Vec<Key> {
    let list = store.records.list(&tags(), None).map_ok(|entry| entry.key);
    list.try_collect().await.expect("a list")
}

#[tokio::test]
async fn ordered_names_are_laid_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path(), &OPTIONS).expect("a store");
    let mut keys = fill(&store, 1500).await;
    assert_eq!(list(&store).await, keys);
    drop(store);
    let names = directory.path().join("records/r/a/t/.names");
    assert!(names.is_dir());
    fs::remove_dir_all(&names).expect("deleted");

    let store = open(directory.path(), &OPTIONS).expect("a store");
    assert_eq!(list(&store).await, keys);
    assert!(names.is_dir());
    let late = tags().key("late").expect("valid");
    store.records.mark(std::slice::from_ref(&late)).await.expect("marked");
    store.records.clear(&keys[..2]).await.expect("cleared");
    keys.drain(..2);
    keys.push(late);
    assert_eq!(list(&store).await, keys);
}

#[tokio::test]
async fn what_is_open_is_found_without_its_index() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path(), &OPTIONS).expect("a store");
    let id: ExtentId = "a".repeat(26).parse().expect("an id");
    let claim = store.extents.claim(id, &Checkpoint::start()).await.expect("an answer");
    let Claim::Granted(mut appender) = claim else { panic!("nobody else writes") };
    appender.write("some".into()).await.expect("written");
    let at = appender.checkpoint().await.expect("durable");
    drop(appender);
    let open_names = directory.path().join("open");
    assert_eq!(fs::read_dir(&open_names).expect("the index").count(), 1);
    for entry in fs::read_dir(&open_names).expect("the index") {
        fs::remove_file(entry.expect("an entry").path()).expect("deleted");
    }
    let walk: Vec<_> = store.extents.walk().try_collect().await.expect("a walk");
    assert_eq!(walk.len(), 1); // an audit finds it
    let claim = store.extents.claim(id, &at).await.expect("an answer");
    let Claim::Granted(appender) = claim else { panic!("nobody else writes") };
    appender.seal().await.expect("sealed"); // and its session goes on with it
    assert!(store.extents.read(id, 0..4).await.expect("an answer").is_some());
}

#[tokio::test]
async fn opening_makes_as_many_calls_whatever_the_store_holds() {
    let mut calls = Vec::new();
    for count in [1, 2000] {
        let directory = tempfile::tempdir().expect("a directory");
        let store = open(directory.path(), &OPTIONS).expect("a store");
        fill(&store, count).await;
        assert_eq!(list(&store).await.len(), count);
        for n in 0..count / 20 {
            let id = ExtentId::from(store.entropy.random_id().expect("randomness"));
            let claim = store.extents.claim(id, &Checkpoint::start()).await.expect("an answer");
            let Claim::Granted(appender) = claim else { panic!("nobody else writes") };
            if n % 2 == 0 {
                appender.seal().await.expect("sealed");
            }
        }
        drop(store);
        // The first one looks at what was changed last, whatever the store holds besides.
        drop(open(directory.path(), &OPTIONS).expect("a store"));
        let disk = Arc::new(CountingDisk::default());
        open_on(disk.clone(), directory.path(), &OPTIONS).expect("a store");
        calls.push(disk.calls.load(Ordering::Relaxed));
    }
    assert!(calls[0] > 0);
    assert_eq!(calls[0], calls[1]);
}

/// Counts what is asked of it.
#[derive(Debug, Default)]
struct CountingDisk {
    calls: AtomicU64,
}

impl CountingDisk {
    fn os(&self) -> OsDisk {
        self.calls.fetch_add(1, Ordering::Relaxed);
        OsDisk
    }
}

impl Disk for CountingDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.os().create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.os().open(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.os().open_read(path)
    }

    fn open_cached(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.os().open_cached(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.os().rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.os().remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.os().create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.os().remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.os().sync_dir(path)
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        self.os().sync_all(path)
    }

    /// Each name that is read counts.
    fn read_dir(&self, path: &Path) -> io::Result<DirEntries> {
        let entries: Vec<_> = self.os().read_dir(path)?.collect();
        self.calls.fetch_add(entries.len() as u64, Ordering::Relaxed);
        Ok(Box::new(entries.into_iter()))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.os().metadata(path)
    }

    fn open_locks(&self, dir: &Path) -> io::Result<Box<dyn DiskLocks>> {
        self.os().open_locks(dir)
    }
}
