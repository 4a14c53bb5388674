//! Reading manifests.

use bytes::Bytes;
use orlop_backend::RandomId;
use orlop_oci::{Descriptor, Digest, Reference};

use crate::lease::Reliance;
use crate::repository::Repository;
use crate::state::{Incarnation, ManifestState, TagState};
use crate::{Result, layout};

/// A manifest that a repository has.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredManifest {
    /// Media type, digest and size, with artifact type and annotations.
    pub descriptor: Descriptor,
    /// The exact bytes as they were pushed.
    pub bytes: Bytes,
}

impl Repository {
    /// A manifest by tag or digest, with its exact bytes; `None` if this repository does not have
    /// it. One read by digest, two by tag.
    pub async fn manifest(&self, reference: &Reference) -> Result<Option<StoredManifest>> {
        let (digest, incarnation) = match reference {
            Reference::Digest(digest) => (*digest, None),
            Reference::Tag(tag) => {
                let key = layout::tag(&self.name, tag)?;
                let stored = self.store().get::<TagState>(&key).await?;
                let Some(TagState { digest, manifest, .. }) = stored.map(|stored| stored.state)
                else {
                    return Ok(None);
                };
                (digest, Some(manifest.0))
            }
        };
        self.read_manifest(&digest, incarnation).await
    }

    /// The same as [`manifest`](Self::manifest), for a caller who is going to rely on it: one
    /// that was found by digest stays for a lease, whatever a collector is told of untagged ones.
    /// What a HEAD should ask, which clients send to learn what they need not push.
    pub async fn hold_manifest(&self, reference: &Reference) -> Result<Option<StoredManifest>> {
        if let Reference::Digest(digest) = reference
            && self.live_manifest(digest, Reliance::Lease).await?.is_none()
        {
            return Ok(None);
        }
        self.manifest(reference).await
    }

    /// A manifest, if it lives; only in that incarnation, if one is given.
    pub(crate) async fn read_manifest(
        &self,
        digest: &Digest,
        incarnation: Option<RandomId>,
    ) -> Result<Option<StoredManifest>> {
        let key = layout::manifest(&self.name, digest)?;
        let Some(stored) = self.store().get::<ManifestState>(&key).await? else {
            return Ok(None);
        };
        let ManifestState { header, bytes } = stored.state;
        let (Incarnation::Live(live) | Incarnation::Condemned(live)) = header.life else {
            return Ok(None);
        };
        let is_wanted = incarnation.is_none_or(|incarnation| incarnation == live.0);
        Ok(header
            .descriptor
            .filter(|_| is_wanted)
            .map(|descriptor| StoredManifest { descriptor, bytes }))
    }
}
