//! Making a blob of one repository visible in another one, without its bytes.

use async_trait::async_trait;
use futures::TryStreamExt;
use orlop_oci::{Descriptor, Digest, MediaType, RepositoryName};

use crate::lease::Reliance;
use crate::repository::Repository;
use crate::state::BlobState;
use crate::{Result, layout};

/// Where a blob may be mounted from.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_enums)] // the spec has these two
pub enum MountFrom<'a> {
    /// This repository. The embedder has made sure that the caller may read it.
    Repository(&'a RepositoryName),
    /// Any repository that the caller may read (distribution-spec, "automatic content
    /// discovery").
    Anywhere(&'a dyn Access),
}

/// The embedder's say in which repositories a caller may read.
#[async_trait]
pub trait Access: std::fmt::Debug + Send + Sync {
    /// Whether the caller may pull from `repository`.
    async fn may_read(&self, repository: &RepositoryName) -> bool;
}

impl Repository {
    /// Makes a blob visible here that another repository has, durably when this returns. `None`
    /// if it is not there; then the client has to upload it.
    ///
    /// ```
    /// use orlop_backend::Environment;
    /// use orlop_engine::{MountFrom, Options, Registry};
    /// use orlop_oci::{Algorithm, Digest};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let registry = Registry::open(Environment::memory(), Options::default()).await?;
    /// let (base, app) = ("base".parse()?, registry.repository("app".parse()?));
    /// let digest = Digest::of(Algorithm::Sha256, b"hello");
    /// assert!(app.mount(&digest, MountFrom::Repository(&base)).await?.is_none());
    ///
    /// let mut upload = registry.repository(base.clone()).begin_upload_of(&digest).await?;
    /// upload.write("hello".into()).await?;
    /// upload.commit(&digest).await?;
    /// assert!(app.mount(&digest, MountFrom::Repository(&base)).await?.is_some());
    /// assert!(app.blob(&digest).await?.is_some());
    /// # Ok::<(), orlop_engine::Error>(()) }).unwrap();
    /// ```
    pub async fn mount(&self, digest: &Digest, from: MountFrom<'_>) -> Result<Option<Descriptor>> {
        let Some(blob) = self.live_blob(digest, Reliance::Lease).await? else {
            return Ok(None);
        };
        let is_there = match from {
            _ if self.sees(&blob).await? => true,
            MountFrom::Repository(name) => self.sibling(name.clone()).sees(&blob).await?,
            MountFrom::Anywhere(access) => self.is_readable(&blob, access).await?,
        };
        if !is_there {
            return Ok(None);
        }
        self.link(&blob).await?;
        Ok(Some(Descriptor::new(MediaType::octet_stream(), *digest, blob.size)))
    }

    /// Whether one of the repositories that have the blob may be read. Asks about the first
    /// [`SOURCES_MAX`] of them.
    async fn is_readable(&self, blob: &BlobState, access: &dyn Access) -> Result<bool> {
        let Some(extent) = blob.extent() else {
            return Ok(false);
        };
        if let Some(home) = &blob.home
            && access.may_read(home).await
        {
            return Ok(true);
        }
        let mut links = self.store().environment.records.list(&layout::links(extent)?, None);
        let mut asked = 0;
        while asked < SOURCES_MAX
            && let Some(link) = links.try_next().await?
        {
            asked += 1;
            if let Some(name) = layout::unflat(link.key.name())
                && access.may_read(&name).await
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn sibling(&self, name: RepositoryName) -> Repository {
        Repository { shared: self.shared.clone(), name }
    }
}

/// A base layer may be in any number of repositories; a mount must stay cheap.
const SOURCES_MAX: usize = 64;
