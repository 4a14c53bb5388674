//! Relying on a blob that is there.

use orlop_backend::Swap;
use orlop_oci::Digest;

use crate::repository::{ATTEMPTS, Repository, contended};
use crate::state::{BlobState, Life};
use crate::store::Stored;
use crate::{Result, layout};

/// What a caller has who goes on as if the blob stayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reliance {
    /// An edge that is marked already: a collector will see it.
    Edge,
    /// Nothing but the word that the blob is there. It holds for a lease.
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
        let is_old = || self.store().age(current.modified) >= self.shared.options.lease / 2;
        let is_safe = match (reliance, current.state.life) {
            (_, Life::Condemned(_)) => false,
            (Reliance::Edge, _) => true,
            (Reliance::Lease, _) => !is_old(),
        };
        if is_safe {
            return Ok(Some(current.state));
        }
        let renewed = current.state.rescued();
        let key = layout::blob(digest)?;
        match self.store().swap(&key, Some(&current.version), &renewed).await? {
            Swap::Stored(_) => Ok(Some(renewed)),
            Swap::Conflict => Ok(None),
        }
    }
}
