//! A medium that gives other bytes than it was given, now and then, to one of those who read.

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

use crate::stage::Stage;

/// The same store for who cannot trust what he reads.
pub(crate) fn doubtful(store: Environment, stage: &Arc<Stage>) -> Environment {
    let extents = Doubtful { inner: store.extents.clone(), stage: stage.clone() };
    Environment { extents: Arc::new(extents), ..store }
}

#[derive(Debug)]
struct Doubtful {
    inner: Arc<dyn Extents>,
    stage: Arc<Stage>,
}

#[async_trait]
impl Extents for Doubtful {
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        self.inner.claim(id, from).await
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        let bytes = self.inner.read(id, range).await?;
        if !self.stage.dice.one_in(2) {
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
