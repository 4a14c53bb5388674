//! The memory backend, with a pause on both sides of every effect.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use orlop::backend::memory::{MemoryExtents, MemoryRecords};
use orlop::backend::{
    Appender, ByteStream, Checkpoint, Claim, Entry, Expected, ExtentEntry, ExtentId, Extents,
    FileRange, Key, Prefix, Record, Records, Removal, Result, Swap, Version,
};

use crate::steps::pause;

/// Extents or records that take their time.
#[derive(Clone, Debug)]
pub struct Slow<T>(pub T);

async fn slowly<T>(effect: impl Future<Output = T>) -> T {
    pause().await;
    let value = effect.await;
    pause().await;
    value
}

#[async_trait]
impl Records for Slow<MemoryRecords> {
    async fn get(&self, key: &Key) -> Result<Option<Record>> {
        slowly(self.0.get(key)).await
    }

    async fn raw(&self, key: &Key) -> Result<Option<Bytes>> {
        slowly(self.0.raw(key)).await
    }

    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap> {
        slowly(self.0.swap_raw(key, found, value)).await
    }

    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap> {
        slowly(self.0.swap(key, expected, value)).await
    }

    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        slowly(self.0.remove(key, version)).await
    }

    async fn mark(&self, keys: &[Key]) -> Result<()> {
        for key in keys {
            slowly(self.0.mark(std::slice::from_ref(key))).await?;
        }
        Ok(())
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        for key in keys {
            slowly(self.0.clear(std::slice::from_ref(key))).await?;
        }
        Ok(())
    }

    fn list(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>> {
        self.0.list(prefix, after).then(async |entry| slowly(async { entry }).await).boxed()
    }

    fn walk(&self, prefix: &Prefix) -> BoxStream<'_, Result<Entry>> {
        self.0.walk(prefix).then(async |entry| slowly(async { entry }).await).boxed()
    }
}

#[async_trait]
impl Extents for Slow<MemoryExtents> {
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        Ok(match slowly(self.0.claim(id, from)).await? {
            Claim::Granted(appender) => Claim::Granted(Box::new(SlowAppender(appender))),
            Claim::Busy => Claim::Busy,
        })
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        slowly(self.0.read(id, range)).await
    }

    async fn presign(&self, id: ExtentId, ttl: Duration) -> Result<Option<String>> {
        slowly(self.0.presign(id, ttl)).await
    }

    async fn file(&self, id: ExtentId, range: Range<u64>) -> Result<Option<FileRange>> {
        slowly(self.0.file(id, range)).await
    }

    async fn delete(&self, id: ExtentId) -> Result<()> {
        slowly(self.0.delete(id)).await
    }

    async fn abandon(&self, id: ExtentId, at: &Checkpoint) -> Result<()> {
        slowly(self.0.abandon(id, at)).await
    }

    fn walk_open(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        self.0.walk_open().then(async |entry| slowly(async { entry }).await).boxed()
    }

    fn walk(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        self.0.walk().then(async |entry| slowly(async { entry }).await).boxed()
    }
}

#[derive(Debug)]
struct SlowAppender(Box<dyn Appender>);

#[async_trait]
impl Appender for SlowAppender {
    fn discards(&self) -> bool {
        self.0.discards()
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        slowly(self.0.write(bytes)).await
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint> {
        slowly(self.0.checkpoint()).await
    }

    async fn seal(self: Box<Self>) -> Result<()> {
        slowly(self.0.seal()).await
    }
}
