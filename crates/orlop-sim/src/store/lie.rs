//! Stores that break the contract, to see that it is found out.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use orlop_backend::{
    Entry, Environment, Expected, Key, Prefix, Record, Records, Removal, Result, Swap, Version,
};

use crate::stage::Stage;

/// How a store breaks the contract. It does so now and then, and else it is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lie {
    /// A swap that takes whatever is there for what it expects.
    SwapIgnoresVersion,
    /// A removal that takes whatever is there for what it expects.
    RemoveIgnoresVersion,
    /// A change that is acknowledged and not made.
    SwapIsForgotten,
    /// A marker that is acknowledged and not made.
    MarkIsForgotten,
    /// A list without its newest entry.
    ListMissesNewest,
    /// A read that knows of no record that was just stored.
    ReadMissesNewest,
    /// A swap that is made, and says that there was a conflict.
    StoredIsConflict,
}

impl Lie {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::SwapIgnoresVersion,
        Self::RemoveIgnoresVersion,
        Self::SwapIsForgotten,
        Self::MarkIsForgotten,
        Self::ListMissesNewest,
        Self::ReadMissesNewest,
        Self::StoredIsConflict,
    ];
}

/// The same store, as a liar tells of it.
pub(crate) fn lying(store: Environment, lie: Lie, stage: &Arc<Stage>) -> Environment {
    let records = LyingRecords { inner: store.records.clone(), lie, stage: stage.clone() };
    Environment { records: Arc::new(records), ..store }
}

#[derive(Debug)]
struct LyingRecords {
    inner: Arc<dyn Records>,
    lie: Lie,
    stage: Arc<Stage>,
}

impl LyingRecords {
    fn lies(&self, lie: Lie) -> bool {
        let lies = self.lie == lie && self.stage.dice.one_in(HONEST_TIMES);
        if lies {
            self.stage.note("store", || format!("lies: {lie:?}"));
        }
        lies
    }

    fn newest(&self, entries: &[Entry]) -> Option<usize> {
        let (place, newest) = entries.iter().enumerate().max_by_key(|(_, entry)| entry.modified)?;
        let now = self.stage.now_of_store();
        let is_new = now.duration_since(newest.modified).is_ok_and(|age| age.as_secs() < 60);
        is_new.then_some(place)
    }
}

#[async_trait]
impl Records for LyingRecords {
    async fn get(&self, key: &Key) -> Result<Option<Record>> {
        let found = self.inner.get(key).await?;
        let now = self.stage.now_of_store();
        let is_new = |record: &Record| {
            now.duration_since(record.modified).is_ok_and(|age| age.as_millis() < 500)
        };
        let is_missed = found.as_ref().is_some_and(is_new) && self.lies(Lie::ReadMissesNewest);
        Ok(found.filter(|_| !is_missed))
    }

    async fn raw(&self, key: &Key) -> Result<Option<Bytes>> {
        self.inner.raw(key).await
    }

    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap> {
        self.inner.swap_raw(key, found, value).await
    }

    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap> {
        if self.lies(Lie::SwapIsForgotten) {
            return Ok(Swap::Stored(Version::new("forgotten")));
        }
        if self.lies(Lie::SwapIgnoresVersion) {
            let found = self.inner.get(key).await?.map(|found| found.version);
            let expected = found.as_ref().map_or(Expected::Absent, Expected::Version);
            return self.inner.swap(key, expected, value).await;
        }
        let swapped = self.inner.swap(key, expected, value).await?;
        Ok(if self.lies(Lie::StoredIsConflict) { Swap::Conflict } else { swapped })
    }

    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        if self.lies(Lie::RemoveIgnoresVersion) {
            self.inner.clear(std::slice::from_ref(key)).await?;
            return Ok(Removal::Removed);
        }
        self.inner.remove(key, version).await
    }

    async fn mark(&self, keys: &[Key]) -> Result<()> {
        if self.lies(Lie::MarkIsForgotten) {
            return Ok(());
        }
        self.inner.mark(keys).await
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        self.inner.clear(keys).await
    }

    fn list(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>> {
        self.without_newest(self.inner.list(prefix, after))
    }

    fn walk(&self, prefix: &Prefix) -> BoxStream<'_, Result<Entry>> {
        self.without_newest(self.inner.walk(prefix))
    }
}

impl LyingRecords {
    fn without_newest<'l>(
        &'l self,
        list: BoxStream<'l, Result<Entry>>,
    ) -> BoxStream<'l, Result<Entry>> {
        if self.lie != Lie::ListMissesNewest {
            return list;
        }
        let rest = async {
            let mut entries: Vec<Entry> = list.try_collect().await?;
            if let Some(newest) = self.newest(&entries)
                && self.lies(Lie::ListMissesNewest)
            {
                entries.remove(newest);
            }
            Ok(stream::iter(entries).map(Ok))
        };
        stream::once(rest).try_flatten().boxed()
    }
}

/// A store that always lies is found out before anything happens.
const HONEST_TIMES: u64 = 15;
