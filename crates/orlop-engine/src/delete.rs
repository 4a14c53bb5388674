//! Deleting manifests. One that is deleted is gone when the call returns, with its tags; what it
//! referred to is a collector's to free.

use futures::TryStreamExt;
use orlop_backend::{Key, RandomId, Removal, Swap};
use orlop_oci::{Digest, Manifest, MediaType};

use crate::layout::ManifestEdge;
use crate::references::edge_keys;
use crate::repository::{ATTEMPTS, Repository, contended};
use crate::state::{ManifestState, TagState, Targets};
use crate::store::Stored;
use crate::{Deletes, Error, ErrorKind, Result, layout};

impl Repository {
    /// Deletes a manifest and every tag that is on it; `false` if it was not there.
    ///
    /// When this returns, neither digest nor tags are found any more, and they stay so after a
    /// crash. Manifests that refer to it, as an index to its child or an artifact to its subject,
    /// stay as they are. With [`Deletes::KeepChildren`] this fails with [`ErrorKind::Denied`] if
    /// an index names it.
    pub async fn delete_manifest(&self, digest: &Digest) -> Result<bool> {
        self.check_deletes_allowed()?;
        let (repository, digest) = (self.clone(), *digest);
        self.store().run(async move { repository.delete(&digest).await }).await
    }

    async fn delete(&self, digest: &Digest) -> Result<bool> {
        let key = layout::manifest(&self.name, digest)?;
        for _ in 0..ATTEMPTS {
            let Some(mut stored) = self.store().get::<ManifestState>(&key).await? else {
                return Ok(false);
            };
            let Some(incarnation) = stored.state.live() else {
                return Ok(false);
            };
            if self.shared.options.deletes == Deletes::KeepChildren {
                match self.condemn_unless_child(digest, stored, incarnation).await? {
                    Some(condemned) => stored = condemned,
                    None => continue,
                }
            }
            if self.end(digest, stored, incarnation).await? {
                self.tidy(digest).await?; // or a collector does it
                return Ok(true);
            }
        }
        Err(contended(format_args!("manifest {digest} of {}", self.name)))
    }

    /// Ends an incarnation; `false` if the record changed meanwhile.
    pub(crate) async fn end(
        &self,
        digest: &Digest,
        current: Stored<ManifestState>,
        incarnation: RandomId,
    ) -> Result<bool> {
        let targets = Targets::of(&reparse(&current.state, digest)?);
        // Before the act: a crash behind it must leave something that a collector finds.
        let candidate = self.announce_delete(digest, incarnation, targets).await?;
        let key = layout::manifest(&self.name, digest)?;
        let deleted = current.state.deleted(incarnation);
        match self.store().swap(&key, Some(&current.version), &deleted).await? {
            Swap::Stored(_) => Ok(true),
            Swap::Conflict => {
                // Nothing was deleted, so there is nothing to look at.
                self.store().clear(&[candidate]).await?;
                Ok(false)
            }
        }
    }

    /// Refuses if an index names the manifest; `None` if the record changed meanwhile.
    ///
    /// The intention is known in the record before edges are looked for; a push of an index that
    /// looks at its child after its edge is marked takes the intention back. So one of the two
    /// sees the other.
    async fn condemn_unless_child(
        &self,
        digest: &Digest,
        current: Stored<ManifestState>,
        incarnation: RandomId,
    ) -> Result<Option<Stored<ManifestState>>> {
        let key = layout::manifest(&self.name, digest)?;
        let mut condemned = Stored { state: current.state.condemned(incarnation), ..current };
        match self.store().swap(&key, Some(&condemned.version), &condemned.state).await? {
            Swap::Stored(version) => condemned.version = version,
            Swap::Conflict => return Ok(None),
        }
        let Some(index) = self.index_of(digest).await? else {
            return Ok(Some(condemned));
        };
        let Stored { state, version, .. } = condemned;
        match self.store().swap(&key, Some(&version), &state.rescued()).await? {
            Swap::Stored(_) | Swap::Conflict => {} // somebody else has taken it back
        }
        let message =
            format!("manifest {digest} of {} is part of index {index}, which is there", self.name);
        Err(Error::new(ErrorKind::Denied, message))
    }

