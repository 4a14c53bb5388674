//! A disk that counts what is asked of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use orlop_fs::disk::{DirEntries, Disk, DiskFile, DiskLocks, LockMode, Metadata, OsDisk};

/// Calls by their kind, and bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(Arc<Mutex<BTreeMap<&'static str, u64>>>);

/// The operating system's own, counted. It has everything in its memory: what it would leave to a
/// thread where it has not is done again there, and would be counted twice.
#[derive(Clone, Debug)]
pub(crate) struct CountingDisk(pub(crate) Counts);

#[derive(Debug)]
struct CountedFile {
    file: Box<dyn DiskFile>,
    counts: Counts,
}

impl Counts {
    fn add(&self, kind: &'static str, count: usize) {
        *self.0.lock().unwrap().entry(kind).or_default() += count as u64;
    }

    /// All since the last time.
    pub(crate) fn take(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl CountingDisk {
    fn count(&self, kind: &'static str) -> OsDisk {
        self.0.add(kind, 1);
        OsDisk
    }

    fn file(&self, file: io::Result<Box<dyn DiskFile>>) -> io::Result<Box<dyn DiskFile>> {
        let counts = self.0.clone();
        Ok(Box::new(CountedFile { file: file?, counts }))
    }
}

impl Disk for CountingDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.file(self.count("create").create(path))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.file(self.count("open").open(path))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.file(self.count("open").open_read(path))
    }

    fn open_cached(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open_read(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.count("rename").rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.count("remove").remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.count("create_dir").create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.count("remove_dir").remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.count("sync").sync_dir(path)
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        self.count("sync").sync_all(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<DirEntries> {
        self.count("read_dir").read_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.count("metadata").metadata(path)
    }

    fn open_locks(&self, dir: &Path) -> io::Result<Box<dyn DiskLocks>> {
        let (locks, counts) = (self.count("open").open_locks(dir)?, self.0.clone());
        Ok(Box::new(CountedLocks { locks, counts }))
    }
}

impl CountedFile {
    fn count(&self, kind: &'static str) -> &dyn DiskFile {
        self.counts.add(kind, 1);
        &*self.file
    }

    fn reading(&self, read: io::Result<usize>) -> io::Result<usize> {
        read.inspect(|len| self.counts.add("bytes read", *len))
    }
}

impl DiskFile for CountedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.reading(self.count("read").read_at(buffer, offset))
    }

    fn read_cached_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read_at(buffer, offset)
    }

    fn read_ahead(&self, range: Range<u64>) {
        self.count("read_ahead").read_ahead(range);
    }

    fn to_os(&self) -> io::Result<Option<File>> {
        self.count("to_os").to_os()
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.counts.add("bytes written", bytes.len());
        self.count("write").write_all_at(bytes, offset)
    }

    fn write_direct_at(&self, bytes: &[u8], offset: u64) -> io::Result<bool> {
        let written = self.count("write").write_direct_at(bytes, offset)?;
        if written {
            self.counts.add("bytes written", bytes.len());
        }
        Ok(written)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.count("truncate").truncate(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.count("sync").sync()
    }

    fn metadata(&self) -> io::Result<Metadata> {
        self.count("metadata").metadata()
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.count("lock").try_lock()
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        self.count("lock").try_lock_shared()
    }
}

#[derive(Debug)]
struct CountedLocks {
    locks: Box<dyn DiskLocks>,
    counts: Counts,
}

impl CountedLocks {
    fn count(&self, kind: &'static str) -> &dyn DiskLocks {
        self.counts.add(kind, 1);
        &*self.locks
    }
}

impl DiskLocks for CountedLocks {
    fn try_lock(&self, number: u64, mode: LockMode) -> io::Result<bool> {
        self.count("lock").try_lock(number, mode)
    }

    fn lock(&self, number: u64, mode: LockMode) -> io::Result<()> {
        self.count("lock").lock(number, mode)
    }

    fn unlock(&self, number: u64) -> io::Result<()> {
        self.count("unlock").unlock(number)
    }
}
