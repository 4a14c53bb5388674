//! Blobs, and every byte of them.

use std::sync::Arc;

use futures::TryStreamExt;
use orlop_backend::{
    Error as BackendError, ErrorKind as BackendErrorKind, ExtentId, FileRange, Key,
};
use orlop_oci::{Digest, Hasher};

use super::{Damage, DamageKind, Scrubbed, Scrubber};
use crate::hashing::Stream;
use crate::layout::Place;
use crate::repository::ATTEMPTS;
use crate::state::BlobState;
use crate::{Error, Result};

/// What is wrong with the bytes in an extent.
pub(super) type Loss = (DamageKind, String);

impl Scrubber<'_> {
    pub(super) async fn blob(
        &self,
        digest: &Digest,
        place: &Place,
        key: &Key,
        done: &mut Scrubbed,
    ) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let Some(current) = self.read::<BlobState>(place, key, done).await? else {
                return Ok(());
            };
            if let Some(extent) = current.state.quarantined() {
                return self.quarantined(digest, key, &current.state, extent, done).await;
            }
            let Some(extent) = current.state.extent() else {
                return Ok(());
            };
            let Some((kind, reason)) = self.loss(digest, extent, &current.state, done).await?
            else {
                done.blobs += 1;
                return Ok(());
            };
            // An extent is the blob's from one swap to one other: if the record names it now, it
            // named it all the time, and bytes go only after the record says so. If it does not,
            // the blob was deleted, or has other bytes, and these are to be read.
            let now = self.store().get::<BlobState>(key).await?;
            let Some(now) = now.filter(|now| now.state.extent() == Some(extent)) else {
                continue;
            };
            // What was read wrong once may be the fault of the way to it, or of this machine's
            // memory: nothing is done about it that is not so twice.
            let is_certain = kind != DamageKind::Bytes
                || !self.acts()
                || self.loss(digest, extent, &now.state, done).await?.is_some();
            if !is_certain {
                done.blobs += 1;
                let reason = format!("blob {digest}: {reason}, but not when it was read again");
                done.doubt(key.clone(), reason);
                return Ok(());
            }
            let affected = self.affected_by(place).await?;
            let tried = self.remedy(digest, key, &now.state, kind).await;
            let (remedy, said) = self.tried(tried, None).await?;
            let (key, reason) = (key.clone(), format!("blob {digest}: {reason}{said}"));
            done.damage(Damage { kind, key, reason, affected, remedy });
            return Ok(());
        }
        Ok(()) // it is pushed and deleted all the time
    }

    /// A blob that an earlier scrub took out of service. If nothing refers to it, nobody misses
    /// it, and it waits for a collection.
    async fn quarantined(
        &self,
        digest: &Digest,
        key: &Key,
        blob: &BlobState,
        extent: ExtentId,
        done: &mut Scrubbed,
    ) -> Result<()> {
        let affected = self.affected_by(&Place::Blob(*digest)).await?;
        if affected.manifests.count == 0 {
            return Ok(());
        }
        let kind = DamageKind::Quarantined;
        let tried = self.remedy(digest, key, blob, kind).await;
        let (remedy, said) = self.tried(tried, None).await?;
        let reason = format!("blob {digest}: it is quarantined, with extent {extent}{said}");
        done.damage(Damage { kind, key: key.clone(), reason, affected, remedy });
        Ok(())
    }

    /// Reads a blob to its end.
    async fn loss(
        &self,
        digest: &Digest,
        extent: ExtentId,
        blob: &BlobState,
        done: &mut Scrubbed,
    ) -> Result<Option<Loss>> {
        let size = blob.size;
        let start = || self.hashing.stream(Hasher::new(digest.algorithm()));
        if blob.inline.is_none() && self.hashing.has_threads() {
            let mut stream = start();
            match self.read_file(extent, &mut stream, done).await {
                Ok(true) => {
                    return Ok(differs(digest, size, extent, stream.settle().await.clone()));
                }
                Ok(false) => {} // it is in no file, or nowhere
                Err(error) => return self.unread(extent, error).await.map(Some),
            }
        }
        let mut bytes = match self.store().read(extent, blob.inline.as_ref(), 0..u64::MAX).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                let reason = format!("its {size} bytes in extent {extent} are gone");
                return Ok(Some((DamageKind::Gone, reason)));
            }
            Err(error) => return self.unread(extent, error).await.map(Some),
        };
        let mut stream = start();
        loop {
            let piece = match bytes.try_next().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(error) => return self.unread(extent, error).await.map(Some),
            };
            let len = piece.len() as u64;
            stream.update(piece).await;
            self.has_read(len, done).await;
        }
        Ok(differs(digest, size, extent, stream.settle().await.clone()))
    }

    /// Has threads read an extent's file and hash it, if it has one.
    async fn read_file(
        &self,
        extent: ExtentId,
        stream: &mut Stream,
        done: &mut Scrubbed,
    ) -> Result<bool, BackendError> {
        let extents = &self.store().environment.extents;
        loop {
            let from = stream.size();
            // Not all of it: what is asked for is read ahead.
            let found = extents.file(extent, from..from + AHEAD_BYTES).await?;
            let Some(FileRange { file, range }) = found else {
                return Ok(false);
            };
            let (len, file) = (range.end - range.start, Arc::new(file));
            for at in range.clone().step_by(PART_BYTES) {
                let part = at..range.end.min(at + PART_BYTES as u64);
                let read = stream.update_from(&file, part).await.map_err(|error| {
                    let message = format!("its file cannot be read behind byte {at}");
                    BackendError::new(BackendErrorKind::Unavailable, message).with_source(error)
                })?;
                self.has_read(read, done).await;
            }
            if len < AHEAD_BYTES || stream.size() < from + len {
                return Ok(true);
            }
        }
    }

    async fn has_read(&self, bytes: u64, done: &mut Scrubbed) {
        done.bytes += bytes;
        self.tick(|progress| {
            progress.bytes += bytes;
            progress.read += bytes;
        })
        .await;
    }

    /// An extent that is torn, or that the medium does not give.
    async fn unread(&self, extent: ExtentId, error: orlop_backend::Error) -> Result<Loss> {
        let is_torn = error.kind() == BackendErrorKind::Corrupt;
        let reason = format!("extent {extent} cannot be read: {error}");
        if is_torn {
            return Ok((DamageKind::Bytes, reason));
        }
        if self.is_reachable().await? {
            return Ok((DamageKind::Unread, reason));
        }
        Err(Error::from(error))
    }
}

/// What is wrong with bytes that were read.
fn differs(digest: &Digest, size: u64, extent: ExtentId, hashed: Hasher) -> Option<Loss> {
    let found = hashed.finish();
    if found.size() != size {
        let found = found.size();
        let reason = format!("expected {size} bytes in extent {extent}, found {found}");
        return Some((DamageKind::Bytes, reason));
    }
    let reason = || format!("its {size} bytes in extent {extent} have {}", found.digest());
    (found.digest() != digest).then(|| (DamageKind::Bytes, reason()))
}

/// A thread reads and hashes so much before the observer hears of it, who keeps the rate.
const PART_BYTES: usize = 1 << 20;

/// So much of a blob is asked for at a time.
const AHEAD_BYTES: u64 = 4 << 20;
