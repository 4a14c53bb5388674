//! What a read asks of the disk, and what it does where nothing is in memory.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{Checkpoint, Claim, Environment, Expected, ExtentId, Key, Swap};
use orlop_fs::disk::{DirEntries, Disk, DiskFile, DiskLocks, Metadata, OsDisk};
use orlop_fs::{FsOptions, open_on};

/// What a read of a record takes: to open it, its length, its bytes. No lock.
const CALLS_FOR_A_RECORD: u64 = 3;

/// What a read of a small extent takes: to open it, its length, its bytes.
const CALLS_FOR_A_SMALL_EXTENT: u64 = 3;

#[tokio::test]
async fn what_is_in_memory_takes_few_calls_and_none_that_waits() {
    for others in [0, 100] {
        let Fixture { store, disk, _directory } = fixture(None);
        for n in 0..others {
            set(&store, &key(&format!("other-{n}")), "value").await;
            write(&store, b"other").await;
        }
        set(&store, &key("one"), "value").await;
        let id = write(&store, b"bytes").await;
        disk.take();
        assert_eq!(get(&store, &key("one")).await.as_deref(), Some(&b"value"[..]));
        assert_eq!(disk.take(), Calls { cached: CALLS_FOR_A_RECORD, waiting: 0 });
        assert_eq!(read(&store, id, 0..u64::MAX).await, b"bytes");
        assert_eq!(disk.take(), Calls { cached: CALLS_FOR_A_SMALL_EXTENT, waiting: 0 });
    }
}

/// A disk that refuses at each of the first places in turn, and always, gives the same bytes.
#[tokio::test]
async fn what_is_not_in_memory_is_waited_for() {
    let content: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    for refused in (0..20).map(|nth| nth..nth + 1).chain(std::iter::once(0..u64::MAX)) {
        let Fixture { store, disk, _directory } = fixture(Some(refused.clone()));
        set(&store, &key("one"), "value").await;
        let id = write(&store, &content).await;
        disk.take();
        assert_eq!(get(&store, &key("one")).await.as_deref(), Some(&b"value"[..]), "{refused:?}");
        assert_eq!(get(&store, &key("none")).await, None, "{refused:?}");
        assert!(read(&store, id, 0..u64::MAX).await == content, "{refused:?}");
        assert!(read(&store, id, 300_000..900_000).await == content[300_000..900_000]);
        let waiting = disk.take().waiting;
        assert!(waiting > 0 || refused.start > 0, "{refused:?}");
    }
}

/// Whoever keeps what it got keeps what it was.
#[tokio::test]
async fn a_buffer_is_used_again_only_when_it_is_free() {
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 1000 % 251) as u8).collect();
    let Fixture { store, _directory, .. } = fixture(None);
    let id = write(&store, &content).await;
    let mut stream = store.extents.read(id, 0..u64::MAX).await.expect("read").expect("there");
    let (mut all, mut kept) = (Vec::new(), Vec::new());
    while let Some(piece) = stream.try_next().await.expect("bytes") {
        all.extend_from_slice(&piece);
        kept.push((all.len(), piece));
        if kept.len() % 3 == 0 {
            kept.swap_remove(0);
        }
    }
    assert!(all == content);
    for (end, piece) in kept {
        assert!(piece == content[end - piece.len()..end]);
    }
}

#[tokio::test]
async fn an_extent_lies_in_a_file() {
    let Fixture { store, _directory, .. } = fixture(None);
    let id = write(&store, b"some bytes").await;
    let found = store.extents.file(id, 5..100).await.expect("an answer").expect("a file");
    assert_eq!(found.range, 5..10);
}

struct Fixture {
    store: Environment,
    disk: Arc<CountingDisk>,
    _directory: tempfile::TempDir,
}

fn fixture(refused: Option<Range<u64>>) -> Fixture {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(CountingDisk { refused: refused.unwrap_or(0..0), ..Default::default() });
    let store = open_on(disk.clone(), directory.path(), &FsOptions::default()).expect("a store");
    Fixture { store, disk, _directory: directory }
}

