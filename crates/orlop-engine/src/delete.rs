//! Deleting manifests and blobs. What is deleted is gone when the call returns; its bytes are a
//! collector's to free.

use std::time::Duration;

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
                .announce(&Candidate::Manifest {
                    repository: self.name.clone(),
                    digest: *digest,
                    incarnation: Text(incarnation),
                    blobs: blobs(&manifest),
                })
                .await?;
            let deleted = stored.state.deleted(incarnation);
            match self.store().swap(&key, Some(&stored.version), &deleted).await? {
                Swap::Stored(_) => {
                    self.tidy(&manifest, incarnation).await?;
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
            let candidate = Candidate::Blob { repository: self.name.clone(), digest: *digest };
            self.announce(&candidate).await?;
            let is_home = stored.state.home.as_ref() == Some(&self.name);
            let hidden = if is_home {
                let homeless = BlobState { home: None, ..stored.state.clone() };
                let swap = self.store().swap(&key, Some(&stored.version), &homeless).await?;
                matches!(swap, Swap::Stored(_))
            } else {
                true
            };
            if !hidden || !self.unlink(&stored.state).await? {
                continue;
            }
            // Again, after it is out of sight: a push that saw it before has marked its edge by
            // now, and one that comes later will not see it.
            if let Err(denied) = self.check_unreferenced(digest).await {
                self.link(&BlobState { home: None, ..stored.state }).await?;
                return Err(denied);
            }
            return Ok(true);
        }
        Err(contended(format_args!("blob {digest}")))
    }

    /// Removes this repository's link to a blob, if there is one; `false` if it changed meanwhile.
    async fn unlink(&self, blob: &BlobState) -> Result<bool> {
        let Some(extent) = blob.extent() else {
            return Ok(true);
        };
        let key = layout::link(extent, &self.name)?;
        match self.store().get::<Link>(&key).await? {
            Some(link) => Ok(self.store().remove(&key, &link.version).await? == Removal::Removed),
            None => Ok(true),
        }
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
    /// tag of an incarnation that is over means nothing.
    async fn tidy(&self, manifest: &Manifest, incarnation: RandomId) -> Result<()> {
        let digest = manifest.digest();
        let mut dead = self.tidy_tags(digest, incarnation).await?;
        dead.extend(edge_keys(&self.name, manifest, incarnation)?);
        self.store().clear(&dead).await?;
        let key = layout::manifest(&self.name, digest)?;
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.store().get::<ManifestState>(&key).await? else {
                return Ok(());
            };
            let tidied = stored.state.clone().tidied(incarnation);
            if tidied == stored.state {
                return Ok(());
            }
            let done = if tidied.is_blank() {
                self.store().remove(&key, &stored.version).await? == Removal::Removed
            } else {
                let swap = self.store().swap(&key, Some(&stored.version), &tidied).await?;
                matches!(swap, Swap::Stored(_))
            };
            if done {
                return Ok(());
            }
        }
        Ok(()) // others are at it; a collector finds what is left
    }

    /// Takes away every tag that is on this incarnation, and returns their edges.
    async fn tidy_tags(&self, digest: &Digest, incarnation: RandomId) -> Result<Vec<Key>> {
        let mut dead = Vec::new();
        let mut edges = self
            .store()
            .environment
            .records
            .list(&layout::manifest_edges(&self.name, digest)?, None);
        while let Some(edge) = edges.try_next().await? {
            let Some((tag, life)) = layout::parse_tag_edge(edge.key.name()) else {
                continue;
            };
            let key = layout::tag(&self.name, &tag)?;
            let Some(stored) = self.store().get::<TagState>(&key).await? else {
                continue; // perhaps on its way: whoever sets it will see that the manifest is gone
            };
            let is_this_life =
                stored.state.target.as_ref().is_some_and(|target| target.incarnation.0 == life);
            if is_this_life
                && stored.state.is_on(digest, incarnation)
                && self.empty_tag(&key, stored).await?
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
        let key = layout::candidate(now + CANDIDATE_DELAY.as_secs(), store.random_id()?)?;
        match store.swap(&key, None, candidate).await? {
            Swap::Stored(_) | Swap::Conflict => Ok(key), // a random name has no rival
        }
    }
}

/// The manifest of a record, from the bytes that were accepted when it was pushed.
fn reparse(state: &ManifestState, digest: &Digest) -> Result<Manifest> {
    let media_type: Option<&MediaType> =
        state.header.descriptor.as_ref().map(|descriptor| &descriptor.media_type);
    Manifest::parse(state.bytes.clone(), media_type, digest.algorithm()).map_err(|invalid| {
        let message = format!("stored manifest {digest} cannot be read: {invalid}");
        Error::new(ErrorKind::Corrupt, message)
    })
}

/// How long a candidate is left alone at first: the act it announces takes a moment.
const CANDIDATE_DELAY: Duration = Duration::from_mins(10);
