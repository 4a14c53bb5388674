//! Beginning uploads, and taking them up.

use bytes::BytesMut;
use futures::TryStreamExt;
use orlop_backend::{ExtentId, Swap, Version};
use orlop_oci::{Algorithm, Descriptor, Digest, Hasher};

use super::gather::Gather;
use super::{Offer, Upload};
use crate::registry::Shared;
use crate::repository::{ATTEMPTS, Repository};
use crate::state::{Session, Stage};
use crate::store::Stored;
use crate::upload_id::Name;
use crate::{Error, ErrorKind, Result, UploadId, layout};

impl Repository {
    /// An id under which an upload can be begun within a day, by any process that has the store
    /// open. Nothing is stored, so it costs nothing to hand one out, and there is nothing to tidy up
    /// if it is not used.
    ///
    /// `algorithm` is as for [`Repository::begin_upload`].
    pub fn new_upload_id(&self, algorithm: Algorithm) -> Result<UploadId> {
        let store = self.store();
        let (id, now) = (store.random_id()?, store.environment.clock.now());
        Ok(UploadId(Name::Offer(Offer::new(self, id, algorithm, now))))
    }

    /// Starts an upload under an id that [`Repository::new_upload_id`] has given, and does not look
    /// whether one was begun under it before, which is then another one. `None` if it is an id of
    /// something else, or too old. Nothing is stored before there are bytes.
    ///
    /// With `digest` it is as one of [`Repository::begin_upload_of`]: all its bytes come in one go.
    pub fn begin_upload_as(
        &self,
        id: &UploadId,
        digest: Option<&Digest>,
    ) -> Result<Option<Upload>> {
        let now = self.store().environment.clock.now();
        let Name::Offer(offer) = id.0 else {
            return Ok(None);
        };
        if !offer.is_of(self) || offer.is_over(now) {
            return Ok(None);
        }
        let extent = offer.extent(self.store().random_id()?);
        let upload = match digest {
            Some(digest) => self.new_upload(extent, digest.algorithm(), Stage::Sealed(*digest)),
            None => self.new_upload(extent, offer.algorithm(), Stage::Open),
        };
        Ok(Some(Upload { offer: Some(offer), ..upload }))
    }

    /// Starts an upload. The session is durable when this returns.
    ///
    /// `algorithm` is the one that the digest is expected to have; committing with another one
    /// costs one more reading of the bytes.
    pub async fn begin_upload(&self, algorithm: Algorithm) -> Result<Upload> {
        let extent = self.store().random_id()?.into();
        let mut upload = self.new_upload(extent, algorithm, Stage::Open);
        upload.create_session().await?;
        Ok(upload)
    }

    /// Starts an upload whose digest is known already and that comes in one go: one step less at
    /// the end. It cannot be taken up by another process, and nothing is stored before there are
    /// too many bytes for a record.
    #[allow(clippy::unused_async)] // that it need not wait is not for callers to rely on
    pub async fn begin_upload_of(&self, digest: &Digest) -> Result<Upload> {
        let extent = self.store().random_id()?.into();
        Ok(self.new_upload(extent, digest.algorithm(), Stage::Sealed(*digest)))
    }

