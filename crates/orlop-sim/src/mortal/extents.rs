//! Extents of a process that may die.

use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use orlop_backend::{
    Appender, ByteStream, Checkpoint, Claim, ExtentEntry, ExtentId, Extents, FileRange, Result,
};

use crate::life::Life;

#[derive(Debug)]
pub(super) struct MortalExtents {
    pub(super) inner: Arc<dyn Extents>,
    pub(super) life: Arc<Life>,
}

#[async_trait]
impl Extents for MortalExtents {
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        self.life.act(format!("claim {id}"), 0).await;
        Ok(match self.inner.claim(id, from).await? {
            Claim::Busy => Claim::Busy,
            Claim::Granted(inner) => {
                let life = self.life.clone();
                Claim::Granted(Box::new(MortalAppender { inner, life, unwritten: Vec::new() }))
            }
        })
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        self.life.turn().await;
        self.inner.read(id, range).await
    }

    async fn presign(&self, id: ExtentId, ttl: Duration) -> Result<Option<String>> {
        self.inner.presign(id, ttl).await
    }

    async fn file(&self, id: ExtentId, range: Range<u64>) -> Result<Option<FileRange>> {
        self.inner.file(id, range).await
    }

    async fn delete(&self, id: ExtentId) -> Result<()> {
        self.life.act(format!("delete {id}"), 0).await;
        self.inner.delete(id).await
    }

    async fn abandon(&self, id: ExtentId, at: &Checkpoint) -> Result<()> {
        self.life.act(format!("abandon {id}"), 0).await;
        self.inner.abandon(id, at).await
    }

    fn walk_open(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        let walk = async move {
            self.life.turn().await;
            self.inner.walk_open()
        };
        stream::once(walk).flatten().boxed()
    }

    fn walk(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        let walk = async move {
            self.life.turn().await;
            self.inner.walk()
        };
        stream::once(walk).flatten().boxed()
    }
}

#[derive(Debug)]
struct MortalAppender {
    inner: Box<dyn Appender>,
    life: Arc<Life>,
    /// Kept back until it is known how much of it is written.
    unwritten: Vec<Bytes>,
}

impl MortalAppender {
    /// Writes what was kept back, or dies with half of it written, behind the last checkpoint.
    async fn flush(&mut self, what: &str) -> Result<()> {
        let bytes = mem::take(&mut self.unwritten).concat();
        let parts = usize::from(bytes.len() > 1);
        if self.life.act(format!("{what} {} bytes", bytes.len()), parts).await.is_some() {
            let half = Bytes::copy_from_slice(&bytes[..bytes.len() / 2]);
            self.inner.write(half).await?;
            self.inner.checkpoint().await?;
            self.life.gone::<()>().await;
        }
        self.inner.write(bytes.into()).await
    }
}

#[async_trait]
impl Appender for MortalAppender {
    fn discards(&self) -> bool {
        self.inner.discards()
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.unwritten.push(bytes);
        Ok(())
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint> {
        self.flush("checkpoint").await?;
        self.inner.checkpoint().await
    }

    async fn seal(mut self: Box<Self>) -> Result<()> {
        self.flush("seal").await?;
        self.inner.seal().await
    }
}
