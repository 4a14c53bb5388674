//! Deciding about a blob.

use orlop_backend::{ExtentId, Key, Removal, Swap};
use orlop_oci::Digest;

use super::edge::Edges;
use super::{Collected, Collector, Verdict};
use crate::repository::ATTEMPTS;
use crate::state::{BlobState, Life, Text};
use crate::store::Stored;
use crate::{Result, layout};

impl Collector<'_> {
    /// Deletes a blob that nothing refers to.
    ///
    /// Writers mark their edge first, and then look at the record. This does it the other way
    /// round: it makes its intention known in the record (condemned), and then looks for edges. So
    /// either it sees the edge, or the writer sees the intention and takes it back, which makes
    /// the last swap fail.
    pub(crate) async fn review(&self, digest: &Digest, done: &mut Collected) -> Result<Verdict> {
        let key = layout::blob(digest)?;
        for _ in 0..ATTEMPTS {
            let Some(current) = self.store().get::<BlobState>(&key).await? else {
                return Ok(Verdict::Resolved);
            };
            if let Some(verdict) = self.decide(digest, &key, current, done).await? {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Later) // others are busy with it, so it is in use
    }

    /// `None` if the record changed meanwhile.
    async fn decide(
        &self,
        digest: &Digest,
        key: &Key,
        mut current: Stored<BlobState>,
        done: &mut Collected,
    ) -> Result<Option<Verdict>> {
        if !current.state.trash.is_empty() && !self.options.dry_run {
            // Left by a collector that died, or by one that is at it; whatever became of the blob.
            self.bury(key, current).await?;
            return Ok(None);
        }
        if let Life::Live(extent) = current.state.life {
            if self.store().age(current.modified) < self.options.lease {
                done.kept.leased += 1;
                return Ok(Some(Verdict::Later));
            }
            // Not needed, but it keeps hot blobs from being condemned and rescued all the time.
            if let Some(verdict) = self.kept_by_edges(digest, done).await? {
                // The edge may be of a later life, and an earlier one may have left trash: what
                // was said of the record is true only if it is the same still.
                let now = self.store().get::<BlobState>(key).await?;
                let is_same = now.is_some_and(|now| now.version == current.version);
                return Ok(is_same.then_some(verdict));
            }
            if self.options.dry_run {
                if self.rehearsal.blob_goes(digest) {
                    done.blobs += 1;
                    done.bytes += current.state.size;
                }
                return Ok(Some(Verdict::Later));
            }
            let condemned = BlobState { life: Life::Condemned(extent), ..current.state };
            let Some(stored) = self.swap(key, &current.version, condemned).await? else {
                return Ok(None);
            };
            current = stored;
        }
        if let Life::Quarantined(extent) = current.state.life {
            return self.decide_quarantined(digest, key, current, extent, done).await;
        }
        if let Life::Condemned(extent) = current.state.life {
            if self.options.dry_run {
                return Ok(Some(Verdict::Later)); // another collector is about to decide
            }
            if let Some(verdict) = self.kept_by_edges(digest, done).await? {
                let rescued = current.state.rescued();
                let swap = self.swap(key, &current.version, rescued).await?;
                return Ok(swap.map(|_| verdict));
            }
            let size = current.state.size;
            let dead = current.state.died(extent);
            // The decision. It fails if anybody has taken the intention back since it was read.
            let Some(stored) = self.swap(key, &current.version, dead).await? else {
                return Ok(None);
            };
            current = stored;
            done.blobs += 1;
            done.bytes += size;
        }
        if self.options.dry_run || current.state.trash.is_empty() && !current.state.is_blank() {
            return Ok(Some(Verdict::Resolved)); // dead, and its record must stay
        }
        Ok(self.bury(key, current).await?.then_some(Verdict::Resolved))
    }

    /// Deletes a blob that is quarantined and that nothing refers to.
    ///
    /// No intention needs to be made known. Whoever marks an edge after the edges were listed
    /// looks at the record after that, finds that the blob is not there, and refers to nothing;
    /// unless it was pushed again before, and then the swap fails. Whoever looked while the blob
    /// was there did so before it was quarantined, and marked his edge before he looked.
    async fn decide_quarantined(
        &self,
        digest: &Digest,
        key: &Key,
        current: Stored<BlobState>,
        extent: Text<ExtentId>,
        done: &mut Collected,
    ) -> Result<Option<Verdict>> {
        if self.store().age(current.modified) < self.options.lease {
            done.kept.leased += 1;
            return Ok(Some(Verdict::Later));
        }
        if let Some(verdict) = self.kept_by_edges(digest, done).await? {
            let now = self.store().get::<BlobState>(key).await?;
            let is_same = now.is_some_and(|now| now.version == current.version);
            return Ok(is_same.then_some(verdict));
        }
        let size = current.state.size;
        if self.options.dry_run {
            if self.rehearsal.blob_goes(digest) {
                done.blobs += 1;
                done.bytes += size;
            }
            return Ok(Some(Verdict::Later));
        }
        let dead = current.state.died(extent);
        let Some(dead) = self.swap(key, &current.version, dead).await? else {
            return Ok(None);
        };
        done.blobs += 1;
        done.bytes += size;
        Ok(self.bury(key, dead).await?.then_some(Verdict::Resolved))
    }

    /// What edges say about a blob; `None` if no edge keeps it.
    async fn kept_by_edges(
        &self,
        digest: &Digest,
        done: &mut Collected,
    ) -> Result<Option<Verdict>> {
        Ok(match self.blob_edges(digest, done).await? {
            Edges::Valid => {
                done.kept.referenced += 1;
                Some(Verdict::Resolved)
            }
            Edges::InFlight => {
                done.kept.in_flight += 1;
                Some(Verdict::Later)
            }
            Edges::None => None,
        })
    }

    /// Deletes what left service, and the record if it says nothing any more; `false` if the
    /// record changed meanwhile.
    async fn bury(&self, key: &Key, current: Stored<BlobState>) -> Result<bool> {
        let Stored { mut state, version, .. } = current;
        for extent in std::mem::take(&mut state.trash) {
            self.registry.delete_extent(extent.0).await?;
        }
        // After the bytes: the record is all that names them.
        if state.is_blank() {
            return Ok(self.store().remove(key, &version).await? == Removal::Removed);
        }
        Ok(self.swap(key, &version, state).await?.is_some())
    }

    /// `None` if the record is not as it was read.
    async fn swap(
        &self,
        key: &Key,
        version: &orlop_backend::Version,
        state: BlobState,
    ) -> Result<Option<Stored<BlobState>>> {
        let modified = self.store().environment.clock.now();
        Ok(match self.store().swap(key, Some(version), &state).await? {
            Swap::Stored(version) => Some(Stored { state, version, modified }),
            Swap::Conflict => None,
        })
    }
}
