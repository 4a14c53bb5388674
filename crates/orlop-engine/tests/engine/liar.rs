//! A medium that gives other bytes than it was given, now and then, to one of those who read.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use orlop_backend::{
    ByteStream, Checkpoint, Claim, Environment, ExtentEntry, ExtentId, Extents, FileRange, Result,
};

/// The same store for who cannot trust what he reads, whenever `lies` says so.
pub(crate) fn lied_to(
    store: Environment,
    lies: impl Fn() -> bool + Send + Sync + 'static,
) -> Environment {
    let extents = Arc::new(Liar { inner: store.extents.clone(), lies: Box::new(lies) });
    Environment { extents, ..store }
}

struct Liar {
    inner: Arc<dyn Extents>,
    lies: Box<dyn Fn() -> bool + Send + Sync>,
}

impl fmt::Debug for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Liar").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[async_trait]
impl Extents for Liar {
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        self.inner.claim(id, from).await
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        let bytes = self.inner.read(id, range).await?;
        if !(self.lies)() {
            return Ok(bytes);
        }
        let lie = |piece: Bytes| piece.iter().map(|byte| byte ^ 1).collect::<Bytes>();
        Ok(bytes.map(|bytes| bytes.map_ok(lie).boxed()))
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
