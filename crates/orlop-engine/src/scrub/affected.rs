//! Who needs what is damaged.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use orlop_oci::{Digest, RepositoryName, Tag};

use super::{Affected, Scrubber};
use crate::layout::{ManifestEdge, Place};
use crate::state::{BlobState, ManifestState, TagState};
use crate::{Findings, Result, layout};

/// Those that were found so far.
#[derive(Debug, Default)]
struct Found {
    repositories: BTreeSet<RepositoryName>,
    manifests: BTreeSet<(RepositoryName, Digest)>,
    tags: BTreeSet<(RepositoryName, Tag)>,
    /// Manifests whose tags and indexes are still to be looked for.
    next: Vec<(RepositoryName, Digest)>,
    is_partial: bool,
}

impl Scrubber<'_> {
    /// Everybody who needs what is at a place: manifests, the indexes above them, and the tags on
    /// all of these. What cannot be read may need it, and is counted.
    pub(super) async fn affected_by(&self, place: &Place) -> Result<Affected> {
        let mut found = Found::default();
        match place {
            Place::Blob(digest) => self.hit_blob(digest, &mut found).await?,
            Place::Manifest(repository, digest) => found.hit(repository, digest),
            Place::Edge(maker) => found.hit(&maker.repository, &maker.manifest),
            Place::Tag(repository, tag) => found.hit_tag(repository, tag),
            Place::TagEdge(maker, tag, _) => found.hit_tag(&maker.repository, tag),
            Place::Repository(repository) => {
                found.repositories.insert(repository.clone());
            }
            Place::Aside
            | Place::Candidate
            | Place::Link(_)
            | Place::Session(_)
            | Place::Untagged => {}
        }
        while let Some((repository, digest)) = found.next.pop() {
            self.hit_keepers(&repository, &digest, &mut found).await?;
        }
        Ok(found.into())
    }

    async fn hit_blob(&self, digest: &Digest, found: &mut Found) -> Result<()> {
        let blob = self.other::<BlobState>(&layout::blob(digest)?).await?.flatten();
        let records = &self.store().environment.records;
        if let Some(blob) = blob.map(|blob| blob.state) {
            found.repositories.extend(blob.home.clone());
            if let Some(extent) = blob.kept() {
                let mut links = records.walk(&layout::links(extent)?);
                while !found.is_full()
                    && let Some(link) = links.try_next().await?
                {
                    found.repositories.extend(layout::unflat(link.key.name()));
                }
            }
        }
        let mut edges = records.walk(&layout::all_blob_edges(digest)?);
        while !found.is_full()
            && let Some(edge) = edges.try_next().await?
        {
            let Some((repository, manifest, incarnation)) = layout::parse_blob_edge(&edge.key)
            else {
                continue;
            };
            let record = layout::manifest(&repository, &manifest)?;
            let maker = self.other::<ManifestState>(&record).await?;
            if maker.is_none_or(|maker| {
                maker.is_some_and(|maker| maker.state.live() == Some(incarnation))
            }) {
                found.hit(&repository, &manifest);
            }
        }
        Ok(())
    }

    /// The tags that are on a manifest, and the indexes that name it.
    async fn hit_keepers(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        found: &mut Found,
    ) -> Result<()> {
        let records = &self.store().environment.records;
        let mut edges = records.walk(&layout::manifest_edges(repository, digest)?);
        while !found.is_full()
            && let Some(edge) = edges.try_next().await?
        {
            match layout::parse_manifest_edge(edge.key.name()) {
                Some(ManifestEdge::Tag { tag, life, .. }) => {
                    let set = self.other::<TagState>(&layout::tag(repository, &tag)?).await?;
                    if set.is_none_or(|set| set.is_some_and(|set| set.state.incarnation.0 == life))
                    {
                        found.hit_tag(repository, &tag);
                    }
                }
                Some(ManifestEdge::Index { index, incarnation }) => {
                    let record = layout::manifest(repository, &index)?;
                    let maker = self.other::<ManifestState>(&record).await?;
                    if maker.is_none_or(|maker| {
                        maker.is_some_and(|maker| maker.state.live() == Some(incarnation))
                    }) {
                        found.hit(repository, &index);
                    }
                }
                None => {}
            }
        }
        Ok(())
    }
}

impl Found {
    fn hit(&mut self, repository: &RepositoryName, digest: &Digest) {
        self.repositories.insert(repository.clone());
        let manifest = (repository.clone(), *digest);
        if self.manifests.insert(manifest.clone()) {
            self.next.push(manifest);
        }
    }

    fn hit_tag(&mut self, repository: &RepositoryName, tag: &Tag) {
        self.repositories.insert(repository.clone());
        self.tags.insert((repository.clone(), tag.clone()));
    }

    /// A layer may be in everything: its damage must not take the memory that all of it takes.
    fn is_full(&mut self) -> bool {
        let found = self.repositories.len() + self.manifests.len() + self.tags.len();
        self.is_partial |= found >= FOUND_MAX;
        self.is_partial
    }
}

impl From<Found> for Affected {
    fn from(found: Found) -> Self {
        Self {
            repositories: first(found.repositories),
            manifests: first(found.manifests),
            tags: first(found.tags),
            is_partial: found.is_partial,
        }
    }
}

fn first<T>(found: BTreeSet<T>) -> Findings<T> {
    let mut first = Findings::default();
    for item in found {
        first.push_up_to(Affected::KEPT_MAX, item);
    }
    first
}

/// So many are looked for.
const FOUND_MAX: usize = 100_000;