    /// Takes up an upload where it was paused; `None` if this repository has no such upload. Under a
    /// [new id](Repository::new_upload_id) it is the upload that was begun under it, or one that
    /// begins now.
    ///
    /// With `at`, fails with [`ErrorKind::RangeInvalid`] if that is not where the upload ends; it
    /// stays as it is. Costs one read; to learn how far an upload has come, look at
    /// [`Upload::offset`] and drop it.
    pub async fn resume_upload(&self, id: &UploadId, at: Option<u64>) -> Result<Option<Upload>> {
        let found = self.session(id).await?;
        let sealed = found.as_ref().and_then(|(_, found)| found.state.sealed());
        // One that was perhaps created twice is the second one, if nobody has gone on with it.
        let is_again = |found: &Stored<Session>| found.state.is_first && found.version.has_echo();
        let open = found.filter(|(_, it)| it.state.stage == Stage::Open && !is_again(it));
        let Some((extent, Stored { state, version, .. })) = open else {
            return self.begin_again(id, sealed, at).await;
        };
        if let Some(at) = at.filter(|at| *at != state.offset) {
            return Err(out_of_order(id, state.offset, at));
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
        Ok(Some(self.upload(extent, session, Some(version), hasher, inline)))
    }

    /// The blob that an upload has become: for a client whose answer got lost and who ends it once
    /// more. `None` if this repository does not know of such an upload (any more), or if it has
    /// become none.
    pub async fn finished_upload(&self, id: &UploadId) -> Result<Option<Descriptor>> {
        let session = self.session(id).await?;
        let Some(digest) = session.and_then(|(_, session)| session.state.sealed()) else {
            return Ok(None);
        };
        Ok(self.blob(&digest).await?.map(|blob| blob.descriptor().clone()))
    }

    /// An upload that begins where none goes on, unless the one that began before has become this
    /// blob: a client that asks for it should hear that it is over. (If it has not, its client has
    /// broken off with all its bytes, and may bring them again.)
    async fn begin_again(
        &self,
        id: &UploadId,
        sealed: Option<Digest>,
        at: Option<u64>,
    ) -> Result<Option<Upload>> {
        let Some(begun) = self.begin_upload_as(id, None)? else {
            return Ok(None);
        };
        if let Some(digest) = sealed
            && self.blob(&digest).await?.is_some()
        {
            return Ok(None);
        }
        match at.filter(|at| *at != 0) {
            Some(at) => Err(out_of_order(id, 0, at)),
            None => Ok(Some(begun)),
        }
    }

    /// The session of an upload to this repository, and its extent; of several, of the one that has
    /// come farthest.
    async fn session(&self, id: &UploadId) -> Result<Option<(ExtentId, Stored<Session>)>> {
        let extents = match id.0 {
            Name::Stored(extent) => vec![extent],
            Name::Offer(offer) if offer.is_of(self) => self.begun_under(&offer).await?,
            Name::Offer(_) => Vec::new(),
        };
        let mut farthest: Option<(ExtentId, Stored<Session>)> = None;
        for extent in extents {
            let session = self.store().get::<Session>(&layout::upload(extent)?).await?;
            if let Some(session) = session.filter(|session| session.state.repository == self.name)
                && farthest.as_ref().is_none_or(|(_, far)| far.state.come() <= session.state.come())
            {
                farthest = Some((extent, session));
            }
        }
        Ok(farthest)
    }

    /// The extents of the uploads that were begun under an offer.
    async fn begun_under(&self, offer: &Offer) -> Result<Vec<ExtentId>> {
        let (prefix, stem) = (layout::uploads()?, offer.stem());
        let mut begun = self.store().environment.records.list(&prefix, Some(&stem));
        let mut extents = Vec::new();
        while extents.len() < LOOKED_AT_MAX
            && let Some(entry) = begun.try_next().await?
            && entry.key.name().starts_with(&stem)
        {
            extents.push(entry.key.name().parse()?);
        }
        Ok(extents)
    }

    fn new_upload(&self, extent: ExtentId, algorithm: Algorithm, stage: Stage) -> Upload {
        let now = self.store().environment.clock.now();
        let session = Session::new(self.name.clone(), stage, algorithm, now);
        self.upload(extent, session, None, Hasher::new(algorithm), self.no_bytes())
    }

    fn upload(
        &self,
        extent: ExtentId,
        session: Session,
        version: Option<Version>,
        hasher: Hasher,
        inline: Option<BytesMut>,
    ) -> Upload {
        let (repository, offer, appender, is_torn) = (self.clone(), None, None, false);
        let Shared { memory, hashing, .. } = &*self.shared;
        let (gather, stream) = (Gather::new(memory.clone()), hashing.stream(hasher));
        Upload {
            repository,
            offer,
            extent,
            session,
            version,
            inline,
            gather,
            appender,
            stream,
            is_torn,
        }
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
            if self.offer.is_some() {
                break; // the caller has looked at the id already
            }
            self.extent = ExtentId::from(store.random_id()?);
        }
        let name = self.repository.name();
        let message = format!("an upload to {name} cannot be begun: answers get lost");
        Err(Error::new(ErrorKind::Unavailable, message))
    }
}

fn out_of_order(id: &UploadId, offset: u64, at: u64) -> Error {
    let message = format!("upload {id} goes on at byte {offset}, the chunk begins at {at}");
    Error::new(ErrorKind::RangeInvalid, message)
}

/// How many uploads that were begun under one id are looked at: somebody may begin any number.
const LOOKED_AT_MAX: usize = 10;
