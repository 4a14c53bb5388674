//! Uploads that nobody goes on with.

use std::time::Duration;

use futures::TryStreamExt;
use orlop_backend::{Checkpoint, ExtentId, ExtentState, Key, Swap};

use crate::state::{Session, Stage};
use crate::{Registry, Result, layout};

/// What [`Registry::abort_uploads`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AbortedUploads {
    /// Upload sessions that nobody had gone on with for the time that was given.
    pub sessions: u64,
    /// Extents that had something without a session: parts that a writer left who was overtaken,
    /// or who died when his session was over.
    pub leftovers: u64,
    /// Sessions that stay, because somebody went on with them lately.
    pub kept: u64,
}

impl Registry {
    /// Gives up the uploads that nobody has gone on with for `idle`, and what was left of others,
    /// with all their bytes. Whoever goes on with one of them is told that it is not there.
    ///
    /// Any process may call it at any time, also several at once: no blob and no upload that is
    /// under way is harmed. What a crash leaves undone, the next call does. An upload that was
    /// ended and became a blob, or may still become one, is not its business.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use orlop_backend::Environment;
    /// use orlop_engine::{Options, Registry};
    /// use orlop_oci::Algorithm;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let registry = Registry::open(Environment::memory(), Options::default()).await?;
    /// let repository = registry.repository("app".parse()?);
    /// let mut upload = repository.begin_upload(Algorithm::Sha256).await?;
    /// upload.write("abandoned".into()).await?;
    /// upload.pause().await?;
    ///
    /// assert_eq!(registry.abort_uploads(Duration::from_secs(3600)).await?.kept, 1);
    /// assert_eq!(registry.abort_uploads(Duration::ZERO).await?.sessions, 1);
    /// # Ok::<(), orlop_engine::Error>(()) }).unwrap();
    /// ```
    pub async fn abort_uploads(&self, idle: Duration) -> Result<AbortedUploads> {
        let store = &self.shared.store;
        let now = store.environment.clock.now();
        let mut done = AbortedUploads::default();
        let mut sessions = store.environment.records.walk(&layout::uploads()?);
        while let Some(session) = sessions.try_next().await? {
            let age = now.duration_since(session.modified).unwrap_or_default();
            let aborted =
                if age < idle { Some(false) } else { self.abort_upload(&session.key).await? };
            match aborted {
                Some(true) => done.sessions += 1,
                Some(false) => done.kept += 1,
                None => {}
            }
        }
        let mut extents = store.environment.extents.walk();
        while let Some(extent) = extents.try_next().await? {
            if extent.state == ExtentState::Open && self.abandon_leftover(extent.id).await? {
                done.leftovers += 1;
            }
        }
        Ok(done)
    }
}

impl Registry {
    /// Gives one upload up; `false` if somebody goes on with it, `None` if it is not open.
    async fn abort_upload(&self, key: &Key) -> Result<Option<bool>> {
        let store = &self.shared.store;
        let Some(found) = store.get::<Session>(key).await? else {
            return Ok(None);
        };
        let extent: ExtentId = key.name().parse()?;
        let mut session = found.state;
        match session.stage {
            Stage::Sealed(_) => return Ok(None),
            Stage::Aborted => {} // and not tidied up
            Stage::Open => {
                session.stage = Stage::Aborted;
                // First: whoever still writes must not be able to finish after the bytes are gone.
                match store.swap(key, Some(&found.version), &session).await? {
                    Swap::Stored(_) => {}
                    Swap::Conflict => return Ok(Some(false)),
                }
            }
        }
        store.environment.extents.abandon(extent, &session.checkpoint()).await?;
        store.clear(std::slice::from_ref(key)).await?;
        Ok(Some(true))
    }

    /// Gives up what is open of an extent that has no session; `false` if it has one.
    ///
    /// A session is there before the first byte and goes after the last one, and its name is used
    /// once: who finds bytes first and then no session knows that there will be none.
    async fn abandon_leftover(&self, extent: ExtentId) -> Result<bool> {
        let store = &self.shared.store;
        if store.environment.records.get(&layout::upload(extent)?).await?.is_some() {
            return Ok(false);
        }
        store.environment.extents.abandon(extent, &Checkpoint::start()).await?;
        Ok(true)
    }
}
