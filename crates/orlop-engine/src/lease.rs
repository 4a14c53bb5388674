//! Relying on a blob or a manifest that is there.

use std::time::SystemTime;

use orlop_backend::{RandomId, Swap};
use orlop_oci::Digest;

use crate::repository::{ATTEMPTS, Repository, contended};
use crate::state::{BlobState, Incarnation, Life, ManifestState};
use crate::store::Stored;
use crate::{Result, layout};

/// What a caller has who goes on as if the blob stayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reliance {
    /// An edge that is marked already: a collector will see it.
    Edge,
    /// Nothing but the word that it is there. It holds for a lease.
    Lease,
}

impl Repository {
    /// The live record of a blob that somebody is going to rely on; `None` if there is none.
    pub(crate) async fn live_blob(
        &self,
        digest: &Digest,
        reliance: Reliance,
    ) -> Result<Option<BlobState>> {
        let key = layout::blob(digest)?;
        for _ in 0..ATTEMPTS {
            let Some(current) = self.store().get::<BlobState>(&key).await? else {
                return Ok(None);
            };
            if current.state.extent().is_none() {
                return Ok(None);
            }
            if let Some(blob) = self.relied_on(digest, current, reliance).await? {
                return Ok(Some(blob));
            }
        }
        Err(contended(format_args!("blob {digest}")))
    }

    /// Takes a collector's pending decision back, and renews a lease of which half is over, by
    /// storing the record once more; `None` if it changed meanwhile, so that the caller reads
    /// again.
    pub(crate) async fn relied_on(
        &self,
        digest: &Digest,
        current: Stored<BlobState>,
        reliance: Reliance,
    ) -> Result<Option<BlobState>> {
        let is_condemned = matches!(current.state.life, Life::Condemned(_));
        if !is_condemned && self.is_safe(current.modified, reliance) {
            return Ok(Some(current.state));
        }
        let renewed = current.state.rescued();
        let key = layout::blob(digest)?;
        match self.store().swap(&key, Some(&current.version), &renewed).await? {
            Swap::Stored(_) => Ok(Some(renewed)),
            Swap::Conflict => Ok(None),
        }
    }

    /// The incarnation of a manifest that lives and on which somebody is going to rely; `None` if
    /// it does not.
    pub(crate) async fn live_manifest(
        &self,
        digest: &Digest,
        reliance: Reliance,
    ) -> Result<Option<RandomId>> {
        let key = layout::manifest(&self.name, digest)?;
        for _ in 0..ATTEMPTS {
            let Some(current) = self.store().get::<ManifestState>(&key).await? else {
                return Ok(None);
            };
            let Some(live) = current.state.live() else {
                return Ok(None);
            };
            let is_condemned = matches!(current.state.header.life, Incarnation::Condemned(_));
            if !is_condemned && self.is_safe(current.modified, reliance) {
                return Ok(Some(live));
            }
            let renewed = current.state.rescued();
            match self.store().swap(&key, Some(&current.version), &renewed).await? {
                Swap::Stored(_) => return Ok(Some(live)),
                Swap::Conflict => {}
            }
        }
        Err(contended(format_args!("manifest {digest} of {}", self.name)))
    }

    /// Whether a record that nobody condemned can be relied on as it is.
    fn is_safe(&self, modified: SystemTime, reliance: Reliance) -> bool {
        match reliance {
            Reliance::Edge => true,
            Reliance::Lease => self.store().age(modified) < self.shared.options.lease / 2,
        }
    }
}
