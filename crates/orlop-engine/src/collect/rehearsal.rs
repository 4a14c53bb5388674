//! What a dry run has found to go, so that it can say what would go after that.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use orlop_oci::{Digest, RepositoryName};

/// A manifest of a repository.
pub(super) type Node = (RepositoryName, Digest);

/// Empty unless it is a dry run. Its memory grows with the garbage.
#[derive(Debug, Default)]
pub(super) struct Rehearsal(Mutex<Found>);

#[derive(Debug, Default)]
struct Found {
    manifests: BTreeSet<Node>,
    blobs: BTreeSet<Digest>,
    released: Vec<Node>,
    orphaned: BTreeSet<Digest>,
}

impl Rehearsal {
    /// Whether a manifest would be gone by now.
    pub(super) fn would_go(&self, repository: &RepositoryName, digest: &Digest) -> bool {
        let found = self.found();
        !found.manifests.is_empty() && found.manifests.contains(&(repository.clone(), *digest))
    }

    /// Notes that a manifest would go, and what it would release; `false` if it is known already.
    pub(super) fn manifest_goes(
        &self,
        node: Node,
        released: Vec<Node>,
        orphaned: Vec<Digest>,
    ) -> bool {
        let mut found = self.found();
        let is_new = found.manifests.insert(node);
        if is_new {
            found.released.extend(released);
            found.orphaned.extend(orphaned);
        }
        is_new
    }

    /// Notes that a blob would go; `false` if it is known already.
    pub(super) fn blob_goes(&self, digest: &Digest) -> bool {
        self.found().blobs.insert(*digest)
    }

    /// The manifests that lost something since the last time.
    pub(super) fn take_released(&self) -> Vec<Node> {
        std::mem::take(&mut self.found().released)
    }

    /// The blobs that lost something since the last time.
    pub(super) fn take_orphaned(&self) -> BTreeSet<Digest> {
        std::mem::take(&mut self.found().orphaned)
    }

    /// Never held while something is awaited.
    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
