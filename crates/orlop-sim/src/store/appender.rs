//! An appender whose calls take time and fail.

use async_trait::async_trait;
use bytes::Bytes;
use orlop_backend::{Appender, Checkpoint, ExtentId, Result};

use super::Seen;
use crate::stage::Fate;

#[derive(Debug)]
pub(super) struct SeenAppender {
    inner: Box<dyn Appender>,
    id: ExtentId,
    seen: Seen,
}

impl SeenAppender {
    pub(super) fn new(inner: Box<dyn Appender>, id: ExtentId, seen: &Seen) -> Self {
        Self { inner, id, seen: seen.clone() }
    }
}

#[async_trait]
impl Appender for SeenAppender {
    fn discards(&self) -> bool {
        self.inner.discards()
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let (id, len) = (self.id, bytes.len());
        let what = move || format!("write {len} bytes to {id}");
        let Seen { stage, process } = &self.seen;
        stage.arrive(process, true, what).await?;
        self.seen.note(what);
        self.inner.write(bytes).await
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint> {
        let id = self.id;
        let what = move || format!("checkpoint {id}");
        let Seen { stage, process } = &self.seen;
        stage.arrive(process, true, what).await?;
        let made = self.inner.checkpoint().await;
        self.seen.note(what);
        // None comes late: whoever lives has the claim.
        let is_lost = stage.fate() == Fate::Lost;
        stage.answer(process, if is_lost { Fate::Lost } else { Fate::Made }, made, what)
    }

    async fn seal(self: Box<Self>) -> Result<()> {
        let Self { inner, id, seen } = *self;
        let what = move || format!("seal {id}");
        let Seen { stage, process } = &seen;
        stage.arrive(process, true, what).await?;
        let fate = stage.fate();
        if fate == Fate::Late {
            let request = async move { inner.seal().await.map(|()| format!("seal {id}")) };
            return seen.send_late(what, request);
        }
        let sealed = inner.seal().await;
        seen.note(|| match &sealed {
            Ok(()) => what(),
            Err(error) => format!("{}: {error}", what()),
        });
        stage.answer(process, fate, sealed, what)
    }
}
