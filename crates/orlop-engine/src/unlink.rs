//! Taking a blob out of a repository. Its bytes are a collector's to free.

use futures::TryStreamExt;
use orlop_backend::{Removal, Swap};
use orlop_oci::Digest;

use crate::repository::{ATTEMPTS, Repository, contended};
use crate::state::{BlobState, Link};
use crate::{Error, ErrorKind, Result, layout};

impl Repository {
    /// Takes a blob out of this repository; `false` if it was not there. Other repositories keep
    /// it. Fails with [`ErrorKind::Denied`] if a manifest of this repository refers to it.
    pub async fn delete_blob(&self, digest: &Digest) -> Result<bool> {
        self.check_deletes_allowed()?;
        let (repository, digest) = (self.clone(), *digest);
        self.store().run(async move { repository.take_out(&digest).await }).await
    }

    async fn take_out(&self, digest: &Digest) -> Result<bool> {
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
}
