//! Upload sessions that are over.

use orlop_backend::{Checkpoint, Entry, ExtentId, Swap};
use orlop_oci::Digest;

use super::{Collected, Collector, Verdict};
use crate::repository::{ATTEMPTS, contended};
use crate::state::{BlobState, Session, Stage, Text};
use crate::store::Stored;
use crate::{Registry, Result, layout};

impl Collector<'_> {
    pub(super) async fn session(&self, entry: &Entry, done: &mut Collected) -> Result<()> {
        let worth_a_look = self.options.lease.min(self.options.upload_idle);
        if self.store().age(entry.modified) < worth_a_look {
            done.kept.uploads += 1;
            return Ok(());
        }
        let extent: ExtentId = entry.key.name().parse()?;
        let Some(mut session) = self.store().get::<Session>(&entry.key).await? else {
            return Ok(());
        };
        // The age of what was read: it may have been taken up since it was listed.
        let age = self.store().age(session.modified);
        if age < worth_a_look {
            done.kept.uploads += 1;
            return Ok(());
        }
        let is_idle = age >= self.options.upload_idle;
        match session.state.stage {
            Stage::Sealed(digest) => {
                return self.sealed(extent, &digest, &session.state, is_idle, done).await;
            }
            Stage::Open if !is_idle => {
                done.kept.uploads += 1;
                return Ok(());
            }
            Stage::Open | Stage::Aborted if self.options.dry_run => {
                done.uploads += 1;
                return Ok(());
            }
            Stage::Aborted => {} // and not tidied up
            Stage::Open => {
                session.state.stage = Stage::Aborted;
                // First: whoever still writes must not be able to finish after the bytes are gone.
                let version = Some(&session.version);
                match self.store().swap(&entry.key, version, &session.state).await? {
                    Swap::Stored(_) => {}
                    Swap::Conflict => {
                        done.kept.uploads += 1; // somebody goes on with it
                        return Ok(());
                    }
                }
            }
        }
        self.abandon(extent, &session.state).await?;
        self.forget(extent, done).await
    }

    /// An upload that was to become a blob, and has or has not.
    async fn sealed(
        &self,
        extent: ExtentId,
        digest: &Digest,
        session: &Session,
        is_idle: bool,
        done: &mut Collected,
    ) -> Result<()> {
        let key = layout::blob(digest)?;
        for _ in 0..ATTEMPTS {
            let current = self.store().get::<BlobState>(&key).await?;
            let was_installed = current.as_ref().is_some_and(|blob| blob.state.had(extent));
            if was_installed {
                if self.review(digest, done).await? == Verdict::Resolved && !self.options.dry_run {
                    self.store().clear(&[layout::upload(extent)?]).await?;
                }
                return Ok(());
            }
            if !is_idle {
                done.kept.uploads += 1;
                return Ok(());
            }
            if self.options.dry_run {
                done.uploads += 1;
                return Ok(());
            }
            // Its commit may be asleep just before the swap that installs it. That one must fail
            // before the bytes go.
            if self.fence_extent(digest, current, extent).await? {
                // In this order: its writer may be asleep just before the seal. What is abandoned
                // cannot be sealed any more, and what was sealed before is deleted then. The other
                // way round it could seal between the two, and nobody would name those bytes.
                self.abandon(extent, session).await?;
                self.registry.delete_extent(extent).await?;
                return self.forget(extent, done).await;
            }
        }
        Err(contended(format_args!("blob {digest}")))
    }

    /// Makes sure that an extent is never installed; `false` if the record changed meanwhile.
    async fn fence_extent(
        &self,
        digest: &Digest,
        current: Option<Stored<BlobState>>,
        extent: ExtentId,
    ) -> Result<bool> {
        let (mut state, version) = match current {
            Some(Stored { state, version, .. }) => (state, Some(version)),
            None => (BlobState::dead(), None),
        };
        if state.is_fenced(extent) {
            return Ok(true); // by a collector that died behind this step
        }
        state.fenced.push(Text(extent));
        let swap = self.store().swap(&layout::blob(digest)?, version.as_ref(), &state).await?;
        Ok(matches!(swap, Swap::Stored(_)))
    }

    /// Deletes what is open of what an upload wrote.
    async fn abandon(&self, extent: ExtentId, session: &Session) -> Result<()> {
        let extents = &self.store().environment.extents;
        Ok(extents.abandon(extent, &session.checkpoint()).await?)
    }

    /// Deletes the session of an upload whose bytes are gone: it is what named them.
    async fn forget(&self, extent: ExtentId, done: &mut Collected) -> Result<()> {
        self.store().clear(&[layout::upload(extent)?]).await?;
        done.uploads += 1;
        Ok(())
    }

    /// Gives up what is open of an extent that nobody writes to any more.
    pub(crate) async fn leftover(&self, extent: ExtentId) -> Result<Collected> {
        let mut done = Collected::default();
        match self.is_written(extent).await {
            Ok(true) => {}
            Ok(false) if self.options.dry_run => done.leftovers += 1,
            Ok(false) => {
                let extents = &self.store().environment.extents;
                extents.abandon(extent, &Checkpoint::start()).await?;
                done.leftovers += 1;
            }
            Err(error) => done.set_aside(&layout::upload(extent)?, error)?,
        }
        Ok(done)
    }

    /// Whether somebody may still write to an extent.
    ///
    /// A session is there before the first byte and goes after the last one, and its name is used
    /// once: who finds bytes first and then no session knows that there will be none. One that has
    /// become a blob is sealed.
    async fn is_written(&self, extent: ExtentId) -> Result<bool> {
        let session = self.store().get::<Session>(&layout::upload(extent)?).await?;
        let Some(Session { stage: Stage::Sealed(digest), .. }) = session.as_ref().map(|s| &s.state)
        else {
            return Ok(session.is_some());
        };
        let blob = self.store().get::<BlobState>(&layout::blob(digest)?).await?;
        Ok(!blob.is_some_and(|blob| blob.state.had(extent)))
    }
}

impl Registry {
    /// Deletes an extent that no blob will have any more, and the links that name it.
    pub(crate) async fn delete_extent(&self, extent: ExtentId) -> Result<()> {
        let store = &self.shared.store;
        store.clear(&store.links(extent).await?).await?;
        Ok(store.environment.extents.delete(extent).await?)
    }
}
