//! Typed access to records.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::channel::oneshot;
use futures::{StreamExt, TryStreamExt, stream};
use orlop_backend::{
    ByteStream, Change, Changed, Environment, Error as BackendError, ErrorKind as BackendErrorKind,
    Expected, ExtentId, Key, RandomId, Removal, Swap, Version,
};

use crate::{Result, layout};

/// The records of a store as the engine's own types.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) environment: Environment,
}

/// What a record holds, in the form in which it is stored.
pub(crate) trait State: Sized {
    fn encode(&self) -> Result<Bytes, String>;
    fn decode(value: Bytes) -> Result<Self, String>;
}

/// A record that was read: what it holds, and what a swap must expect to change it.
#[derive(Clone, Debug)]
pub(crate) struct Stored<T> {
    pub(crate) state: T,
    pub(crate) version: Version,
    /// When it was stored, by the store's own clock.
    pub(crate) modified: SystemTime,
}

impl Store {
    pub(crate) async fn get<T: State>(&self, key: &Key) -> Result<Option<Stored<T>>> {
        let Some(record) = self.environment.records.get(key).await? else {
            return Ok(None);
        };
        let state = T::decode(record.value).map_err(|reason| {
            let message = format!("record {key} is corrupt: {reason}");
            BackendError::new(BackendErrorKind::Corrupt, message)
        })?;
        Ok(Some(Stored { state, version: record.version, modified: record.modified }))
    }

    /// Stores `state` if the record is still the one that was read; `None` for absent.
    pub(crate) async fn swap<T: State>(
        &self,
        key: &Key,
        expected: Option<&Version>,
        state: &T,
    ) -> Result<Swap> {
        let expected = expected.map_or(Expected::Absent, Expected::Version);
        Ok(self.environment.records.swap(key, expected, encode(key, state)?).await?)
    }

    /// Makes changes in order, up to the first that conflicts.
    pub(crate) async fn change_all(&self, changes: Vec<Change>) -> Result<Changed> {
        Ok(self.environment.records.change_all(changes).await?)
    }

    /// Runs an operation that makes several calls, where they cost the least. Once it was begun it
    /// goes on to its end, even if the caller does not wait.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        operation: impl Future<Output = Result<T>> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send + 'static {
        let (tell, told) = oneshot::channel();
        // At once: whoever waits for it need not have room for it as well.
        let operation = Box::pin(async move {
            let _ = tell.send(operation.await); // if anybody waits
        });
        let records = self.environment.records.clone();
        async move {
            records.run(operation).await?;
            told.await.unwrap_or_else(|_| {
                let message = "the operation was given up before its end";
                Err(BackendError::new(BackendErrorKind::Unavailable, message).into())
            })
        }
    }

    /// Stores `state` in place of bytes that cannot be read, if they are still these.
    pub(crate) async fn swap_raw<T: State>(
        &self,
        key: &Key,
        found: &Bytes,
        state: &T,
    ) -> Result<Swap> {
        Ok(self.environment.records.swap_raw(key, found, encode(key, state)?).await?)
    }

    pub(crate) async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        Ok(self.environment.records.remove(key, version).await?)
    }

    pub(crate) async fn mark(&self, keys: &[Key]) -> Result<()> {
        Ok(self.environment.records.mark(keys).await?)
    }

    /// Whether a marker is there.
    pub(crate) async fn is_marked(&self, key: &Key) -> Result<bool> {
        Ok(self.environment.records.raw(key).await?.is_some())
    }

    /// A range of a blob's bytes, cut at their end; `None` if they are gone.
    pub(crate) async fn read(
        &self,
        extent: ExtentId,
        inline: Option<&Bytes>,
        range: Range<u64>,
    ) -> orlop_backend::Result<Option<ByteStream>> {
        let Some(inline) = inline else {
            return self.environment.extents.read(extent, range).await;
        };
        let cut = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(inline.len());
        let (start, end) = (cut(range.start), cut(range.end));
        let bytes = inline.slice(start.min(end)..end);
        let pieces = (!bytes.is_empty()).then_some(Ok(bytes));
        Ok(Some(stream::iter(pieces).boxed()))
    }

    /// The links to an extent.
    pub(crate) async fn links(&self, extent: ExtentId) -> Result<Vec<Key>> {
        let links = self.environment.records.walk(&layout::links(extent)?);
        Ok(links.map_ok(|link| link.key).try_collect().await?)
    }

    pub(crate) async fn clear(&self, keys: &[Key]) -> Result<()> {
        Ok(self.environment.records.clear(keys).await?)
    }

    /// Clears what is resolved: a collector that finds it again comes to the same end.
    pub(crate) async fn forget(&self, keys: &[Key]) -> Result<()> {
        Ok(self.environment.records.forget(keys).await?)
    }

    /// How long ago something was stored. No safety rests on it: clocks may disagree.
    pub(crate) fn age(&self, modified: SystemTime) -> Duration {
        self.environment.clock.now().duration_since(modified).unwrap_or_default()
    }

    pub(crate) fn random_id(&self) -> Result<RandomId> {
        Ok(self.environment.entropy.random_id()?)
    }
}

/// The swap of [`Store::swap`], as one of several changes.
pub(crate) fn swapping<T: State>(
    key: &Key,
    expected: Option<&Version>,
    state: &T,
) -> Result<Change> {
    let value = encode(key, state)?;
    Ok(Change::Swap { key: key.clone(), expected: expected.cloned(), value })
}

fn encode<T: State>(key: &Key, state: &T) -> Result<Bytes> {
    Ok(state.encode().map_err(|reason| {
        let message = format!("record {key} cannot be stored: {reason}");
        BackendError::new(BackendErrorKind::Misuse, message)
    })?)
}
