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
        let marks = edges.iter().cloned().map(Change::Mark).collect();
        // A mark has no conflict.
        self.announce(incarnation, digest, act, marks).await.map(|(candidate, _)| candidate)
    }

    /// A manifest is about to end an incarnation.
    pub(crate) async fn announce_delete(
        &self,
        digest: &Digest,
        incarnation: RandomId,
        targets: Targets,
    ) -> Result<Key> {
        let act = Act::Delete { incarnation: Text(incarnation), targets };
        let id = self.store().random_id()?;
        self.announce(id, digest, act, Vec::new()).await.map(|(candidate, _)| candidate)
    }

    /// A tag is about to leave a manifest: by these steps, or to go.
    pub(crate) async fn announce_untag(
        &self,
        digest: &Digest,
        tag: &Tag,
        life: RandomId,
        steps: Vec<Change>,
    ) -> Result<(Key, Changed)> {
        let act = Act::Untag { tag: tag.clone(), incarnation: Text(life) };
        self.announce(self.store().random_id()?, digest, act, steps).await
    }

    /// Stores a candidate for collection, under a name that is never used again, and then makes the
    /// steps of the act, with what comes of them. Whoever learns that the act did not happen
    /// clears the candidate and its edges; if nobody does, a collector finds out.
    async fn announce(
        &self,
        id: RandomId,
        digest: &Digest,
        act: Act,
        steps: Vec<Change>,
    ) -> Result<(Key, Changed)> {
        let candidate = Candidate { repository: self.name.clone(), digest: *digest, act };
        let key = layout::candidate(id)?;
        let announced = once(swapping(&key, None, &candidate)?).chain(steps.iter().cloned());
        let outcome = match self.store().change_all(announced.collect()).await? {
            // A random name has no rival: it is there, whatever was said.
            Changed::Conflict { at: 0 } => self.store().change_all(steps).await?,
            outcome => outcome,
        };
        Ok((key, outcome))
    }
}
