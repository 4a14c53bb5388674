//! Deleting manifests and blobs. What is deleted is gone when the call returns; its bytes are a
//! collector's to free.

use futures::TryStreamExt;
use orlop_backend::{Key, RandomId, Removal, Swap};
use orlop_oci::{Digest, Manifest, MediaType};

use crate::references::{blobs, edge_keys};
use crate::repository::{ATTEMPTS, Repository, contended};
use crate::state::{BlobState, Candidate, Link, ManifestState, TagState, Text, seconds};
use crate::{Error, ErrorKind, Result, layout};

impl Repository {
    /// Deletes a manifest and every tag that is on it; `false` if it was not there.
    ///
    /// When this returns, neither digest nor tags are found any more, and they stay so after a
    /// crash. Manifests that refer to it, as an index to its child or an artifact to its subject,
    /// stay as they are.
    pub async fn delete_manifest(&self, digest: &Digest) -> Result<bool> {
        self.check_deletes_allowed()?;
        let key = layout::manifest(&self.name, digest)?;
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.store().get::<ManifestState>(&key).await? else {
                return Ok(false);
            };
            let Some(incarnation) = stored.state.live() else {
                return Ok(false);
            };
            let manifest = reparse(&stored.state, digest)?;
            // Before the act: a crash behind it must leave something that a collector finds.
            let candidate = self
                .announce(&Candidate {
                    repository: self.name.clone(),
                    digest: *digest,
                    incarnation: Text(incarnation),
                    blobs: blobs(&manifest),
                })
                .await?;
            let deleted = stored.state.deleted(incarnation);
            match self.store().swap(&key, Some(&stored.version), &deleted).await? {
                Swap::Stored(_) => {
                    self.tidy(digest).await?; // or a collector does it
                    return Ok(true);
                }
                // Nothing was deleted, so there is nothing to look at.
                Swap::Conflict => self.store().clear(&[candidate]).await?,
            }
        }
        Err(contended(format_args!("manifest {digest} of {}", self.name)))
    }

    /// Takes a blob out of this repository; `false` if it was not there. Other repositories keep
    /// it. Fails with [`ErrorKind::Denied`] if a manifest of this repository refers to it.
    pub async fn delete_blob(&self, digest: &Digest) -> Result<bool> {
        self.check_deletes_allowed()?;
        let key = layout::blob(digest)?;
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.store().get::<BlobState>(&key).await? else {
                return Ok(false);
            };
            if !self.sees(&stored.state).await? {
                return Ok(false);
            }
            self.check_unreferenced(digest).await?;
            if stored.state.home.as_ref() == Some(&self.name) {
                // A link in place of the home, so that it is visible all the time.
                let homeless = BlobState { home: None, ..stored.state.clone() };
                self.link(&homeless).await?;
                match self.store().swap(&key, Some(&stored.version), &homeless).await? {
                    Swap::Stored(_) => {}
                    Swap::Conflict => continue,
                }
            }
            if self.unlink(digest, &stored.state).await? {
                return Ok(true);
            }
        }
        Err(contended(format_args!("blob {digest}")))
    }

    /// Removes this repository's link to a blob, unless a manifest refers to the blob; `false` if
    /// it changed meanwhile.
    ///
    /// Its intention is known in the link before it looks for edges; a push that sees the link
    /// after its own edges are marked takes the intention back. So one of the two sees the other.
    async fn unlink(&self, digest: &Digest, blob: &BlobState) -> Result<bool> {
        let Some(extent) = blob.extent() else {
            return Ok(true);
        };
        let key = layout::link(extent, &self.name)?;
        let Some(link) = self.store().get::<Link>(&key).await? else {
            return Ok(true);
        };
        let leaving = Link { is_leaving: true };
        let Swap::Stored(version) = self.store().swap(&key, Some(&link.version), &leaving).await?
        else {
            return Ok(false);
        };
        if let Err(denied) = self.check_unreferenced(digest).await {
            let stays = Link { is_leaving: false };
            match self.store().swap(&key, Some(&version), &stays).await? {
                Swap::Stored(_) | Swap::Conflict => return Err(denied),
            }
        }
        Ok(self.store().remove(&key, &version).await? == Removal::Removed)
    }

    /// Refuses if an edge says that a manifest of this repository refers to the blob. An edge
    /// whose manifest is on its way counts, and so does one that a crash left, until it is
    /// collected.
    async fn check_unreferenced(&self, digest: &Digest) -> Result<()> {
        let edges = layout::blob_edges(digest, &self.name)?;
        let first = self.store().environment.records.list(&edges, None).try_next().await?;
        let Some(edge) = first else {
            return Ok(());
        };
        let manifest = layout::parse_edge_name(edge.key.name());
        let manifest = manifest.map_or(edge.key.to_string(), |(digest, _)| digest.to_string());
        let message =
            format!("blob {digest} is referred to by manifest {manifest} of {}", self.name);
        Err(Error::new(ErrorKind::Denied, message))
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
            let manifest = reparse(&stored.state, digest)?;
            let mut dead = self.tidy_tags(digest, &over).await?;
            for incarnation in &over {
                dead.extend(edge_keys(&self.name, &manifest, *incarnation)?);
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

    /// Takes away every tag that is on one of these incarnations, and returns their edges.
    async fn tidy_tags(&self, digest: &Digest, over: &[RandomId]) -> Result<Vec<Key>> {
        let records = &self.store().environment.records;
        let mut dead = Vec::new();
        let mut edges = records.list(&layout::manifest_edges(&self.name, digest)?, None);
        while let Some(edge) = edges.try_next().await? {
            let Some((tag, life)) = layout::parse_tag_edge(edge.key.name()) else {
                continue;
            };
            let key = layout::tag(&self.name, &tag)?;
            let Some(stored) = self.store().get::<TagState>(&key).await? else {
                continue; // perhaps on its way: whoever sets it will see that the manifest is gone
            };
            if stored.state.incarnation.0 == life
                && stored.state.digest == *digest
                && over.contains(&stored.state.manifest.0)
                && self.store().remove(&key, &stored.version).await? == Removal::Removed
            {
                dead.push(edge.key);
            }
        }
        Ok(dead)
    }

    /// Stores a candidate for collection, under a name that is never used again.
    async fn announce(&self, candidate: &Candidate) -> Result<Key> {
        let store = self.store();
        let now = seconds(store.environment.clock.now());
        let key = layout::candidate(now, store.random_id()?)?;
        match store.swap(&key, None, candidate).await? {
            Swap::Stored(_) | Swap::Conflict => Ok(key), // a random name has no rival
        }
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
