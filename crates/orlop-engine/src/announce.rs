//! Announcing what is about to happen, so that a collector looks at what it leaves.

use std::iter::once;

use orlop_backend::{Change, Changed, Key, RandomId};
use orlop_oci::{Digest, Tag};

use crate::repository::Repository;
use crate::state::{Act, Candidate, Targets, Text};
use crate::store::swapping;
use crate::{Result, layout};

impl Repository {
    /// A manifest is about to begin an incarnation, with these edges. The key follows from its id,
    /// so that whoever deletes the manifest can clear it: when the record is gone as well, nobody
    /// can tell a push that is over from one that has not happened yet.
    ///
    /// **The edges behind the candidate**: one that is there alone is what a manifest leaves that
    /// was lost, and nothing leads a collector to it.
    pub(crate) async fn announce_push(
        &self,
        digest: &Digest,
        incarnation: RandomId,
        targets: Targets,
        edges: &[Key],
    ) -> Result<Key> {
        let act = Act::Push { incarnation: Text(incarnation), targets };
        self.announce(incarnation, digest, act, edges).await
    }

    /// A manifest is about to end an incarnation.
    pub(crate) async fn announce_delete(
        &self,
        digest: &Digest,
        incarnation: RandomId,
        targets: Targets,
    ) -> Result<Key> {
        let act = Act::Delete { incarnation: Text(incarnation), targets };
        self.announce(self.store().random_id()?, digest, act, &[]).await
    }

    /// A tag is about to leave a manifest, or to go.
    pub(crate) async fn announce_untag(
        &self,
        digest: &Digest,
        tag: &Tag,
        life: RandomId,
    ) -> Result<Key> {
        let act = Act::Untag { tag: tag.clone(), incarnation: Text(life) };
        self.announce(self.store().random_id()?, digest, act, &[]).await
    }

    /// Stores a candidate for collection, under a name that is never used again, and then the edges
    /// of the act. Whoever learns that the act did not happen clears them; if nobody does, a
    /// collector finds out.
    async fn announce(
        &self,
        id: RandomId,
        digest: &Digest,
        act: Act,
        edges: &[Key],
    ) -> Result<Key> {
        let candidate = Candidate { repository: self.name.clone(), digest: *digest, act };
        let key = layout::candidate(id)?;
        let marks = edges.iter().cloned().map(Change::Mark);
        let changes = once(swapping(&key, None, &candidate)?).chain(marks).collect();
        match self.store().change_all(changes).await? {
            Changed::All(_) => {}
            // A random name has no rival: it is there, whatever was said.
            Changed::Conflict { .. } => self.store().mark(edges).await?,
        }
        Ok(key)
    }
}
