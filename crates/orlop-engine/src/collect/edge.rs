//! Whether something refers to a blob.

use futures::TryStreamExt;
use orlop_backend::{Entry, Key, RandomId, Swap};
use orlop_oci::Digest;

use super::{Collected, Collector};
use crate::repository::{ATTEMPTS, contended};
use crate::state::{ManifestState, Text};
use crate::store::Stored;
use crate::{Result, layout};

/// What the edges of a blob come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edges {
    /// At least one is of a manifest that lives.
    Valid,
    /// None is, but one may be soon.
    InFlight,
    /// None, and none of those that are marked can become valid any more.
    None,
}

/// What a single edge is worth.
enum Edge {
    Valid,
    InFlight,
    Dead,
}

impl Collector<'_> {
    /// Looks for an edge that counts, and clears those that never will.
    pub(super) async fn edges(&self, blob: &Digest, done: &mut Collected) -> Result<Edges> {
        let mut walk = self.store().environment.records.walk(&layout::all_blob_edges(blob)?);
        let mut found = Edges::None;
        let mut dead = Vec::new();
        while let Some(edge) = walk.try_next().await? {
            match self.judge(&edge, done).await? {
                Edge::Valid => {
                    found = Edges::Valid;
                    break;
                }
                Edge::InFlight => found = Edges::InFlight,
                Edge::Dead => dead.push(edge.key),
            }
        }
        if !self.options.dry_run {
            done.edges += dead.len() as u64;
            self.store().clear(&dead).await?;
        }
        Ok(found)
    }

    async fn judge(&self, edge: &Entry, done: &mut Collected) -> Result<Edge> {
        let Some((repository, manifest, incarnation)) = layout::parse_blob_edge(&edge.key) else {
            return Ok(Edge::Valid); // foreign: whoever made it knows why
        };
        let key = layout::manifest(&repository, &manifest)?;
        for _ in 0..ATTEMPTS {
            let current = match self.store().get::<ManifestState>(&key).await {
                Ok(current) => current,
                Err(error) => {
                    done.set_aside(&key, error)?;
                    return Ok(Edge::Valid);
                }
            };
            match current.as_ref().and_then(|manifest| manifest.state.knows(incarnation)) {
                Some(true) => return Ok(Edge::Valid),
                Some(false) => return Ok(Edge::Dead),
                None if self.store().age(edge.modified) < self.options.lease => {
                    return Ok(Edge::InFlight);
                }
                None if self.options.dry_run => return Ok(Edge::Dead),
                // Left by a push that died, or that sleeps: it must not wake up and succeed.
                None => {
                    if self.fence_manifest(&key, current, incarnation).await? {
                        return Ok(Edge::Dead);
                    }
                }
            }
        }
        Err(contended(format_args!("manifest {manifest} of {repository}")))
    }

    /// Makes sure that an incarnation never begins; `false` if the record changed meanwhile.
    async fn fence_manifest(
        &self,
        key: &Key,
        current: Option<Stored<ManifestState>>,
        incarnation: RandomId,
    ) -> Result<bool> {
        let (mut state, version) = match current {
            Some(Stored { state, version, .. }) => (state, Some(version)),
            None => (ManifestState::empty(), None),
        };
        state.header.fenced.push(Text(incarnation));
        let swap = self.store().swap(key, version.as_ref(), &state).await?;
        Ok(matches!(swap, Swap::Stored(_)))
    }
}

impl ManifestState {
    /// Whether this incarnation is the one that lives; `None` if nothing is known of it, so that
    /// it may still begin.
    fn knows(&self, incarnation: RandomId) -> Option<bool> {
        if self.live() == Some(incarnation) {
            return Some(true);
        }
        let is_over = self.over().contains(&incarnation);
        (is_over || self.is_fenced(incarnation)).then_some(false)
    }
}
