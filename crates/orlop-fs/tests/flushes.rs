//! How often the disk is flushed: once for a change of records, and once for all that are made at
//! a moment.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use orlop_backend::{Environment, Expected, Key, Swap};
use orlop_fs::disk::{DirEntries, Disk, DiskFile, LockMode, Metadata, OsDisk};
use orlop_fs::{FsOptions, open_on};

/// Counts flushes, each of which takes a while.
#[derive(Clone, Debug, Default)]
struct SlowDisk {
    flushes: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct SlowFile {
    file: Box<dyn DiskFile>,
    disk: SlowDisk,
}

impl SlowDisk {
    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(SlowFile { file, disk: self.clone() })
    }

    fn flush(&self) {
        self.flushes.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(3));
    }
}

impl Disk for SlowDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        OsDisk.create(path).map(|file| self.file(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        OsDisk.open(path).map(|file| self.file(file))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        OsDisk.open_read(path)
    }

    fn open_cached(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        OsDisk.open_cached(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsDisk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        OsDisk.remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        OsDisk.create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        OsDisk.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.flush();
        OsDisk.sync_dir(path)
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        self.flush();
        OsDisk.sync_all(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<DirEntries> {
        OsDisk.read_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        OsDisk.metadata(path)
    }

    fn lock(&self, path: &Path, mode: LockMode) -> io::Result<Box<dyn DiskFile>> {
        OsDisk.lock(path, mode)
    }
}

impl DiskFile for SlowFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn read_cached_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_cached_at(buffer, offset)
    }

    fn read_ahead(&self, range: std::ops::Range<u64>) {
        self.file.read_ahead(range);
    }

    fn to_os(&self) -> io::Result<Option<std::fs::File>> {
        self.file.to_os()
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.flush();
        self.file.sync()
    }

    fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        self.file.try_lock_shared()
    }
}

fn store(disk: &SlowDisk) -> (tempfile::TempDir, Environment) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open_on(Arc::new(disk.clone()), directory.path(), &FsOptions::default());
    (directory, store.expect("a store"))
}

fn key(name: &str) -> Key {
    Key::new(["r", "a", name, "x"]).expect("valid")
}

#[tokio::test]
async fn a_change_alone_takes_one_flush() {
    let disk = SlowDisk::default();
    let (_directory, store) = store(&disk);
    let records = &store.records;
    let swap = records.swap(&key("first"), Expected::Absent, "value".into()).await;
    assert!(matches!(swap.expect("stored"), Swap::Stored(_)));

    let before = disk.flushes.load(Ordering::Relaxed);
    let flushes = || disk.flushes.load(Ordering::Relaxed) - before;
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
async fn changes_that_are_made_at_a_moment_share_a_flush() {
    let disk = SlowDisk::default();
    let (_directory, store) = store(&disk);
    let before = disk.flushes.load(Ordering::Relaxed);
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
    let flushes = disk.flushes.load(Ordering::Relaxed) - before;
    assert!(flushes < CHANGES / 4, "{flushes} flushes for {CHANGES} changes");
}

const CHANGES: usize = 200;
