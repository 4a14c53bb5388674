//! What is acknowledged is durable: a disk that keeps account of what was synced, and one whose
//! syncs fail.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use orlop_backend::{
    Change, Changed, Checkpoint, Claim, Environment, ErrorKind, Expected, Key, Swap,
};
use orlop_fs::disk::{DirEntries, Disk, DiskFile, LockMode, Metadata, OsDisk};
use orlop_fs::{FsOptions, open_on};

/// What a power cut would lose now.
#[derive(Debug, Default)]
struct Account {
    /// Files and directories whose name was made but whose directory was not synced since.
    names: BTreeSet<PathBuf>,
    /// Files that were written but not synced since.
    contents: BTreeSet<PathBuf>,
}

#[derive(Clone, Debug, Default)]
struct AccountingDisk {
    /// Of the store.
    root: PathBuf,
    account: Arc<Mutex<Account>>,
    syncs_fail: Arc<AtomicBool>,
    is_full: Arc<AtomicBool>,
    /// How many syncs there were, and whether each takes a while.
    syncs: Arc<AtomicUsize>,
    is_slow: Arc<AtomicBool>,
}

#[derive(Debug)]
struct AccountedFile {
    file: Box<dyn DiskFile>,
    path: Mutex<PathBuf>,
    disk: AccountingDisk,
}

impl AccountingDisk {
    fn with<T>(&self, change: impl FnOnce(&mut Account) -> T) -> T {
        change(&mut self.account.lock().expect("no panic"))
    }

    fn file(&self, file: Box<dyn DiskFile>, path: &Path) -> Box<dyn DiskFile> {
        let path = Mutex::new(path.to_owned());
        Box::new(AccountedFile { file, path, disk: self.clone() })
    }

    fn check_sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        if self.is_slow.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(3));
        }
        if self.syncs_fail.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk is broken"));
        }
        Ok(())
    }

    /// Nothing of the store itself may be at risk once something was acknowledged.
    fn assert_durable(&self, what: &str) {
        // None of these has to survive anything; records are made again out of the journal. The
        // store itself may lie below a `tmp`.
        let spared = ["tmp", "locks", "open", "records"].map(|name| self.root.join(name));
        let at_risk = |path: &&PathBuf| !spared.iter().any(|spared| path.starts_with(spared));
        self.with(|account| {
            let names: Vec<_> = account.names.iter().filter(at_risk).collect();
            let contents: Vec<_> = account.contents.iter().filter(at_risk).collect();
            assert!(names.is_empty(), "{what}: names at risk: {names:?}");
            assert!(contents.is_empty(), "{what}: contents at risk: {contents:?}");
        });
    }

    /// What anybody can see must be in the journal, and that must be durable.
    fn check_seen(&self, path: &Path) {
        if path.starts_with(self.root.join("records")) && !path.iter().any(|name| name == ".names")
        {
            self.with(|account| {
                let journal = self.root.join("journal");
                let at_risk = account.contents.iter().find(|path| path.starts_with(&journal));
                assert_eq!(at_risk, None, "{} is seen and not durable", path.display());
            });
        }
    }
}

impl Disk for AccountingDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OsDisk.create(path)?;
        self.check_seen(path);
        self.with(|account| account.names.insert(path.to_owned()));
        Ok(self.file(file, path))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(OsDisk.open(path)?, path))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        OsDisk.open_read(path)
    }

    fn open_cached(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        OsDisk.open_cached(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check_seen(to);
        let is_record = to.starts_with(self.root.join("records"));
        self.with(|account| {
            let is_written = account.contents.remove(from) && !is_record;
            assert!(!is_written, "{} got its name before its contents were synced", to.display());
            account.names.remove(from);
            account.names.insert(to.to_owned());
        });
        OsDisk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        OsDisk.remove_file(path)?;
        self.check_seen(path);
        self.with(|account| {
            account.contents.remove(path);
            // The name may come back after a power cut until the directory is synced.
            account.names.insert(path.to_owned());
        });
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        OsDisk.create_dir(path)?;
        self.with(|account| account.names.insert(path.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        OsDisk.remove_dir(path)?;
        self.with(|account| account.names.remove(path)); // one that comes back is empty
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.check_sync()?;
        OsDisk.sync_dir(path)?;
        self.with(|account| account.names.retain(|name| name.parent() != Some(path)));
        Ok(())
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        self.check_sync()?;
        OsDisk.sync_all(path)?;
        self.with(|account| *account = Account::default());
        Ok(())
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

impl AccountedFile {
    fn path(&self) -> PathBuf {
        self.path.lock().expect("no panic").clone()
    }
}

impl DiskFile for AccountedFile {
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
        if self.disk.is_full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // A file that is laid out ahead loses nothing.
        if bytes.iter().any(|byte| *byte != 0) {
            self.disk.with(|account| account.contents.insert(self.path()));
        }
        self.file.write_all_at(bytes, offset)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.disk.with(|account| account.contents.insert(self.path()));
        self.file.truncate(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.check_sync()?;
        self.file.sync()?;
        self.disk.with(|account| account.contents.remove(&self.path()));
        Ok(())
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

struct Fixture {
    disk: AccountingDisk,
    store: Environment,
    directory: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("deep/store");
    let disk = AccountingDisk { root: root.clone(), ..AccountingDisk::default() };
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
    let Fixture { disk, store, directory: _directory } = fixture();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_beside_the_writing_is_not_forgotten() {
    let Fixture { disk, store, directory: _directory } = fixture();
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

const CHANGES: usize = 200;
