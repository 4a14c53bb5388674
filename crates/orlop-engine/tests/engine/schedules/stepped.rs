//! A backend each of whose calls waits for its turn, and may get lost or come late.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use orlop_backend::{
    Appender, ByteStream, Checkpoint, Claim, Entropy, Entry, Environment, Error, ErrorKind,
    Expected, ExtentEntry, ExtentId, Extents, Key, Prefix, RandomId, Record, Records, Removal,
    Result, Swap, Version,
};

/// A source of numbers that depend on nothing but its seed.
#[derive(Debug)]
pub(crate) struct Dice(Mutex<u64>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1))
    }

    /// A number below `sides`.
    pub(crate) fn throw(&self, sides: usize) -> usize {
        let mut state = self.0.lock().unwrap();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        usize::try_from((*state >> 16) % sides as u64).unwrap()
    }

    pub(crate) fn one_in(&self, sides: usize) -> bool {
        self.throw(sides) == 0
    }
}

/// What all calls share.
pub(crate) struct Stage {
    pub(crate) dice: Dice,
    /// One in so many changes gets lost or comes late; 0 for none.
    trouble: usize,
    /// Requests that are still on their way.
    late: Mutex<VecDeque<BoxFuture<'static, ()>>>,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stage")
    }
}

impl Stage {
    pub(crate) fn new(seed: u64, trouble: usize) -> Arc<Self> {
        Arc::new(Self { dice: Dice::new(seed), trouble, late: Mutex::default() })
    }

    /// One of the late requests arrives.
    pub(crate) async fn deliver(&self) {
        let late = self.late.lock().unwrap().pop_front();
        if let Some(late) = late {
            late.await;
        }
    }

    /// Does some work when it is its turn; or not; or does it and says that it has not; or says so
    /// and does it later.
    async fn act<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        turn().await;
        if self.trouble == 0 || !self.dice.one_in(self.trouble) {
            return work.await;
        }
        match self.dice.throw(3) {
            0 => {}
            1 => drop(work.await),
            _ => {
                let late = Box::pin(async { drop(work.await) });
                self.late.lock().unwrap().push_back(late);
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "no answer"))
    }
}

/// Lets somebody else go first.
fn turn() -> impl Future<Output = ()> + Send {
    struct Turn(bool);
    impl Future for Turn {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            if self.0 {
                return Poll::Ready(());
            }
            self.0 = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }
    Turn(false)
}

/// The store as one process sees it.
pub(crate) fn stepped(inner: &Environment, stage: &Arc<Stage>) -> Environment {
    let (extents, records) = (inner.extents.clone(), inner.records.clone());
    Environment {
        extents: Arc::new(SteppedExtents { inner: extents, stage: stage.clone() }),
        records: Arc::new(SteppedRecords { inner: records, stage: stage.clone() }),
        entropy: stage.clone(),
        ..inner.clone()
    }
}

impl Entropy for Stage {
    fn random_id(&self) -> Result<RandomId> {
        let half = || self.dice.throw(usize::MAX) as u128;
        Ok(RandomId::from_bits(half() << 64 | half()))
    }
}

/// In an order that does not depend on chance.
fn in_order(walk: BoxStream<'_, Result<ExtentEntry>>) -> BoxStream<'_, Result<ExtentEntry>> {
    let sorted = async {
        let mut extents: Vec<ExtentEntry> = walk.try_collect().await?;
        extents.sort_unstable_by_key(|extent| extent.id);
        Ok(stream::iter(extents).map(Ok))
    };
    let extents = stream::once(sorted).try_flatten();
    extents
        .then(async |extent| {
            turn().await;
            extent
        })
        .boxed()
}

#[derive(Debug)]
struct SteppedRecords {
    inner: Arc<dyn Records>,
    stage: Arc<Stage>,
}

#[async_trait]
impl Records for SteppedRecords {
    async fn get(&self, key: &Key) -> Result<Option<Record>> {
        turn().await;
        self.inner.get(key).await
    }

    async fn raw(&self, key: &Key) -> Result<Option<Bytes>> {
        turn().await;
        self.inner.raw(key).await
    }

    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap> {
        let (inner, key, found) = (self.inner.clone(), key.clone(), found.clone());
        self.stage.act(async move { inner.swap_raw(&key, &found, value).await }).await
    }

    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap> {
        let (inner, key) = (self.inner.clone(), key.clone());
        let expected = match expected {
            Expected::Absent => None,
            Expected::Version(version) => Some(version.clone()),
        };
        let work = async move {
            let expected = expected.as_ref().map_or(Expected::Absent, Expected::Version);
            inner.swap(&key, expected, value).await
        };
        self.stage.act(work).await
    }

    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        let (inner, key, version) = (self.inner.clone(), key.clone(), version.clone());
        self.stage.act(async move { inner.remove(&key, &version).await }).await
    }

    async fn mark(&self, keys: &[Key]) -> Result<()> {
        for key in keys {
            let (inner, key) = (self.inner.clone(), key.clone());
            self.stage.act(async move { inner.mark(&[key]).await }).await?;
        }
        Ok(())
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        for key in keys {
            let (inner, key) = (self.inner.clone(), key.clone());
            self.stage.act(async move { inner.clear(&[key]).await }).await?;
        }
        Ok(())
    }

    fn list(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>> {
        let list = self.inner.list(prefix, after);
        list.then(async |entry| {
            turn().await;
            entry
        })
        .boxed()
    }

    fn walk(&self, prefix: &Prefix) -> BoxStream<'_, Result<Entry>> {
        self.inner
            .walk(prefix)
            .then(async |entry| {
                turn().await;
                entry
            })
            .boxed()
    }
}

#[derive(Debug)]
struct SteppedExtents {
    inner: Arc<dyn Extents>,
    stage: Arc<Stage>,
}

#[async_trait]
impl Extents for SteppedExtents {
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        turn().await;
        Ok(match self.inner.claim(id, from).await? {
            Claim::Granted(appender) => Claim::Granted(Box::new(SteppedAppender(appender))),
            Claim::Busy => Claim::Busy,
        })
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        turn().await;
        self.inner.read(id, range).await
    }

    async fn presign(&self, id: ExtentId, ttl: Duration) -> Result<Option<String>> {
        turn().await;
        self.inner.presign(id, ttl).await
    }

    async fn delete(&self, id: ExtentId) -> Result<()> {
        let inner = self.inner.clone();
        self.stage.act(async move { inner.delete(id).await }).await
    }

    async fn abandon(&self, id: ExtentId, at: &Checkpoint) -> Result<()> {
        let (inner, at) = (self.inner.clone(), at.clone());
        self.stage.act(async move { inner.abandon(id, &at).await }).await
    }

    fn walk_open(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        in_order(self.inner.walk_open())
    }

    fn walk(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        in_order(self.inner.walk())
    }
}

#[derive(Debug)]
struct SteppedAppender(Box<dyn Appender>);

#[async_trait]
impl Appender for SteppedAppender {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        turn().await;
        self.0.write(bytes).await
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint> {
        turn().await;
        self.0.checkpoint().await
    }

    async fn seal(self: Box<Self>) -> Result<()> {
        turn().await;
        self.0.seal().await
    }
}
