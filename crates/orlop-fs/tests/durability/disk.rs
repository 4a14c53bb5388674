//! A disk that keeps account of what was synced.

use std::collections::BTreeSet;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use orlop_fs::disk::{DirEntries, Disk, DiskFile, DiskLocks, Metadata, OsDisk};

/// What a power cut would lose now.
#[derive(Debug, Default)]
struct Account {
    /// Files and directories whose name was made but whose directory was not synced since.
    names: BTreeSet<PathBuf>,
    /// Files that were written but not synced since.
    contents: BTreeSet<PathBuf>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct AccountingDisk {
    /// Of the store.
    root: PathBuf,
    account: Arc<Mutex<Account>>,
    pub(crate) syncs_fail: Arc<AtomicBool>,
    pub(crate) is_full: Arc<AtomicBool>,
    /// Whether nothing can be written directly.
    pub(crate) is_indirect: Arc<AtomicBool>,
    /// How many syncs there were, and whether each takes a while.
    pub(crate) syncs: Arc<AtomicUsize>,
    pub(crate) is_slow: Arc<AtomicBool>,
    syncing_threads: Arc<Mutex<Vec<ThreadId>>>,
    /// Whether those who write records stop in the middle.
    pub(crate) is_halted: Arc<AtomicBool>,
}

#[derive(Debug)]
struct AccountedFile {
    file: Box<dyn DiskFile>,
    path: Mutex<PathBuf>,
    disk: AccountingDisk,
}

impl AccountingDisk {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), ..Self::default() }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Account) -> T) -> T {
        change(&mut self.account.lock().expect("no panic"))
    }

    fn file(&self, file: Box<dyn DiskFile>, path: &Path) -> Box<dyn DiskFile> {
        let path = Mutex::new(path.to_owned());
        Box::new(AccountedFile { file, path, disk: self.clone() })
    }

    /// On which threads was synced since this was asked.
    pub(crate) fn take_syncing_threads(&self) -> Vec<ThreadId> {
        mem::take(&mut self.syncing_threads.lock().expect("no panic"))
    }

    fn check_sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.syncing_threads.lock().expect("no panic").push(thread::current().id());
        if self.is_slow.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(3));
        }
        if self.syncs_fail.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk is broken"));
        }
        Ok(())
    }

    /// Nothing of the store itself may be at risk once something was acknowledged.
    pub(crate) fn assert_durable(&self, what: &str) {
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

    fn open_locks(&self, dir: &Path) -> io::Result<Box<dyn DiskLocks>> {
        OsDisk.open_locks(dir)
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

    fn write_direct_at(&self, bytes: &[u8], offset: u64) -> io::Result<bool> {
        if self.disk.is_indirect.load(Ordering::Relaxed) {
            return Ok(false);
        }
        self.write_all_at(bytes, offset).map(|()| true)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.disk.is_full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // A file that is laid out ahead loses nothing.
        if bytes.iter().any(|byte| *byte != 0) {
            self.disk.with(|account| account.contents.insert(self.path()));
        }
        if !self.path().starts_with(self.disk.root.join("records")) {
            return self.file.write_all_at(bytes, offset);
        }
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        self.file.write_all_at(first, offset)?;
        for _ in 0..HALT_MAX.as_millis() {
            if !self.disk.is_halted.load(Ordering::Relaxed) {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.file.write_all_at(rest, offset + first.len() as u64)
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

/// Not for good, or a test that fails would never end.
const HALT_MAX: Duration = Duration::from_secs(10);
