//! A backend that counts what is asked of it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use orlop_backend::{
    ByteStream, Checkpoint, Claim, Entry, Environment, Expected, ExtentEntry, ExtentId, Extents,
    FileRange, Key, Prefix, Record, Records, Removal, Result, Swap, Version,
};

use crate::fixture::new_store;

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) extent_reads: AtomicU64,
    pub(crate) gets: AtomicU64,
    pub(crate) swaps: AtomicU64,
}

impl Counts {
    /// Calls of records since the last time.
    pub(crate) fn take(&self) -> (u64, u64) {
        (self.gets.swap(0, Ordering::Relaxed), self.swaps.swap(0, Ordering::Relaxed))
    }
}

/// An empty store, counted.
pub(crate) async fn counted() -> (Environment, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let inner = new_store().await;
    let environment = Environment {
        extents: Arc::new(CountedExtents { inner: inner.extents.clone(), counts: counts.clone() }),
        records: Arc::new(CountedRecords { inner: inner.records.clone(), counts: counts.clone() }),
        ..inner
    };
    (environment, counts)
}

#[derive(Debug)]
struct CountedExtents {
    inner: Arc<dyn Extents>,
    counts: Arc<Counts>,
}

#[async_trait]
impl Extents for CountedExtents {
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        self.inner.claim(id, from).await
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        self.counts.extent_reads.fetch_add(1, Ordering::Relaxed);
        self.inner.read(id, range).await
    }

    async fn presign(&self, id: ExtentId, ttl: Duration) -> Result<Option<String>> {
        self.inner.presign(id, ttl).await
    }

    async fn file(&self, id: ExtentId, range: Range<u64>) -> Result<Option<FileRange>> {
        self.inner.file(id, range).await
    }

    async fn delete(&self, id: ExtentId) -> Result<()> {
        self.inner.delete(id).await
    }

    async fn abandon(&self, id: ExtentId, at: &Checkpoint) -> Result<()> {
        self.inner.abandon(id, at).await
    }

    fn walk_open(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        self.inner.walk_open()
    }

    fn walk(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        self.inner.walk()
    }
}

#[derive(Debug)]
struct CountedRecords {
    inner: Arc<dyn Records>,
    counts: Arc<Counts>,
}

#[async_trait]
impl Records for CountedRecords {
    async fn get(&self, key: &Key) -> Result<Option<Record>> {
        self.counts.gets.fetch_add(1, Ordering::Relaxed);
        self.inner.get(key).await
    }

    async fn raw(&self, key: &Key) -> Result<Option<Bytes>> {
        self.inner.raw(key).await
    }

    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap> {
        self.inner.swap_raw(key, found, value).await
    }

    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap> {
        self.counts.swaps.fetch_add(1, Ordering::Relaxed);
        self.inner.swap(key, expected, value).await
    }

    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        self.inner.remove(key, version).await
    }

    async fn mark(&self, keys: &[Key]) -> Result<()> {
        self.inner.mark(keys).await
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        self.inner.clear(keys).await
    }

    fn list(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>> {
        self.inner.list(prefix, after)
    }

    fn walk(&self, prefix: &Prefix) -> BoxStream<'_, Result<Entry>> {
        self.inner.walk(prefix)
    }
}
