//! Reading blobs.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use orlop_backend::{ByteStream, ExtentId, FileRange};
use orlop_oci::{Descriptor, Digest, MediaType};

use crate::lease::Reliance;
use crate::repository::{ATTEMPTS, Repository, contended};
use crate::state::{BlobState, Link};
use crate::{Error, ErrorKind, Result, layout};

/// A blob that a repository has.
///
/// ```
/// use futures::TryStreamExt;
/// use orlop_backend::Environment;
/// use orlop_engine::{Options, Registry};
/// use orlop_oci::{Algorithm, Digest};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let registry = Registry::open(Environment::memory(), Options::default()).await?;
/// # let repository = registry.repository("app".parse()?);
/// let digest = Digest::of(Algorithm::Sha256, b"hello");
/// let mut upload = repository.begin_upload_of(&digest).await?;
/// upload.write("hello".into()).await?;
/// upload.commit(&digest).await?;
///
/// let blob = repository.blob(&digest).await?.expect("it was pushed");
/// assert_eq!(blob.descriptor().size, 5);
/// let part: Vec<bytes::Bytes> = blob.read(1..3).await?.try_collect().await?;
/// assert_eq!(part.concat(), b"el");
/// # Ok::<(), orlop_engine::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Blob {
    repository: Repository,
    descriptor: Descriptor,
    extent: ExtentId,
    inline: Option<Bytes>,
}

impl Repository {
    /// A blob by its digest; `None` if this repository does not have it, whoever else does. Stores
    /// nothing, so what it says may be over soon if nothing refers to the blob.
    pub async fn blob(&self, digest: &Digest) -> Result<Option<Blob>> {
        let stored = self.store().get::<BlobState>(&layout::blob(digest)?).await?;
        match stored {
            Some(stored) if self.sees(&stored.state).await? => {
                Ok(self.blob_in(digest, &stored.state))
            }
            _ => Ok(None),
        }
    }

    /// The same for who is going to rely on it, as a client does that asks with HEAD whether it
    /// must push the blob: it stays for half of [`Options::lease`](crate::Options::lease) at
    /// least. Stores something only if that much of the lease is over.
    pub async fn hold_blob(&self, digest: &Digest) -> Result<Option<Blob>> {
        let key = layout::blob(digest)?;
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.store().get::<BlobState>(&key).await? else {
                return Ok(None);
            };
            if !self.sees(&stored.state).await? {
                return Ok(None); // what is not seen here is not kept from here
            }
            if let Some(held) = self.relied_on(digest, stored, Reliance::Lease).await? {
                return Ok(self.blob_in(digest, &held));
            }
        }
        Err(contended(format_args!("blob {digest}")))
    }

    fn blob_in(&self, digest: &Digest, state: &BlobState) -> Option<Blob> {
        let descriptor = Descriptor::new(MediaType::octet_stream(), *digest, state.size);
        let (repository, inline) = (self.clone(), state.inline.clone());
        state.extent().map(|extent| Blob { repository, descriptor, extent, inline })
    }

    /// Whether a blob is visible here: pushed here first, or linked. A link names the extent, so
    /// one that is left from an earlier life of the blob gives nothing.
    pub(crate) async fn sees(&self, blob: &BlobState) -> Result<bool> {
        let Some(extent) = blob.extent() else {
            return Ok(false);
        };
        if blob.home.as_ref() == Some(&self.name) {
            return Ok(true);
        }
        let link = layout::link(extent, &self.name)?;
        Ok(self.store().get::<Link>(&link).await?.is_some())
    }
}

impl Blob {
    /// Its digest and size; as a media type it has none of its own.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// A URL from which whoever has it can read the blob until `ttl` is over, without passing
    /// through this process; `None` on a store that has none to give for it, and for a blob that
    /// is so small that this process has it already. Then read it.
    ///
    /// The URL needs no further right, so give it only to who may pull. If the blob is deleted
    /// meanwhile, it ends too.
    pub async fn presign(&self, ttl: Duration) -> Result<Option<String>> {
        if self.inline.is_some() {
            return Ok(None);
        }
        let extents = &self.repository.store().environment.extents;
        Ok(extents.presign(self.extent, ttl).await?)
    }

