//! Ending uploads as blobs.

use futures::TryStreamExt;
use orlop_backend::ExtentId;
use orlop_oci::{Algorithm, Descriptor, Digest, Hasher, Verified};

use super::Upload;
use crate::install::Complete;
use crate::repository::Repository;
use crate::state::{BlobState, Stage};
use crate::{Error, ErrorKind, Result, layout};

impl Upload {
    /// Ends the upload as the blob `claimed`, visible in this repository and durable when this
    /// returns. No byte is copied or moved.
    ///
    /// Fails with [`ErrorKind::DigestInvalid`] if the bytes have another digest: nothing becomes
    /// visible, and the upload stays at its last pause. (If `claimed` has another algorithm than
    /// the upload was started with, the bytes are read once more, and a wrong digest ends the
    /// upload.)
    pub async fn commit(self, claimed: &Digest) -> Result<Descriptor> {
        self.commit_over(claimed, None).await
    }

    /// The same where the blob has bytes already, in an extent that is known to be `bad`.
    pub(crate) async fn commit_over(
        mut self,
        claimed: &Digest,
        bad: Option<ExtentId>,
    ) -> Result<Descriptor> {
        self.hand_over_the_rest().await?;
        let (store, claimed) = (self.repository.store().clone(), *claimed);
        store.run(async move { self.end(&claimed, bad).await }).await
    }

    async fn end(mut self, claimed: &Digest, bad: Option<ExtentId>) -> Result<Descriptor> {
        if self.inline.is_none() {
            self.claim().await?;
        }
        if let Stage::Sealed(named) = self.session.stage
            && named != *claimed
        {
            // A collector would look for the extent under the digest that the session names.
            self.give_up().await?;
            let message = format!("upload {} was begun for {named}, not {claimed}", self.id());
            return Err(Error::new(ErrorKind::DigestInvalid, message));
        }
        let hashed = self.hashed(claimed.algorithm()).await;
        if let Some(verified) = hashed
            && let Err(error) = check_digest(claimed, verified)
        {
            if self.session.stage != Stage::Open {
                self.give_up().await?; // nobody can go on with it
            }
            return Err(error);
        }
        // Now, so that nothing is left between the last byte and the swap but the seal itself. If
        // the record changes meanwhile, the swap tells.
        let blob = self.repository.store().get::<BlobState>(&layout::blob(claimed)?).await?;
        let is_open = self.session.stage == Stage::Open;
        // Before the blob's record: a collector that finds this session abandoned must know which
        // blob to look at, or it would delete bytes that are about to go live.
        self.session.stage = Stage::Sealed(*claimed);
        if let Some(verified) = hashed
            && let Some(inline) = self.inline.take()
        {
            let unsealed =
                (is_open || self.version.is_none()).then_some((self.session, self.version));
            let inline = Some(inline.freeze());
            let complete = Complete { verified, extent: self.extent, inline, unsealed };
            return self.repository.install(complete, blob, bad).await;
        }
        if is_open {
            self.store_session().await?;
        }
        if let Some(appender) = self.appender.take() {
            let sealed = appender.seal().await;
            self.unless_overtaken(sealed).await?;
        }
        let verified = match hashed {
            Some(verified) => verified,
            None => hash_extent(&self.repository, self.extent, claimed.algorithm()).await?,
        };
        if let Err(error) = check_digest(claimed, verified) {
            self.repository.discard_upload(self.extent).await?;
            return Err(error);
        }
        let complete = Complete { verified, extent: self.extent, inline: None, unsealed: None };
        self.repository.install(complete, blob, bad).await
    }

    /// What the bytes hash to, if that takes no reading.
    async fn hashed(&mut self, algorithm: Algorithm) -> Option<Verified> {
        if let Some(inline) = &self.inline {
            return Some(hashed(algorithm, inline).finish());
        }
        let hasher = self.stream.settle().await;
        (hasher.algorithm() == algorithm).then(|| hasher.clone().finish())
    }
}

/// The hash of bytes that are all there.
pub(super) fn hashed(algorithm: Algorithm, bytes: &[u8]) -> Hasher {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher
}

fn check_digest(claimed: &Digest, verified: Verified) -> Result<()> {
    if verified.digest() == claimed {
        return Ok(());
    }
    let (hashed, size) = (verified.digest(), verified.size());
    let message = format!("expected {claimed}, hashed {hashed} over {size} bytes");
    Err(Error::new(ErrorKind::DigestInvalid, message))
}

/// Reads what was written, because the client named another algorithm at the end.
async fn hash_extent(
    repository: &Repository,
    extent: ExtentId,
    algorithm: Algorithm,
) -> Result<Verified> {
    let extents = &repository.store().environment.extents;
    let Some(mut bytes) = extents.read(extent, 0..u64::MAX).await? else {
        let message = format!("upload {extent} was given up while it ended");
        return Err(Error::new(ErrorKind::UploadUnknown, message));
    };
    let mut hasher = Hasher::new(algorithm);
    while let Some(bytes) = bytes.try_next().await? {
        hasher.update(&bytes);
    }
    Ok(hasher.finish())
}