fn key(name: &str) -> Key {
    Key::new(["r", name]).expect("valid")
}

async fn set(store: &Environment, key: &Key, value: &str) {
    let swapped = store.records.swap(key, Expected::Absent, value.to_owned().into()).await;
    assert!(matches!(swapped.expect("an answer"), Swap::Stored(_)));
}

async fn get(store: &Environment, key: &Key) -> Option<Bytes> {
    store.records.get(key).await.expect("an answer").map(|record| record.value)
}

async fn write(store: &Environment, content: &[u8]) -> ExtentId {
    let id = ExtentId::from(store.entropy.random_id().expect("randomness"));
    let claim = store.extents.claim(id, &Checkpoint::start()).await.expect("an answer");
    let Claim::Granted(mut appender) = claim else { panic!("nobody else writes") };
    appender.write(Bytes::copy_from_slice(content)).await.expect("written");
    appender.seal().await.expect("sealed");
    id
}

async fn read(store: &Environment, id: ExtentId, range: Range<u64>) -> Vec<u8> {
    let stream = store.extents.read(id, range).await.expect("an answer").expect("it is there");
    stream.try_collect::<Vec<Bytes>>().await.expect("bytes").concat()
}

/// Calls since the last time: those that must not wait, and the other ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Calls {
    cached: u64,
    waiting: u64,
}

/// Counts what is asked of it, and refuses some of what must not wait. The rest it has in memory,
/// whatever the real one has.
#[derive(Debug, Default)]
struct CountingDisk {
    counts: Arc<Counts>,
    refused: Range<u64>,
}

#[derive(Debug, Default)]
struct Counts {
    cached: AtomicU64,
    waiting: AtomicU64,
}

#[derive(Debug)]
struct CountedFile {
    file: Box<dyn DiskFile>,
    counts: Arc<Counts>,
    refused: Range<u64>,
    is_cached: bool,
}

impl CountingDisk {
    fn take(&self) -> Calls {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        Calls { cached: take(&self.counts.cached), waiting: take(&self.counts.waiting) }
    }

    fn waiting(&self) -> OsDisk {
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        OsDisk
    }

    fn file(&self, file: Box<dyn DiskFile>, is_cached: bool) -> Box<dyn DiskFile> {
        let (counts, refused) = (self.counts.clone(), self.refused.clone());
        Box::new(CountedFile { file, counts, refused, is_cached })
    }
}

impl Counts {
    fn cached(&self, refused: &Range<u64>) -> io::Result<()> {
        let nth = self.cached.fetch_add(1, Ordering::Relaxed);
        if refused.contains(&nth) { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }
}

impl Disk for CountingDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.waiting().create(path)?, false))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.waiting().open(path)?, false))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.waiting().open_read(path)?, false))
    }

    fn open_cached(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.counts.cached(&self.refused)?;
        Ok(self.file(OsDisk.open_read(path)?, true))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.waiting().rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.waiting().remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.waiting().create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.waiting().remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.waiting().sync_dir(path)
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        self.waiting().sync_all(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<DirEntries> {
        self.waiting().read_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.waiting().metadata(path)
    }

    fn open_locks(&self, dir: &Path) -> io::Result<Box<dyn DiskLocks>> {
        self.waiting().open_locks(dir)
    }
}

impl DiskFile for CountedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        self.file.read_at(buffer, offset)
    }

    fn read_cached_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.counts.cached(&self.refused)?;
        self.file.read_at(buffer, offset)
    }

    fn read_ahead(&self, range: Range<u64>) {
        self.file.read_ahead(range);
    }

    fn to_os(&self) -> io::Result<Option<std::fs::File>> {
        self.file.to_os()
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        self.file.write_all_at(bytes, offset)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        self.file.truncate(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        self.file.sync()
    }

    fn metadata(&self) -> io::Result<Metadata> {
        let count = if self.is_cached { &self.counts.cached } else { &self.counts.waiting };
        count.fetch_add(1, Ordering::Relaxed);
        self.file.metadata()
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        self.file.try_lock()
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        self.file.try_lock_shared()
    }
}
