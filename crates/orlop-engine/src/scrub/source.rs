//! Where what is damaged can be had.

use std::fmt::Debug;

use async_trait::async_trait;
use orlop_backend::ByteStream;
use orlop_oci::{Digest, Manifest, RepositoryName};

use crate::state::BlobState;
use crate::{Registry, Result, layout};

/// Another place that has what a store should have: a mirror, a backup, an upstream registry.
/// Nothing that it says is trusted: bytes are hashed before they count.
#[async_trait]
pub trait Source: Debug + Send + Sync {
    /// The bytes of a blob; `None` if they are not to be had here.
    async fn blob(&self, digest: &Digest) -> Result<Option<ByteStream>>;

    /// A manifest; `None` if it is not to be had here.
    async fn manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Manifest>>;
}

/// Another store. It gives its blobs whichever of its repositories has them.
#[async_trait]
impl Source for Registry {
    async fn blob(&self, digest: &Digest) -> Result<Option<ByteStream>> {
        let store = &self.shared.store;
        let blob = store.get::<BlobState>(&layout::blob(digest)?).await?;
        match blob.and_then(|blob| Some((blob.state.extent()?, blob.state.inline))) {
            Some((extent, inline)) => Ok(store.read(extent, inline.as_ref(), 0..u64::MAX).await?),
            None => Ok(None),
        }
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Manifest>> {
        let repository = self.repository(repository.clone());
        let Some(found) = repository.read_manifest(digest, None).await? else {
            return Ok(None);
        };
        let media_type = Some(&found.descriptor.media_type);
        Ok(Some(Manifest::parse(found.bytes, media_type, digest.algorithm())?))
    }
}
