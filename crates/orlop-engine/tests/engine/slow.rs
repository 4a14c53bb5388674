//! A backend whose writes take a while and can be dropped in the middle.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use futures::stream::BoxStream;
use orlop_backend::{
    Appender, ByteStream, Checkpoint, Claim, Environment, ExtentEntry, ExtentId, Extents,
    FileRange, Result,
};
use orlop_engine::ErrorKind;
use orlop_oci::Algorithm;

use crate::fixture::{kind, new_store, open, read_blob, repository, sha256};

#[derive(Debug)]
struct Slow(Arc<dyn Extents>);

#[async_trait]
impl Extents for Slow {
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        Ok(match self.0.claim(id, from).await? {
            Claim::Granted(appender) => Claim::Granted(Box::new(SlowAppender(appender))),
            Claim::Busy => Claim::Busy,
        })
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        self.0.read(id, range).await
    }

    async fn presign(&self, id: ExtentId, ttl: Duration) -> Result<Option<String>> {
        self.0.presign(id, ttl).await
    }

    async fn file(&self, id: ExtentId, range: Range<u64>) -> Result<Option<FileRange>> {
        self.0.file(id, range).await
    }

    async fn delete(&self, id: ExtentId) -> Result<()> {
        self.0.delete(id).await
    }

    async fn abandon(&self, id: ExtentId, at: &Checkpoint) -> Result<()> {
        self.0.abandon(id, at).await
    }

    fn walk_open(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        self.0.walk_open()
    }

    fn walk(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        self.0.walk()
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
        let half = bytes.len() / 2;
        self.0.write(bytes.slice(..half)).await?;
        tokio::task::yield_now().await;
        self.0.write(bytes.slice(half..)).await
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint> {
        self.0.checkpoint().await
    }

    async fn seal(self: Box<Self>) -> Result<()> {
        self.0.seal().await
    }
}

#[tokio::test]
async fn a_write_that_was_dropped_in_the_middle_is_never_acknowledged() {
    let fast = new_store().await;
    let slow = Environment { extents: Arc::new(Slow(fast.extents.clone())), ..fast };
    let registry = open(slow).await;
    let a = repository(&registry, "a");
    for ends_with_pause in [true, false] {
        let mut upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
        upload.write("one ".into()).await.unwrap();
        let id = upload.id();
        assert_eq!(upload.pause().await.unwrap(), 4);

        let mut upload = a.resume_upload(&id, Some(4)).await.unwrap().unwrap();
        // The first write claims, which takes a while on some backends.
        upload.write("lost".into()).await.unwrap();
        let dropped = vec![0; 2 << 20]; // so much that not all of it waits for more
        assert!(upload.write(dropped.into()).now_or_never().is_none());
        assert_eq!(kind(upload.write("more".into()).await), ErrorKind::Unavailable);
        if ends_with_pause {
            assert_eq!(kind(upload.pause().await), ErrorKind::Unavailable);
        } else {
            assert_eq!(kind(upload.commit(&sha256(b"one ")).await), ErrorKind::Unavailable);
        }

        let mut upload = a.resume_upload(&id, Some(4)).await.unwrap().unwrap();
        upload.write("two".into()).await.unwrap();
        upload.commit(&sha256(b"one two")).await.unwrap();
        assert_eq!(read_blob(&a, &sha256(b"one two")).await.unwrap(), "one two");
    }
}