    /// The file in which a range of its bytes lies, for who sends it with the operating system's
    /// help (`sendfile`) instead of reading it; `None` on a store without files, for a blob that is
    /// so small that this process has it already, and if it was deleted meanwhile. Then read it.
    ///
    /// The range that is given back is that in the file; it is cut at the end of the blob. Fails with
    /// [`ErrorKind::Corrupt`] if the file ends before it does.
    ///
    /// ```
    /// # use std::{io::{Read, Seek, SeekFrom}};
    /// # async fn send(blob: orlop_engine::Blob, socket: &mut Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
    /// if let Some(bytes) = blob.file(0..u64::MAX).await? {
    ///     let mut file = bytes.file;
    ///     file.seek(SeekFrom::Start(bytes.range.start))?;
    ///     let mut rest = file.take(bytes.range.end - bytes.range.start);
    ///     std::io::copy(&mut rest, socket)?; // in the kernel alone, if it is a socket
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn file(&self, range: Range<u64>) -> Result<Option<FileRange>> {
        if self.inline.is_some() {
            return Ok(None);
        }
        let range = self.cut(range);
        let expected = range.end - range.start;
        let extents = &self.repository.store().environment.extents;
        let Some(file) = extents.file(self.extent, range).await? else {
            return Ok(None);
        };
        match expected - (file.range.end - file.range.start) {
            0 => Ok(Some(file)),
            missing => Err(cut_off(&self.descriptor.digest, self.extent, missing).into()),
        }
    }

    /// Reads a range of bytes, which is cut at the end. The bytes are those that were verified
    /// when the blob was pushed; they are not hashed again.
    ///
    /// If the blob is deleted meanwhile, the stream may end with an error, never with other bytes;
    /// nor does it end early without one.
    pub async fn read(&self, range: Range<u64>) -> Result<ByteStream> {
        let (store, range) = (self.repository.store(), self.cut(range));
        if let Some(bytes) = store.read(self.extent, self.inline.as_ref(), range.clone()).await? {
            return Ok(self.whole(bytes, &range));
        }
        // The blob may have been deleted and pushed again since the record was read.
        let digest = &self.descriptor.digest;
        if let Some(now) = self.repository.blob(digest).await?
            && let Some(bytes) = store.read(now.extent, now.inline.as_ref(), range.clone()).await?
        {
            return Ok(now.whole(bytes, &range));
        }
        let message = format!("blob {digest}: its bytes in extent {} are gone", self.extent);
        Err(Error::new(ErrorKind::Corrupt, message))
    }

    /// What there is of a range.
    fn cut(&self, range: Range<u64>) -> Range<u64> {
        let end = range.end.min(self.descriptor.size);
        range.start.min(end)..end
    }

    /// These bytes of the range, and an error where they end too early.
    fn whole(&self, bytes: ByteStream, range: &Range<u64>) -> ByteStream {
        if self.inline.is_some() {
            return bytes;
        }
        let (digest, extent) = (self.descriptor.digest, self.extent);
        let missing = range.end - range.start;
        stream::try_unfold((bytes, missing), move |(mut bytes, missing)| async move {
            match bytes.try_next().await? {
                Some(piece) => {
                    let missing = missing.saturating_sub(piece.len() as u64);
                    Ok(Some((piece, (bytes, missing))))
                }
                None if missing > 0 => Err(cut_off(&digest, extent, missing)),
                None => Ok(None),
            }
        })
        .boxed()
    }
}

fn cut_off(digest: &Digest, extent: ExtentId, missing: u64) -> orlop_backend::Error {
    let message = format!("extent {extent} of blob {digest} ends {missing} bytes too early");
    orlop_backend::Error::new(orlop_backend::ErrorKind::Corrupt, message)
}