    /// An index of this repository that names the manifest. One that is on its way counts, and so
    /// does one whose push died, until that is collected.
    async fn index_of(&self, digest: &Digest) -> Result<Option<Digest>> {
        let records = &self.store().environment.records;
        let mut edges = records.list(&layout::manifest_edges(&self.name, digest)?, None);
        while let Some(edge) = edges.try_next().await? {
            let parsed = layout::parse_manifest_edge(edge.key.name());
            let Some(ManifestEdge::Index { index, incarnation }) = parsed else {
                continue;
            };
            let key = layout::manifest(&self.name, &index)?;
            let found = self.store().get::<ManifestState>(&key).await?;
            if found.and_then(|found| found.state.knows(incarnation)) != Some(false) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// After a manifest was deleted: takes its tags away, clears its edges, and then the record.
    /// Everything here may be left undone by a crash and done later by a collector: an edge or a
    /// tag of an incarnation that is over means nothing. `false` if others were always faster.
    pub(crate) async fn tidy(&self, digest: &Digest) -> Result<bool> {
        let key = layout::manifest(&self.name, digest)?;
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.store().get::<ManifestState>(&key).await? else {
                return Ok(true);
            };
            let over = stored.state.over();
            if over.is_empty() {
                return Ok(true);
            }
            // All of them have the same edges but for their ids: they have the same digest.
            let targets = Targets::of(&reparse(&stored.state, digest)?);
            let mut dead = self.tidy_tags(digest, &over).await?;
            for incarnation in &over {
                dead.extend(edge_keys(&self.name, digest, &targets, *incarnation)?);
                // Nobody needs to look whether this push succeeded. Before the record goes.
                dead.push(layout::candidate(*incarnation)?);
            }
            self.store().clear(&dead).await?;
            let tidied = stored.state.tidied();
            let is_done = if tidied.is_blank() {
                self.store().remove(&key, &stored.version).await? == Removal::Removed
            } else {
                let swap = self.store().swap(&key, Some(&stored.version), &tidied).await?;
                matches!(swap, Swap::Stored(_))
            };
            if is_done {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes away every tag that is on one of these incarnations, and returns the edges of all
    /// that were, or were to be: who sets one late sees that the incarnation is over, and takes
    /// it away again.
    pub(crate) async fn tidy_tags(&self, digest: &Digest, over: &[RandomId]) -> Result<Vec<Key>> {
        let records = &self.store().environment.records;
        let mut dead = Vec::new();
        let mut edges = records.list(&layout::manifest_edges(&self.name, digest)?, None);
        while let Some(edge) = edges.try_next().await? {
            let parsed = layout::parse_manifest_edge(edge.key.name());
            let Some(ManifestEdge::Tag { tag, incarnation, life }) = parsed else {
                continue;
            };
            if !over.contains(&incarnation) {
                continue;
            }
            let key = layout::tag(&self.name, &tag)?;
            if let Some(stored) = self.store().get::<TagState>(&key).await?
                && stored.state.incarnation.0 == life
            {
                match self.store().remove(&key, &stored.version).await? {
                    Removal::Removed | Removal::Conflict => {} // it is on something else by now
                }
            }
            dead.push(edge.key);
        }
        Ok(dead)
    }
}

/// The manifest of a record, from the bytes that were accepted when it was pushed.
pub(crate) fn reparse(state: &ManifestState, digest: &Digest) -> Result<Manifest> {
    let media_type: Option<&MediaType> =
        state.header.descriptor.as_ref().map(|descriptor| &descriptor.media_type);
    Manifest::parse(state.bytes.clone(), media_type, digest.algorithm()).map_err(|invalid| {
        let message = format!("stored manifest {digest} cannot be read: {invalid}");
        Error::new(ErrorKind::Corrupt, message)
    })
}
