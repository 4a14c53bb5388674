//! The moment at which an upload becomes a blob: one swap of the blob's record.

use bytes::Bytes;
use orlop_backend::{Changed, ExtentId, Key, Swap, Version};
use orlop_oci::{Descriptor, MediaType, Verified};

use crate::lease::Reliance;
use crate::repository::{ATTEMPTS, Repository};
use crate::state::{BlobState, Link, Session};
use crate::store::{Stored, swapping};
use crate::upload::{given_up, overtaken};
use crate::{Error, ErrorKind, Result, layout};

/// An upload that has all its bytes.
pub(crate) struct Complete {
    pub(crate) verified: Verified,
    pub(crate) extent: ExtentId,
    /// The bytes, if they are not in the extent.
    pub(crate) inline: Option<Bytes>,
    /// The session as it is to be stored before the blob is, in place of this version, or for the
    /// first time; `None` when that is done.
    pub(crate) unsealed: Option<(Session, Option<Version>)>,
}

impl Repository {
    /// Makes an upload the bytes of the blob that it was verified to be, or drops it if the blob
    /// has bytes already.
    ///
    /// **An extent is installed at most once**: one attempt, whatever its outcome. If it fails
    /// with an error it may still succeed later, so nothing is tidied up then; if it lost, what
    /// is there now decides. A second attempt could bring an extent back that was installed,
    /// died, and is being deleted.
    ///
    /// `current` is the blob's record, read before the extent was sealed: good enough to expect
    /// in a swap, and too old to be relied on. `bad` is an extent that is known not to have the
    /// blob's bytes, though its record says so; one that is quarantined need not be named.
    pub(crate) async fn install(
        &self,
        mut upload: Complete,
        mut current: Option<Stored<BlobState>>,
        bad: Option<ExtentId>,
    ) -> Result<Descriptor> {
        let (verified, extent) = (upload.verified, upload.extent);
        let digest = *verified.digest();
        let key = layout::blob(&digest)?;
        if current.as_ref().is_some_and(|blob| blob.state.extent().is_some()) {
            current = self.store().get::<BlobState>(&key).await?;
        }
        let (mut attempted, mut has_links) = (false, false);
        for _ in 0..ATTEMPTS {
            let present = current.as_ref().and_then(|blob| blob.state.extent());
            let is_fenced = current.as_ref().is_some_and(|blob| blob.state.is_fenced(extent));
            match present.filter(|present| bad != Some(*present)) {
                // Ours: a swap can win and still be told that it lost. Before we tried one it is of
                // another who had taken up the session too, and may have been deleted since.
                Some(own) if own == extent && upload.unsealed.is_none() => {
                    return Ok(descriptor(&verified));
                }
                Some(_) => {
                    if upload.has_session() {
                        self.seal(&mut upload).await?;
                    }
                    if let Some(current) = current
                        && self.adopt(&upload, current, has_links).await?
                    {
                        return Ok(descriptor(&verified));
                    }
                }
                None if is_fenced => {
                    // Its session is gone, and nobody else knows of it: who took the session up
                    // may have claimed it after it was abandoned, so that it could be sealed still.
                    if has_links {
                        self.store().clear(&self.store().links(extent).await?).await?;
                    }
                    self.discard_upload(extent).await?;
                    return Err(given_up(extent));
                }
                None if attempted => break,
                None => {
                    let (state, version) = match current {
                        Some(Stored { state, version, .. }) => (state, Some(version)),
                        None => (BlobState::dead(), None),
                    };
                    if state.kept().is_some() {
                        self.seal(&mut upload).await?; // it leads to the links that come now
                    }
                    has_links = self.inherit(&state, extent).await?;
                    attempted = true;
                    let (replaced, inline) = (state.clone(), upload.inline.clone());
                    let state = state.installed(extent, inline, verified.size(), self.name.clone());
                    if self.swap_in(&mut upload, &key, version, &state).await? {
                        self.inherit(&replaced, extent).await?;
                        return Ok(descriptor(&verified));
                    }
                }
            }
            current = self.store().get::<BlobState>(&key).await?;
        }
        let message = format!("upload {extent} of {digest} was overtaken, upload it again");
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    /// Stores the session, unless that is done, and then the blob's record: the session leads a
    /// collector to the blob. `false` if the record is another one by now.
    async fn swap_in(
        &self,
        upload: &mut Complete,
        key: &Key,
        expected: Option<Version>,
        blob: &BlobState,
    ) -> Result<bool> {
        let blob = swapping(key, expected.as_ref(), blob)?;
        let Some((session, version)) = upload.unsealed.take() else {
            return Ok(matches!(self.store().change_all(vec![blob]).await?, Changed::All(_)));
        };
        let session = swapping(&layout::upload(upload.extent)?, version.as_ref(), &session)?;
        match self.store().change_all(vec![session, blob]).await? {
            Changed::All(_) => Ok(true),
            Changed::Conflict { at: 0 } => Err(overtaken(self, upload.extent)),
            Changed::Conflict { .. } => Ok(false),
        }
    }

    /// Stores the session as that of an upload which takes no more bytes, unless that is done.
    async fn seal(&self, upload: &mut Complete) -> Result<()> {
        let Some((session, version)) = upload.unsealed.take() else {
            return Ok(());
        };
        let key = layout::upload(upload.extent)?;
        match self.store().swap(&key, version.as_ref(), &session).await? {
            Swap::Stored(_) => Ok(()),
            Swap::Conflict => Err(overtaken(self, upload.extent)),
        }
    }

    /// Makes the blob that is there already visible in this repository, and drops what was
    /// uploaded beside it. `false` if the blob changed meanwhile.
    async fn adopt(
        &self,
        upload: &Complete,
        current: Stored<BlobState>,
        has_links: bool,
    ) -> Result<bool> {
        let uploaded = upload.extent;
        let held = self.relied_on(upload.verified.digest(), current, Reliance::Lease).await?;
        let Some(blob) = held else {
            return Ok(false);
        };
        self.link(&blob).await?;
        if has_links {
            self.shared.store.clear(&self.shared.store.links(uploaded).await?).await?;
        }
        if upload.inline.is_none() {
            self.discard_upload(uploaded).await?;
        } else if upload.has_session() {
            self.store().clear(&[layout::upload(uploaded)?]).await?;
        }
        Ok(true)
    }

    /// Makes an extent visible wherever the one was that it is to replace; `false` if there is
    /// none to replace.
    ///
    /// **Before the swap**, so that at no moment a repository lacks what it had: a link to an
    /// extent that is not the blob's says nothing. If the swap is never made, the links go with
    /// the extent, to which its session leads a collector. **And once more after it**, for who
    /// mounted the blob meanwhile: he read its record before it was quarantined, and made his
    /// link when the others had been copied. One that comes later still is as one to a blob that
    /// was deleted and pushed again: its repository is told that the blob is unknown, and pushes.
    ///
    /// A link that is leaving is copied as one that stays: its delete may still be refused, and
    /// then a manifest needs it. If it is not, the blob stays visible where it was just deleted.
    async fn inherit(&self, replaced: &BlobState, extent: ExtentId) -> Result<bool> {
        let Some(old) = replaced.kept() else {
            return Ok(false);
        };
        let heir = replaced.clone().installed(extent, None, replaced.size, self.name.clone());
        if let Some(home) = &replaced.home {
            self.sibling(home.clone()).link(&heir).await?;
        }
        for link in self.store().links(old).await? {
            if let Some(name) = layout::unflat(link.name()) {
                self.sibling(name).link(&heir).await?;
            }
        }
        Ok(true)
    }

    /// Makes a blob visible in this repository.
    pub(crate) async fn link(&self, blob: &BlobState) -> Result<()> {
        if let Some(extent) = blob.extent()
            && blob.home.as_ref() != Some(&self.name)
        {
            let key = layout::link(extent, &self.name)?;
            match self.store().swap(&key, None, &Link { is_leaving: false }).await? {
                Swap::Stored(_) | Swap::Conflict => {} // it is linked, whoever did it
            }
        }
        Ok(())
    }

    /// Deletes an extent that no blob has, and then the session that names it: a crash in between
    /// leaves the name, not bytes that nobody knows of.
    pub(crate) async fn discard_upload(&self, extent: ExtentId) -> Result<()> {
        self.store().environment.extents.delete(extent).await?;
        self.store().clear(&[layout::upload(extent)?]).await
    }
}

impl Complete {
    /// Whether its session is stored.
    fn has_session(&self) -> bool {
        !matches!(self.unsealed, Some((_, None)))
    }
}

fn descriptor(verified: &Verified) -> Descriptor {
    Descriptor::new(MediaType::octet_stream(), *verified.digest(), verified.size())
}
