//! Counts what a run asks of the backend.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use orlop_backend::{
    ByteStream, Checkpoint, Claim, Entry, Environment, Expected, ExtentEntry, ExtentId, Extents,
    FileRange, Key, Prefix, Record, Records, Removal, Result, Swap, Version,
};

use crate::Registry;
use crate::registry::Shared;
use crate::store::Store;

/// How many calls there were.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Arc<AtomicU64>);

impl Calls {
    pub(super) fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One call for each page of what is listed.
    fn pages<'s, T: 's>(&self, list: BoxStream<'s, T>) -> BoxStream<'s, T> {
        let calls = self.clone();
        calls.one();
        let count = move |(at, entry): (usize, T)| {
            if at > 0 && at % PAGE == 0 {
                calls.one();
            }
            entry
        };
        list.enumerate().map(count).boxed()
    }
}

/// Names in a page of a bucket.
const PAGE: usize = 1000;

/// The same registry, counted.
pub(super) fn counted(registry: &Registry) -> (Registry, Calls) {
    let calls = Calls::default();
    let Shared { store, id, options, hashing, memory } = &*registry.shared;
    let inner = &store.environment;
    let environment = Environment {
        extents: Arc::new(Counted { inner: inner.extents.clone(), calls: calls.clone() }),
        records: Arc::new(Counted { inner: inner.records.clone(), calls: calls.clone() }),
        ..inner.clone()
    };
    let shared = Shared {
        store: Store { environment },
        id: id.clone(),
        options: options.clone(),
        hashing: hashing.clone(),
        memory: memory.clone(),
    };
    (Registry { shared: Arc::new(shared) }, calls)
}

#[derive(Debug)]
struct Counted<T: ?Sized> {
    inner: Arc<T>,
    calls: Calls,
}

#[async_trait]
impl Extents for Counted<dyn Extents> {
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        self.calls.one();
        self.inner.claim(id, from).await
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        self.calls.one();
        self.inner.read(id, range).await
    }

    async fn presign(&self, id: ExtentId, ttl: Duration) -> Result<Option<String>> {
        self.inner.presign(id, ttl).await
    }

    async fn file(&self, id: ExtentId, range: Range<u64>) -> Result<Option<FileRange>> {
        self.inner.file(id, range).await
    }

    async fn delete(&self, id: ExtentId) -> Result<()> {
        self.calls.one();
        self.inner.delete(id).await
    }

    async fn abandon(&self, id: ExtentId, at: &Checkpoint) -> Result<()> {
        self.calls.one();
        self.inner.abandon(id, at).await
    }

    fn walk_open(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        self.calls.pages(self.inner.walk_open())
    }

    fn walk(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        self.calls.pages(self.inner.walk())
    }
}

#[async_trait]
impl Records for Counted<dyn Records> {
    async fn get(&self, key: &Key) -> Result<Option<Record>> {
        self.calls.one();
        self.inner.get(key).await
    }

    async fn raw(&self, key: &Key) -> Result<Option<Bytes>> {
        self.calls.one();
        self.inner.raw(key).await
    }

    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap> {
        self.calls.one();
        self.inner.swap_raw(key, found, value).await
    }

    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap> {
        self.calls.one();
        self.inner.swap(key, expected, value).await
    }

    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        self.calls.one();
        self.inner.remove(key, version).await
    }

    async fn mark(&self, keys: &[Key]) -> Result<()> {
        self.calls.one();
        self.inner.mark(keys).await
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        if !keys.is_empty() {
            self.calls.one();
        }
        self.inner.clear(keys).await
    }

    fn list(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>> {
        self.calls.pages(self.inner.list(prefix, after))
    }

    fn walk(&self, prefix: &Prefix) -> BoxStream<'_, Result<Entry>> {
        self.calls.pages(self.inner.walk(prefix))
    }
}
