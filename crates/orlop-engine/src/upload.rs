//! A blob on its way in.

mod buffer;
mod commit;
mod gather;
mod offer;
mod session;

use bytes::{Bytes, BytesMut};
use orlop_backend::{Appender, Claim, ExtentId, Swap, Version};

use self::commit::hashed;
use self::gather::Gather;
pub(crate) use self::gather::Memory;
pub(crate) use self::offer::Offer;
use crate::hashing::Stream;
use crate::repository::Repository;
use crate::state::{BlobState, Session, Stage};
use crate::upload_id::Name;
use crate::{Error, ErrorKind, Result, UploadId, layout};

/// An upload session that this caller goes on with.
///
/// All of its state is in the store, changed by compare-and-swap: any process can take it up at
/// its offset with [`Repository::resume_upload`], without reading a byte again. Of two that write
/// to one session, exactly one wins each step.
///
/// Dropping it loses the bytes since the last [`Upload::pause`], as a crash does; so does dropping
/// the future of a write, after which it can only be taken up again.
///
/// ```
/// use orlop_backend::Environment;
/// use orlop_engine::{Options, Registry};
/// use orlop_oci::{Algorithm, Digest};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let registry = Registry::open(Environment::memory(), Options::default()).await?;
/// let repository = registry.repository("app".parse()?);
///
/// let mut upload = repository.begin_upload(Algorithm::Sha256).await?;
/// upload.write("hel".into()).await?;
/// let id = upload.id();
/// assert_eq!(upload.pause().await?, 3);
///
/// let mut upload = repository.resume_upload(&id, Some(3)).await?.expect("it is there");
/// upload.write("lo".into()).await?;
/// let digest = Digest::of(Algorithm::Sha256, b"hello");
/// assert_eq!(upload.commit(&digest).await?.size, 5);
/// # Ok::<(), orlop_engine::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "an upload that is dropped loses what followed its last pause"]
pub struct Upload {
    repository: Repository,
    /// What it is known by before it is stored.
    offer: Option<Offer>,
    extent: ExtentId,
    session: Session,
    /// That of the session; `None` as long as it is not stored.
    version: Option<Version>,
    /// All bytes, as long as they are few enough for a record; `None` when they go to the extent.
    inline: Option<BytesMut>,
    /// What is to go to the extent and to the hash, and is too little yet.
    gather: Gather,
    /// Claimed with the first bytes that go to the extent.
    appender: Option<Box<dyn Appender>>,
    /// Hashes what the appender was given.
    stream: Stream,
    /// Whether a write failed or was dropped in the middle: what was written is no longer what was
    /// hashed.
    is_torn: bool,
}

impl Upload {
    /// The name under which any process can take it up. With the first bytes that are stored, an
    /// upload that was begun under a [new id](Repository::new_upload_id) gets one of its own; look
    /// at it before [`Upload::pause`], and go on under that one.
    pub fn id(&self) -> UploadId {
        UploadId(match self.offer {
            Some(offer) if self.version.is_none() && self.offset() == 0 => Name::Offer(offer),
            _ => Name::Stored(self.extent),
        })
    }

    /// How many bytes it has, those included that are not durable yet.
    pub fn offset(&self) -> u64 {
        let inline = self.inline.as_ref().map_or(0, BytesMut::len);
        self.stream.size() + (self.gather.len() + inline) as u64
    }

