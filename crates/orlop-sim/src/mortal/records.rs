//! Records of a process that may die.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use orlop_backend::{
    Entry, Expected, Key, Prefix, Record, Records, Removal, Result, Swap, Version,
};

use crate::life::{Life, part_of, parts_of};

#[derive(Debug)]
pub(super) struct MortalRecords {
    pub(super) inner: Arc<dyn Records>,
    pub(super) life: Arc<Life>,
}

#[async_trait]
impl Records for MortalRecords {
    async fn get(&self, key: &Key) -> Result<Option<Record>> {
        self.life.turn().await;
        self.inner.get(key).await
    }

    async fn raw(&self, key: &Key) -> Result<Option<Bytes>> {
        self.life.turn().await;
        self.inner.raw(key).await
    }

    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap> {
        self.life.act(format!("swap raw {key}"), 0).await;
        self.inner.swap_raw(key, found, value).await
    }

    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap> {
        self.life.act(format!("swap {key}"), 0).await;
        self.inner.swap(key, expected, value).await
    }

    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        self.life.act(format!("remove {key}"), 0).await;
        self.inner.remove(key, version).await
    }

    async fn mark(&self, keys: &[Key]) -> Result<()> {
        self.change("mark", keys, |records, keys| records.mark(keys)).await
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        self.change("clear", keys, |records, keys| records.clear(keys)).await
    }

    async fn forget(&self, keys: &[Key]) -> Result<()> {
        self.change("forget", keys, |records, keys| records.forget(keys)).await
    }

    fn list(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>> {
        let (prefix, after) = (prefix.clone(), after.map(str::to_owned));
        let list = async move {
            self.life.turn().await;
            self.inner.list(&prefix, after.as_deref())
        };
        stream::once(list).flatten().boxed()
    }

    fn walk(&self, prefix: &Prefix) -> BoxStream<'_, Result<Entry>> {
        let prefix = prefix.clone();
        let walk = async move {
            self.life.turn().await;
            self.inner.walk(&prefix)
        };
        stream::once(walk).flatten().boxed()
    }
}

/// A change of some keys.
type Change = for<'c> fn(&'c dyn Records, &'c [Key]) -> BoxFuture<'c, Result<()>>;

impl MortalRecords {
    /// Makes a change; or a part of it, and dies.
    async fn change(&self, verb: &str, keys: &[Key], change: Change) -> Result<()> {
        match self.life.act(format!("{verb} {keys:?}"), parts_of(keys.len())).await {
            None => change(&*self.inner, keys).await,
            Some(part) => {
                change(&*self.inner, part_of(keys, part)).await?;
                self.life.gone().await
            }
        }
    }
}
