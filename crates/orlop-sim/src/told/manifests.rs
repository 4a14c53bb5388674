//! What clients were told of manifests and blobs.

use super::{Acts, Began, Spot, Told, is_over, late};
use crate::stage::Stage;

/// A manifest of a repository. Pushes do not disturb each other, and deletes neither.
#[derive(Clone, Debug)]
pub(super) struct ManifestTold {
    pushes: Acts,
    pub(super) deletes: Acts,
    /// Whether it is there, if that is known.
    is_there: Option<bool>,
    /// Whether a delete of it ever began.
    was_deleted: bool,
    /// Until when a client may rely on it although nothing keeps it.
    until: u64,
}

impl Default for ManifestTold {
    fn default() -> Self {
        Self {
            pushes: Acts::default(),
            deletes: Acts::default(),
            is_there: Some(false),
            was_deleted: false,
            until: 0,
        }
    }
}

/// A blob of a repository.
#[derive(Clone, Debug, Default)]
pub(super) struct BlobTold {
    deletes: Acts,
    /// Until when a client may rely on it.
    until: u64,
}

/// A push, or a delete, of a manifest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ManifestAct {
    spot: Spot,
    is_push: bool,
    /// What it found of those of its own kind, and of the other one.
    own: Began,
    pub(crate) others: Began,
    /// Whether the manifest was known to be there, with nobody else at it.
    pub(crate) was_there: Option<bool>,
    began_at: u64,
}

impl Told {
    /// Somebody begins to push a manifest.
    pub(crate) fn begin_push(&self, stage: &Stage, spot: Spot) -> ManifestAct {
        self.begin(stage, spot, true)
    }

    /// Somebody begins to delete a manifest, and with it the tags that are on it.
    pub(crate) fn begin_delete(&self, stage: &Stage, spot: Spot) -> ManifestAct {
        self.begin(stage, spot, false)
    }

    fn begin(&self, stage: &Stage, spot: Spot, is_push: bool) -> ManifestAct {
        let manifest = &mut self.manifests.borrow_mut()[spot.0][spot.1];
        let was_alone =
            manifest.pushes.is_quiet(late(stage)) && manifest.deletes.is_quiet(late(stage));
        let was_there = manifest.is_there.filter(|_| was_alone);
        let (own, others) = if is_push {
            manifest.is_there = manifest.is_there.filter(|is_there| *is_there);
            (manifest.pushes.begin(late(stage)), manifest.deletes.look(late(stage)))
        } else {
            manifest.was_deleted = true;
            manifest.is_there = manifest.is_there.filter(|is_there| !*is_there);
            manifest.until = 0;
            (manifest.deletes.begin(late(stage)), manifest.pushes.look(late(stage)))
        };
        ManifestAct { spot, is_push, own, others, was_there, began_at: stage.now() }
    }

    /// It ended; whether its author was told so. The answer says whether it was alone.
    pub(crate) fn end(&self, stage: &Stage, act: ManifestAct, is_sure: bool) -> bool {
        let manifest = &mut self.manifests.borrow_mut()[act.spot.0][act.spot.1];
        let (own, others) = if act.is_push {
            (&mut manifest.pushes, &manifest.deletes)
        } else {
            (&mut manifest.deletes, &manifest.pushes)
        };
        own.end(stage.actor(), if act.is_push { is_over(stage, is_sure) } else { is_sure });
        let was_alone = own.is_undisturbed(act.own) && others.is_undisturbed(act.others);
        // Those of its own kind want the same.
        if is_sure && others.is_undisturbed(act.others) {
            manifest.is_there = Some(act.is_push);
            manifest.until = if act.is_push { act.began_at + PROMISE } else { 0 };
        }
        was_alone
    }

    /// What somebody finds of the deletes of a manifest.
    pub(crate) fn look_at_deletes(&self, stage: &Stage, spot: Spot) -> Began {
        self.manifests.borrow_mut()[spot.0][spot.1].deletes.look(late(stage))
    }

    /// Whether nobody has been deleting a manifest since then.
    pub(crate) fn stays(&self, spot: Spot, since: Began) -> bool {
        self.manifests.borrow()[spot.0][spot.1].deletes.is_undisturbed(since)
    }

    /// Whether a manifest is there, if that is known. Where collections delete what nothing keeps,
    /// that is known for half a lease.
    pub(crate) fn is_there(&self, stage: &Stage, spot: Spot) -> Option<bool> {
        let manifest = &self.manifests.borrow()[spot.0][spot.1];
        let holds =
            !stage.plan.untagged || stage.plan.keeps_promises() && stage.now() < manifest.until;
        manifest.is_there.filter(|is_there| !is_there || holds)
    }

    /// Whether a client ever began to delete a manifest.
    pub(crate) fn was_deleted(&self, spot: Spot) -> bool {
        self.manifests.borrow()[spot.0][spot.1].was_deleted
    }

    /// A client was told that a blob is there, when it asked at `asked_at` or later.
    pub(crate) fn promise_blob(&self, stage: &Stage, spot: Spot, since: Began, asked_at: u64) {
        let blob = &mut self.blobs.borrow_mut()[spot.0][spot.1];
        if stage.plan.keeps_promises() && blob.deletes.is_undisturbed(since) {
            blob.until = blob.until.max(asked_at + PROMISE);
        }
    }

    /// From here on nobody relies on what nothing keeps.
    pub(crate) fn end_promises(&self) {
        self.manifests.borrow_mut().iter_mut().flatten().for_each(|manifest| manifest.until = 0);
        self.blobs.borrow_mut().iter_mut().flatten().for_each(|blob| blob.until = 0);
    }

    /// What somebody finds who asks for a blob.
    pub(crate) fn look_at_blob(&self, stage: &Stage, spot: Spot) -> Began {
        self.blobs.borrow_mut()[spot.0][spot.1].deletes.look(late(stage))
    }

    /// Whether nobody has been deleting a blob since then.
    pub(crate) fn blob_stays(&self, spot: Spot, since: Began) -> bool {
        self.blobs.borrow()[spot.0][spot.1].deletes.is_undisturbed(since)
    }

    /// Whether a client may rely on a blob.
    pub(crate) fn is_promised(&self, stage: &Stage, spot: Spot) -> bool {
        stage.now() < self.promised_until(spot)
    }

    /// When what a client was told of a blob ends, or has ended.
    pub(crate) fn promised_until(&self, spot: Spot) -> u64 {
        self.blobs.borrow()[spot.0][spot.1].until
    }

    pub(crate) fn begin_blob_delete(&self, stage: &Stage, spot: Spot) {
        let blob = &mut self.blobs.borrow_mut()[spot.0][spot.1];
        blob.until = 0;
        blob.deletes.begin(late(stage));
    }

    pub(crate) fn end_blob_delete(&self, stage: &Stage, spot: Spot, is_sure: bool) {
        self.blobs.borrow_mut()[spot.0][spot.1].deletes.end(stage.actor(), is_sure);
    }
}

/// Half a lease, in milliseconds: what a client that was told that something is there has at least.
const PROMISE: u64 = 30 * 60_000;
