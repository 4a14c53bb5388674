//! Beginning uploads, and taking them up.

use bytes::BytesMut;
use orlop_backend::{ExtentId, Swap, Version};
use orlop_oci::{Algorithm, Descriptor, Digest, Hasher};

use super::Upload;
use super::gather::Gather;
use crate::registry::Shared;
use crate::repository::{ATTEMPTS, Repository};
use crate::state::{Session, Stage};
use crate::store::Stored;
use crate::{Error, ErrorKind, Result, UploadId, layout};

impl Repository {
    /// Starts an upload. The session is durable when this returns.
    ///
    /// `algorithm` is the one that the digest is expected to have; committing with another one
    /// costs one more reading of the bytes.
    pub async fn begin_upload(&self, algorithm: Algorithm) -> Result<Upload> {
        let mut upload = self.new_upload(algorithm, Stage::Open)?;
        upload.create_session().await?;
        Ok(upload)
    }

    /// Starts an upload whose digest is known already and that comes in one go: one step less at
    /// the end. It cannot be taken up by another process, and nothing is stored before there are
    /// too many bytes for a record.
    #[allow(clippy::unused_async)] // that it need not wait is not for callers to rely on
    pub async fn begin_upload_of(&self, digest: &Digest) -> Result<Upload> {
        self.new_upload(digest.algorithm(), Stage::Sealed(*digest))
    }

    /// Takes up an upload where it was paused; `None` if this repository has no such upload.
    ///
    /// With `at`, fails with [`ErrorKind::RangeInvalid`] if that is not where the upload ends; it
    /// stays as it is. Costs one read; to learn how far an upload has come, look at
    /// [`Upload::offset`] and drop it.
    pub async fn resume_upload(&self, id: &UploadId, at: Option<u64>) -> Result<Option<Upload>> {
        let Some(Stored { state, version, .. }) =
            self.store().get::<Session>(&layout::upload(id.0)?).await?
        else {
            return Ok(None);
        };
        if state.repository != self.name || state.stage != Stage::Open {
            return Ok(None);
        }
        if let Some(at) = at.filter(|at| *at != state.offset) {
            let offset = state.offset;
            let message = format!("upload {id} goes on at byte {offset}, the chunk begins at {at}");
            return Err(Error::new(ErrorKind::RangeInvalid, message));
        }
        let mut hasher = state.hasher().map_err(|invalid| {
            let message = format!("upload {id} cannot go on: {invalid}");
            Error::new(ErrorKind::Corrupt, message)
        })?;
        let inline = match &state.inline {
            Some(inline) if inline.len() as u64 != state.offset => {
                let (len, offset) = (inline.len(), state.offset);
                let message = format!("upload {id} has {len} bytes, and should have {offset}");
                return Err(Error::new(ErrorKind::Corrupt, message));
            }
            Some(inline) => Some(inline.as_ref().into()),
            None if state.offset == 0 => self.no_bytes(),
            None => None,
        };
        if inline.is_some() {
            hasher = Hasher::new(hasher.algorithm()); // all bytes are still to be given to it
        }
        let session = state;
        Ok(Some(self.upload(id.0, session, Some(version), hasher, inline)))
    }

    /// The blob that an upload has become: for a client whose answer got lost and who ends it once
    /// more. `None` if this repository does not know of such an upload (any more), or if it has
    /// become none.
    pub async fn finished_upload(&self, id: &UploadId) -> Result<Option<Descriptor>> {
        let session = self.store().get::<Session>(&layout::upload(id.0)?).await?;
        let Some(Session { stage: Stage::Sealed(digest), repository, .. }) =
            session.map(|session| session.state)
        else {
            return Ok(None);
        };
        if repository != self.name {
            return Ok(None);
        }
        Ok(self.blob(&digest).await?.map(|blob| blob.descriptor().clone()))
    }

    fn new_upload(&self, algorithm: Algorithm, stage: Stage) -> Result<Upload> {
        let store = self.store();
        let extent = ExtentId::from(store.random_id()?);
        let now = store.environment.clock.now();
        let session = Session::new(self.name.clone(), stage, algorithm, now);
        Ok(self.upload(extent, session, None, Hasher::new(algorithm), self.no_bytes()))
    }

    fn upload(
        &self,
        extent: ExtentId,
        session: Session,
        version: Option<Version>,
        hasher: Hasher,
        inline: Option<BytesMut>,
    ) -> Upload {
        let (repository, appender, is_torn) = (self.clone(), None, false);
        let Shared { memory, hashing, .. } = &*self.shared;
        let (gather, stream) = (Gather::new(memory.clone()), hashing.stream(hasher));
        Upload { repository, extent, session, version, inline, gather, appender, stream, is_torn }
    }

    /// What an upload begins with that may become a blob without an extent.
    fn no_bytes(&self) -> Option<BytesMut> {
        (self.shared.options.inline_bytes_max > 0).then(BytesMut::new)
    }
}

impl Upload {
    /// Stores the session for the first time.
    pub(super) async fn create_session(&mut self) -> Result<()> {
        let store = self.repository.store();
        for _ in 0..ATTEMPTS {
            let (extent, key) = (self.extent, layout::upload(self.extent)?);
            let Swap::Stored(version) = store.swap(&key, None, &self.session).await? else {
                let message = format!("upload {extent} exists already, though its id is random");
                return Err(Error::new(ErrorKind::Unavailable, message));
            };
            if !version.has_echo() {
                self.version = Some(version);
                return Ok(());
            }
            // It could begin once more when it is over, and write to an extent that is deleted.
            // Nobody has been told this id yet.
            let _ = store.remove(&key, &version).await?;
            self.extent = ExtentId::from(store.random_id()?);
        }
        let name = self.repository.name();
        let message = format!("an upload to {name} cannot be begun: answers get lost");
        Err(Error::new(ErrorKind::Unavailable, message))
    }
}
