//! What a manifest refers to: the edges that keep it alive, and whether it is there.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use orlop_backend::{Key, RandomId, Swap};
use orlop_oci::{Digest, Manifest, RepositoryName, Role};

use crate::lease::Reliance;
use crate::repository::{ATTEMPTS, Repository, contended};
use crate::state::{BlobState, Link, Targets};
use crate::{Error, ErrorKind, References, Result, layout};

/// The keys of all edges that an incarnation of a manifest makes. The only function that knows
/// them: a push marks them, a delete clears them.
pub(crate) fn edge_keys(
    repository: &RepositoryName,
    source: &Digest,
    targets: &Targets,
    incarnation: RandomId,
) -> Result<Vec<Key>> {
    let name = layout::edge_name(source, incarnation);
    let Targets { blobs, children, subject } = targets;
    let mut keys = Vec::with_capacity(blobs.len() + children.len() + 1);
    for blob in blobs {
        keys.push(layout::blob_edges(blob, repository)?.key(&name)?);
    }
    for child in children {
        keys.push(layout::child_edge(repository, child, source, incarnation)?);
    }
    if let Some(subject) = subject {
        keys.push(layout::referrers(repository, subject)?.key(&name)?);
    }
    Ok(keys)
}

/// What a manifest refers to, each digest once, and as what.
pub(crate) fn roles(manifest: &Manifest) -> BTreeMap<Digest, Role> {
    let mut roles: BTreeMap<Digest, Role> = BTreeMap::new();
    for edge in manifest.edges() {
        // A digest that is there twice counts in the role that comes first, unless that one asks
        // for nothing.
        let role = roles.entry(edge.target.digest).or_insert(edge.role);
        if *role == Role::NondistributableLayer {
            *role = edge.role;
        }
    }
    roles
}

impl Repository {
    /// Makes sure that what a manifest refers to is there, as far as the policy asks, and returns
    /// the upload sessions of its blobs, which have done their duty once the manifest is there.
    ///
    /// To be called after the manifest's edges are marked: a collector that missed the edges has
    /// made its decision known before, and each check here takes that decision back or sees that
    /// it is final.
    pub(crate) async fn check_references(
        &self,
        manifest: &Manifest,
        policy: References,
    ) -> Result<Vec<Key>> {
        let sessions: Vec<Option<Key>> = stream::iter(roles(manifest))
            .map(|(digest, role)| async move {
                match role {
                    Role::Subject => Ok(None), // need not exist
                    Role::Child => self.check_child(manifest, &digest, policy).await,
                    role => self.check_blob(manifest, &digest, role, policy).await,
                }
            })
            .buffer_unordered(CHECKS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(sessions.into_iter().flatten().collect())
    }

    async fn check_child(
        &self,
        manifest: &Manifest,
        child: &Digest,
        policy: References,
    ) -> Result<Option<Key>> {
        let is_there = self.live_manifest(child, Reliance::Edge).await?.is_some();
        if is_there || policy != References::Complete {
            return Ok(None);
        }
        Err(self.missing(manifest, "manifest", child))
    }

    async fn check_blob(
        &self,
        manifest: &Manifest,
        digest: &Digest,
        role: Role,
        policy: References,
    ) -> Result<Option<Key>> {
        let blob = match self.live_blob(digest, Reliance::Edge).await? {
            Some(blob) if self.keeps(&blob).await? => Some(blob),
            _ => None,
        };
        // A session leads a collection to the trash as well, which an upload leaves that took the
        // place of a damaged extent; it has done its duty only when that is gone.
        let has_trash = blob.as_ref().is_some_and(|blob| !blob.trash.is_empty());
        match blob.and_then(|blob| blob.extent()) {
            Some(_) if has_trash => Ok(None),
            Some(extent) => Ok(Some(layout::upload(extent)?)),
            None if role == Role::NondistributableLayer || policy == References::Unchecked => {
                Ok(None)
            }
            None => Err(self.missing(manifest, "blob", digest)),
        }
    }

    /// Whether a blob is visible here and stays so: takes back what a delete is about to do.
    async fn keeps(&self, blob: &BlobState) -> Result<bool> {
        let Some(extent) = blob.extent() else {
            return Ok(false);
        };
        if blob.home.as_ref() == Some(&self.name) {
            return Ok(true);
        }
        let key = layout::link(extent, &self.name)?;
        for _ in 0..ATTEMPTS {
            let Some(link) = self.store().get::<Link>(&key).await? else {
                return Ok(false);
            };
            if !link.state.is_leaving {
                return Ok(true);
            }
            let stays = Link { is_leaving: false };
            if let Swap::Stored(_) = self.store().swap(&key, Some(&link.version), &stays).await? {
                return Ok(true);
            }
        }
        Err(contended(format_args!("extent {extent}")))
    }

    fn missing(&self, manifest: &Manifest, what: &str, target: &Digest) -> Error {
        let (source, name) = (manifest.digest(), &self.name);
        let message = format!("manifest {source} refers to {what} {target}, which {name} has not");
        Error::new(ErrorKind::ManifestBlobUnknown, message)
    }
}

const CHECKS_AT_ONCE: usize = 16;