    /// Adds bytes. Memory is bounded: who brings more than can be written and hashed waits. Nothing
    /// is durable before [`Upload::pause`] or [`Upload::commit`].
    ///
    /// Fails with [`ErrorKind::UploadConflict`] if somebody else writes to this session. After an
    /// error the upload can be taken up again at its last pause.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.check_whole()?;
        if let Some(inline) = &mut self.inline
            && inline.len() + bytes.len() <= self.repository.shared.options.inline_bytes_max
        {
            inline.extend_from_slice(&bytes);
            return Ok(());
        }
        self.claim().await?;
        if let Some(inline) = self.inline.take() {
            self.add(inline.freeze()).await?;
        }
        self.add(bytes).await
    }

    /// Adds bytes that go to the extent.
    async fn add(&mut self, mut bytes: Bytes) -> Result<()> {
        while !bytes.is_empty() {
            if self.gather.fill(self.stream.size(), &mut bytes) {
                self.hand_over().await?;
            }
        }
        Ok(())
    }

    /// Makes everything durable that was written, and returns the offset at which any process can
    /// go on. Fails with [`ErrorKind::UploadConflict`] if somebody else was faster; then nothing
    /// of what this caller wrote counts.
    pub async fn pause(mut self) -> Result<u64> {
        self.hand_over_the_rest().await?;
        let store = self.repository.store().clone();
        store.run(async move { self.store_progress().await }).await
    }

    async fn store_progress(mut self) -> Result<u64> {
        if let Some(inline) = &self.inline {
            if self.session.offset < inline.len() as u64 {
                let hasher = hashed(self.stream.algorithm(), inline);
                self.session.advance_inline(&hasher, inline.clone().freeze());
                self.store_session().await?;
            }
        } else if let Some(appender) = &mut self.appender {
            let checkpoint = appender.checkpoint().await;
            let checkpoint = self.unless_overtaken(checkpoint).await?;
            self.session.advance(self.stream.settle().await, &checkpoint);
            // The claim is held until the session says how far it has come: whoever claims
            // before that would go on at the old offset and destroy what is acknowledged here.
            self.store_session().await?;
        }
        Ok(self.session.offset)
    }

    /// Gives the upload up, with all its bytes.
    pub async fn cancel(mut self) -> Result<()> {
        if self.version.is_none() {
            return Ok(()); // nobody knows of it
        }
        self.session.stage = Stage::Aborted;
        // First: whoever still writes must not be able to finish after the bytes are gone.
        self.store_session().await?;
        self.give_up().await
    }

    /// Deletes the bytes of a session that is not open, and then the session.
    async fn give_up(&mut self) -> Result<()> {
        self.appender = None;
        if self.version.is_none() {
            return Ok(());
        }
        let store = self.repository.store();
        store.environment.extents.abandon(self.extent, &self.session.checkpoint()).await?;
        store.clear(&[layout::upload(self.extent)?]).await
    }

    /// Claims the extent at the session's offset, once.
    async fn claim(&mut self) -> Result<()> {
        if self.appender.is_none() {
            if self.version.is_none() {
                // Before any byte is stored, so that a collector finds what a crash leaves of them.
                self.create_session().await?;
            }
            let extents = &self.repository.store().environment.extents;
            let claim = extents.claim(self.extent, &self.session.checkpoint()).await;
            // The session may have gone on, or ended, between the time it was read and the claim.
            // From here on nobody else can make it go on. One that is sealed nobody could before.
            if self.session.stage == Stage::Open {
                self.check_newest().await?;
            }
            let Claim::Granted(appender) = claim? else {
                return Err(conflict(
                    &self.repository,
                    self.extent,
                    "somebody else is writing to it",
                ));
            };
            if appender.discards() && self.session.stage == Stage::Open {
                // Somebody had written more, and was not answered when he stored how far he had
                // come. Should that still arrive, the session would name bytes that are not there,
                // with the hash of others. From here on it cannot.
                self.store_session().await?;
            }
            self.appender = Some(appender);
        }
        Ok(())
    }

    /// Before what may hold a thread, and must not wait there for work that begins only then.
    async fn hand_over_the_rest(&mut self) -> Result<()> {
        self.check_whole()?;
        self.hand_over().await?;
        self.stream.settle().await;
        Ok(())
    }

    /// Has written and hashed what is gathered, beside the caller.
    async fn hand_over(&mut self) -> Result<()> {
        if let Some(appender) = &mut self.appender
            && self.gather.len() > 0
        {
            self.is_torn = true;
            let batch = self.gather.take();
            let written = appender.write(batch.clone());
            // Neither waits for the other to take what came before.
            let (written, ()) = futures::join!(written, self.stream.update(batch));
            self.unless_overtaken(written).await?;
            self.is_torn = false;
        }
        Ok(())
    }

    /// A failure to write may come of somebody else's having given the upload up, or having gone on
    /// with it; then that is what the caller should hear.
    async fn unless_overtaken<T>(&mut self, written: orlop_backend::Result<T>) -> Result<T> {
        match written {
            Ok(written) => Ok(written),
            Err(error) => {
                self.check_newest().await?;
                Err(error.into())
            }
        }
    }

    /// Fails if anybody else has changed the session since this caller read it, or has given the
    /// upload up.
    async fn check_newest(&mut self) -> Result<()> {
        let store = self.repository.store();
        if let Stage::Sealed(digest) = self.session.stage {
            // A collector fences the extent before it deletes bytes, and the session only then.
            let blob = store.get::<BlobState>(&layout::blob(&digest)?).await?;
            if blob.is_some_and(|blob| blob.state.is_fenced(self.extent)) {
                return Err(given_up(self.extent));
            }
        }
        match store.get::<Session>(&layout::upload(self.extent)?).await? {
            Some(current) if self.version.as_ref() == Some(&current.version) => Ok(()),
            Some(_) => Err(overtaken(&self.repository, self.extent)),
            None => Err(given_up(self.extent)),
        }
    }

    fn check_whole(&self) -> Result<()> {
        if self.is_torn {
            let id = self.id();
            let message = format!("a write to upload {id} failed, go on from its last pause");
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        Ok(())
    }

    async fn store_session(&mut self) -> Result<()> {
        if self.version.is_none() {
            return self.create_session().await;
        }
        self.session.is_first = false;
        let key = layout::upload(self.extent)?;
        let store = self.repository.store();
        let Swap::Stored(version) = store.swap(&key, self.version.as_ref(), &self.session).await?
        else {
            return Err(overtaken(&self.repository, self.extent));
        };
        self.version = Some(version);
        Ok(())
    }
}

/// The error for an upload whose session is not as it was read.
pub(crate) fn overtaken(repository: &Repository, extent: ExtentId) -> Error {
    conflict(repository, extent, "somebody else has gone on with it")
}

fn conflict(repository: &Repository, extent: ExtentId, what: &str) -> Error {
    let message = format!("upload {extent} of {}: {what}", repository.name());
    Error::new(ErrorKind::UploadConflict, message)
}

/// The error for an upload that a collector took for one that nobody goes on with.
pub(crate) fn given_up(extent: ExtentId) -> Error {
    Error::new(ErrorKind::UploadUnknown, format!("upload {extent} was given up, begin another one"))
}
