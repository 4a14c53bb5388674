//! Extents as a process sees them.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use orlop_backend::{
    ByteStream, Checkpoint, Claim, ExtentEntry, ExtentId, Extents, FileRange, Result,
};

use super::appender::SeenAppender;
use super::{Seen, listing};
use crate::stage::Fate;

#[derive(Debug)]
pub(super) struct View {
    pub(super) inner: Arc<dyn Extents>,
    pub(super) seen: Seen,
}

#[async_trait]
impl Extents for View {
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        let what = || format!("claim {id} at {}", from.len);
        self.seen.look(what).await?;
        let claim = self.inner.claim(id, from).await;
        self.seen.note(|| match &claim {
            Ok(Claim::Granted(_)) => format!("{}: granted", what()),
            Ok(Claim::Busy) => format!("{}: busy", what()),
            Err(error) => format!("{}: {error}", what()),
        });
        Ok(match claim? {
            Claim::Granted(appender) => {
                Claim::Granted(Box::new(SeenAppender::new(appender, id, &self.seen)))
            }
            Claim::Busy => Claim::Busy,
        })
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        let what = move || format!("read {id}");
        self.seen.look(what).await?;
        let read = self.inner.read(id, range).await?;
        self.seen.note(|| format!("{}: {}", what(), if read.is_some() { "yes" } else { "no" }));
        let seen = self.seen.clone();
        Ok(read.map(|bytes| {
            let pieces = bytes.and_then(move |piece| {
                let seen = seen.clone();
                async move {
                    seen.look(what).await?;
                    Ok(piece)
                }
            });
            pieces.boxed()
        }))
    }

    async fn presign(&self, id: ExtentId, ttl: Duration) -> Result<Option<String>> {
        self.inner.presign(id, ttl).await
    }

    async fn file(&self, id: ExtentId, range: Range<u64>) -> Result<Option<FileRange>> {
        self.inner.file(id, range).await
    }

    async fn delete(&self, id: ExtentId) -> Result<()> {
        let what = || format!("delete {id}");
        let Seen { stage, process } = &self.seen;
        stage.arrive(process, false, what).await?;
        let fate = stage.fate();
        if fate == Fate::Late {
            let inner = self.inner.clone();
            return self.seen.send_late(what, async move {
                inner.delete(id).await.map(|()| format!("delete {id}"))
            });
        }
        let deleted = self.inner.delete(id).await;
        self.seen.note(what);
        stage.answer(process, fate, deleted, what)
    }

    async fn abandon(&self, id: ExtentId, at: &Checkpoint) -> Result<()> {
        let what = || format!("abandon {id}");
        let Seen { stage, process } = &self.seen;
        stage.arrive(process, false, what).await?;
        let fate = stage.fate();
        if fate == Fate::Late {
            let (inner, at) = (self.inner.clone(), at.clone());
            return self.seen.send_late(what, async move {
                inner.abandon(id, &at).await.map(|()| format!("abandon {id}"))
            });
        }
        let abandoned = self.inner.abandon(id, at).await;
        self.seen.note(what);
        stage.answer(process, fate, abandoned, what)
    }

    fn walk_open(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        listing::extents(self.inner.walk_open(), &self.seen)
    }

    fn walk(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        listing::extents(self.inner.walk(), &self.seen)
    }
}
