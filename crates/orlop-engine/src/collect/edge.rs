//! Whether something refers to a blob or a manifest.

use futures::TryStreamExt;
use orlop_backend::{Entry, Key, Prefix, RandomId, Swap};
use orlop_oci::{Digest, RepositoryName};

use super::{Collected, Collector};
use crate::layout::ManifestEdge;
use crate::repository::{ATTEMPTS, contended};
use crate::state::{ManifestState, TagState, Text};
use crate::store::Stored;
use crate::{Result, layout};

/// What the edges of something come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edges {
    /// At least one counts.
    Valid,
    /// None does, but one may soon.
    InFlight,
    /// None does, and none of those that are marked can any more, unless whoever marked it sees
    /// what becomes of its target.
    None,
}

/// What a single edge is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Valid,
    InFlight,
    /// It never counts again.
    Dead,
    /// It does not count, and must not be cleared while its target lives in this incarnation:
    /// whoever marked it may still make it count.
    Void,
}

/// A manifest whose edges are judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// The incarnation that it lives in.
    pub(super) incarnation: RandomId,
    /// Whether it is about to go if no edge counts.
    pub(super) is_condemned: bool,
}

impl Collector<'_> {
    /// Looks for an edge of a blob that counts, and clears those that never will.
    pub(crate) async fn blob_edges(&self, blob: &Digest, done: &mut Collected) -> Result<Edges> {
        self.edges(&layout::all_blob_edges(blob)?, None, done).await
    }

    /// The same for a manifest.
    pub(super) async fn manifest_edges(
        &self,
        repository: &RepositoryName,
        manifest: &Digest,
        target: Target,
        done: &mut Collected,
    ) -> Result<Edges> {
        self.edges(&layout::manifest_edges(repository, manifest)?, Some(target), done).await
    }

    async fn edges(
        &self,
        place: &Prefix,
        target: Option<Target>,
        done: &mut Collected,
    ) -> Result<Edges> {
        let mut walk = self.store().environment.records.walk(place);
        let mut found = Edges::None;
        let mut dead = Vec::new();
        while let Some(edge) = walk.try_next().await? {
            match self.judge(&edge, target, done).await? {
                Edge::Valid => {
                    found = Edges::Valid;
                    break;
                }
                Edge::InFlight => found = Edges::InFlight,
                Edge::Dead => dead.push(edge.key),
                Edge::Void => {}
            }
        }
        if !self.options.dry_run {
            done.edges += dead.len() as u64;
            self.store().clear(&dead).await?;
        }
        Ok(found)
    }

    async fn judge(
        &self,
        edge: &Entry,
        target: Option<Target>,
        done: &mut Collected,
    ) -> Result<Edge> {
        let (repository, manifest, incarnation) = match target {
            None => match layout::parse_blob_edge(&edge.key) {
                Some(source) => source,
                None => return Ok(Edge::Valid), // foreign: whoever made it knows why
            },
            Some(target) => match layout::parse_manifest_edge_key(&edge.key) {
                Some((repository, ManifestEdge::Index { index, incarnation })) => {
                    (repository, index, incarnation)
                }
                Some((_, ManifestEdge::Tag { incarnation, .. }))
                    if incarnation != target.incarnation =>
                {
                    return Ok(Edge::Void); // of another life of the manifest
                }
                Some((repository, ManifestEdge::Tag { tag, life, .. })) => {
                    let key = layout::tag(&repository, &tag)?;
                    return self.judge_tag(edge, &key, life, target.is_condemned, done).await;
                }
                None => return Ok(Edge::Valid),
            },
        };
        if self.rehearsal.would_go(&repository, &manifest) {
            return Ok(Edge::Dead);
        }
        self.judge_manifest(edge, &repository, &manifest, incarnation, done).await
    }

    /// An edge of a tag is never dead as long as its manifest lives: a record cannot tell a life
    /// of a tag that is over from one that is about to begin.
    async fn judge_tag(
        &self,
        edge: &Entry,
        key: &Key,
        life: RandomId,
        is_condemned: bool,
        done: &mut Collected,
    ) -> Result<Edge> {
        for _ in 0..ATTEMPTS {
            let tag = match self.store().get::<TagState>(key).await {
                Ok(tag) => tag,
                Err(error) => {
                    done.set_aside(key, error)?;
                    return Ok(Edge::Valid);
                }
            };
            match tag {
                Some(tag) if tag.state.incarnation.0 == life => return Ok(Edge::Valid),
                _ if self.is_in_flight(edge) => {
                    return Ok(Edge::InFlight);
                }
                // Whoever sets it late must read it again, and then look at the manifest: so that
                // it does not leave another manifest for one that is gone by then.
                Some(tag) if is_condemned => {
                    let swap = self.store().swap(key, Some(&tag.version), &tag.state).await?;
                    if let Swap::Stored(_) = swap {
                        return Ok(Edge::Void);
                    }
                }
                // Whoever sets it late looks at the manifest after that, and takes it away again.
                _ => return Ok(Edge::Void),
            }
        }
        Ok(Edge::InFlight) // others set it all the time
    }

    /// What an edge is worth that this incarnation of a manifest made.
    pub(crate) async fn judge_manifest(
        &self,
        edge: &Entry,
        repository: &RepositoryName,
        manifest: &Digest,
        incarnation: RandomId,
        done: &mut Collected,
    ) -> Result<Edge> {
        let key = layout::manifest(repository, manifest)?;
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
                None if self.is_in_flight(edge) => {
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

    /// Whether somebody may still be at what an edge was marked for: it is an act like an upload.
    fn is_in_flight(&self, edge: &Entry) -> bool {
        self.store().age(edge.modified) < self.options.upload_idle
    }

    /// Makes sure that an incarnation never begins; `false` if the record changed meanwhile.
    pub(super) async fn fence_manifest(
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
