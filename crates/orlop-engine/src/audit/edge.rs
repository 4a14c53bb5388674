//! Edges that nobody has accounted for.

use futures::TryStreamExt;
use orlop_backend::{Entry, Key};

use super::{Audited, Auditor, Fault, if_readable};
use crate::collect::Edge;
use crate::delete::reparse;
use crate::layout::{Maker, Place};
use crate::references::edge_keys;
use crate::state::{Candidate, ManifestState, Targets};
use crate::{Collected, Result, layout};

impl Auditor<'_> {
    /// Clears an edge that says nothing and never will.
    ///
    /// One of a manifest that lives in this incarnation is judged by what the manifest refers to:
    /// these are all the edges that it will ever make. One of a tag on it is left, because whoever
    /// marked it may still set the tag. Others are judged as a collector does, who makes sure that
    /// an incarnation which may still begin never does.
    pub(super) async fn edge(
        &self,
        place: &Place,
        maker: &Maker,
        entry: &Entry,
        done: &mut Audited,
    ) -> Result<()> {
        let key = &entry.key;
        if !self.known().is_unaccounted(key) {
            return Ok(());
        }
        let Maker { repository, manifest: digest, incarnation } = maker;
        let record = layout::manifest(repository, digest)?;
        let Some(manifest) = if_readable(self.store().get::<ManifestState>(&record).await)? else {
            return Ok(()); // it may be its edge
        };
        let is_dead = match manifest.map(|manifest| manifest.state) {
            Some(state) if state.live() == Some(*incarnation) => {
                if let Place::TagEdge(..) = place {
                    done.in_flight += 1;
                    return Ok(());
                }
                let Some(manifest) = if_readable(reparse(&state, digest))? else {
                    return Ok(());
                };
                let targets = Targets::of(&manifest);
                // By other bytes than those that were pushed nothing can be judged.
                manifest.digest() == digest
                    && !edge_keys(repository, digest, &targets, *incarnation)?.contains(key)
            }
            // Whoever tidies up clears it.
            Some(state) if state.over().contains(incarnation) => return Ok(()),
            _ => self.is_abandoned(maker, entry, done).await?,
        };
        if is_dead {
            if self.options.repair {
                self.store().clear(std::slice::from_ref(key)).await?;
            }
            done.fault(Fault::Edge, self.options.repair);
        }
        Ok(())
    }

    /// Whether an incarnation that does not live never will.
    async fn is_abandoned(&self, maker: &Maker, entry: &Entry, done: &mut Audited) -> Result<bool> {
        let Maker { repository, manifest, incarnation } = maker;
        let announced = self.store().get::<Candidate>(&layout::candidate(*incarnation)?).await;
        if if_readable(announced)?.is_none_or(|announced| announced.is_some()) {
            done.in_flight += 1; // a collection clears it, when the time has come
            return Ok(false);
        }
        let judged = self
            .collector()
            .judge_manifest(entry, repository, manifest, *incarnation, &mut Collected::default())
            .await?;
        done.in_flight += u64::from(judged == Edge::InFlight);
        Ok(judged == Edge::Dead)
    }

    /// Whether an edge is marked, and so accounted for.
    pub(super) async fn is_marked(&self, key: &Key) -> Result<bool> {
        if self.known().account_for(key) {
            return Ok(true);
        }
        // It may be newer than the walk.
        let Some(place) = key.parent() else {
            return Ok(false);
        };
        let name = key.name();
        let before = &name[..name.len() - 1]; // it leads the name, so it is less
        let mut edges = self.store().environment.records.list(&place, Some(before));
        while let Some(edge) = edges.try_next().await? {
            if edge.key.name() >= name {
                return Ok(edge.key == *key);
            }
        }
        Ok(false)
    }
}
