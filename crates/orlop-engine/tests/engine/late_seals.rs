//! A writer that sleeps just before it seals, and is given up meanwhile.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use orlop_backend::{
    Appender, ByteStream, Checkpoint, Claim, Environment, ExtentEntry, ExtentId, Extents,
    FileRange, Result,
};
use orlop_engine::CollectOptions;
use orlop_oci::Algorithm;
use tokio::sync::Semaphore;

use crate::fixture::{extents, keys, open, repository, sha256};

/// Seals when something has been given up or deleted for the first time, and not before.
#[derive(Debug)]
struct Late {
    extents: Arc<dyn Extents>,
    meeting: Arc<Meeting>,
}

#[derive(Debug)]
struct Meeting {
    is_over: AtomicBool,
    sleeps: Semaphore,
    wakes: Semaphore,
    is_done: Semaphore,
}

impl Meeting {
    fn new() -> Self {
        let closed = || Semaphore::new(0);
        let is_over = AtomicBool::new(false);
        Self { is_over, sleeps: closed(), wakes: closed(), is_done: closed() }
    }

    async fn wake(&self) {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            self.wakes.add_permits(1);
            self.is_done.acquire().await.unwrap().forget();
        }
    }
}

#[async_trait]
impl Extents for Late {
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        let meeting = self.meeting.clone();
        Ok(match self.extents.claim(id, from).await? {
            Claim::Granted(appender) => Claim::Granted(Box::new(LateAppender(appender, meeting))),
            Claim::Busy => Claim::Busy,
        })
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        self.extents.read(id, range).await
    }

    async fn presign(&self, id: ExtentId, ttl: Duration) -> Result<Option<String>> {
        self.extents.presign(id, ttl).await
    }

    async fn file(&self, id: ExtentId, range: Range<u64>) -> Result<Option<FileRange>> {
        self.extents.file(id, range).await
    }

    /// Leaves what is open, as a bucket does; the contract asks for no more.
    async fn delete(&self, id: ExtentId) -> Result<()> {
        if self.extents.read(id, 0..0).await?.is_some() {
            self.extents.delete(id).await?;
        }
        self.meeting.wake().await;
        Ok(())
    }

    async fn abandon(&self, id: ExtentId, at: &Checkpoint) -> Result<()> {
        self.extents.abandon(id, at).await?;
        self.meeting.wake().await;
        Ok(())
    }

    fn walk_open(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        self.extents.walk_open()
    }

    fn walk(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        self.extents.walk()
    }
}

#[derive(Debug)]
struct LateAppender(Box<dyn Appender>, Arc<Meeting>);

#[async_trait]
impl Appender for LateAppender {
    fn discards(&self) -> bool {
        self.0.discards()
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.0.write(bytes).await
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint> {
        self.0.checkpoint().await
    }

    async fn seal(self: Box<Self>) -> Result<()> {
        self.1.sleeps.add_permits(1);
        self.1.wakes.acquire().await.unwrap().forget();
        let sealed = self.0.seal().await;
        self.1.is_done.add_permits(1);
        sealed
    }
}

#[tokio::test]
async fn a_seal_in_the_middle_of_giving_up_leaves_no_bytes() {
    let store = Environment::memory(); // in a bucket a seal may arrive when all is over
    let meeting = Arc::new(Meeting::new());
    let late = Late { extents: store.extents.clone(), meeting: meeting.clone() };
    let registry = open(Environment { extents: Arc::new(late), ..store.clone() }).await;
    let mut upload = repository(&registry, "a").begin_upload(Algorithm::Sha256).await.unwrap();
    upload.write("hello".into()).await.unwrap();
    let end = tokio::spawn(async move { upload.commit(&sha256(b"hello")).await });
    meeting.sleeps.acquire().await.unwrap().forget();

    let options = CollectOptions { upload_idle: Duration::ZERO, ..CollectOptions::default() };
    assert_eq!(registry.collect(&options, &()).await.unwrap().uploads, 1);
    end.await.unwrap().unwrap_err();
    assert_eq!(extents(&store).await, []);
    assert_eq!(keys(&store, "u").await, []);
}
