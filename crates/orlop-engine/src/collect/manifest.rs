//! Deciding about a manifest that may be without a tag.

use orlop_backend::{Entry, RandomId, Removal, Swap};
use orlop_oci::{Digest, RepositoryName};

use super::edge::{Edges, Target};
use super::{Collected, Collector, Verdict};
use crate::delete::reparse;
use crate::repository::ATTEMPTS;
use crate::state::{Incarnation, ManifestState, Targets, Untagged};
use crate::store::Stored;
use crate::{Repository, Result, layout};

impl Collector<'_> {
    /// A manifest lost something that kept it. If nothing else keeps it now, notes that.
    ///
    /// Only an announced act leads here, after it has happened. So whatever keeps the manifest
    /// now will be announced in its turn before it goes.
    pub(crate) async fn released(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        done: &mut Collected,
    ) -> Result<Verdict> {
        let manifest = layout::manifest(repository, digest)?;
        let current = self.store().get::<ManifestState>(&manifest).await?;
        let Some((incarnation, state)) =
            current.and_then(|current| Some((current.state.live()?, current.state)))
        else {
            self.drop_note(repository, digest).await?;
            return Ok(Verdict::Resolved);
        };
        match self.keepers(repository, digest, &state, incarnation, done).await? {
            Edges::Valid => return Ok(Verdict::Resolved),
            Edges::InFlight => return Ok(Verdict::Later),
            Edges::None => {}
        }
        if self.options.dry_run {
            return match self.options.untagged {
                Some(age) if age.is_zero() => self.decide_untagged(repository, digest, done).await,
                _ => Ok(Verdict::Later),
            };
        }
        let key = layout::untagged(repository, digest)?;
        let untagged = Untagged { repository: repository.clone(), digest: *digest };
        for _ in 0..ATTEMPTS {
            // Also if it is there already: a collector that saw the manifest while it was kept
            // may be about to remove it, and must not be able to.
            let version = self.store().get::<Untagged>(&key).await?.map(|noted| noted.version);
            match self.store().swap(&key, version.as_ref(), &untagged).await? {
                Swap::Stored(_) => {
                    // Whoever looked for the note when the manifest went may have come too early.
                    self.drop_note(repository, digest).await?;
                    return Ok(Verdict::Resolved);
                }
                Swap::Conflict => {}
            }
        }
        Ok(Verdict::Later) // others note it
    }

    /// A manifest that is gone needs no note.
    pub(crate) async fn drop_note(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<()> {
        let key = layout::untagged(repository, digest)?;
        let Some(noted) = self.store().get::<Untagged>(&key).await? else {
            return Ok(());
        };
        // After the note was read: a manifest that is pushed from here on will be noted again.
        let manifest = layout::manifest(repository, digest)?;
        let found = self.store().get::<ManifestState>(&manifest).await?;
        if found.and_then(|found| found.state.live()).is_none() && !self.options.dry_run {
            match self.store().remove(&key, &noted.version).await? {
                Removal::Removed | Removal::Conflict => {} // noted again
            }
        }
        Ok(())
    }

    /// Looks at a manifest that nothing kept once, and deletes it if that has been so for long.
    pub(super) async fn untagged(&self, entry: &Entry, done: &mut Collected) -> Result<()> {
        let Some(noted) = self.store().get::<Untagged>(&entry.key).await? else {
            return Ok(());
        };
        let is_old =
            self.options.untagged.is_some_and(|after| self.store().age(noted.modified) >= after);
        if !is_old {
            done.kept.untagged += 1;
            return Ok(());
        }
        let Untagged { repository, digest } = noted.state;
        let verdict = self.decide_untagged(&repository, &digest, done).await?;
        if verdict == Verdict::Resolved && !self.options.dry_run {
            // By the version that was there before the look: not if it was noted again since.
            match self.store().remove(&entry.key, &noted.version).await? {
                Removal::Removed | Removal::Conflict => {}
            }
        }
        Ok(())
    }

    /// Deletes a manifest that nothing keeps. As for blobs: the intention is known in the record
    /// before it is looked for what keeps it.
    async fn decide_untagged(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        done: &mut Collected,
    ) -> Result<Verdict> {
        let repository = self.registry.repository(name.clone());
        let key = layout::manifest(name, digest)?;
        for _ in 0..ATTEMPTS {
            let Some(current) = self.store().get::<ManifestState>(&key).await? else {
                return Ok(Verdict::Resolved);
            };
            let Some(incarnation) = current.state.live() else {
                return Ok(Verdict::Resolved);
            };
            if let Some(verdict) =
                self.try_delete(&repository, digest, current, incarnation, done).await?
            {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Later) // others are busy with it
    }

    /// `None` if the record changed meanwhile.
    async fn try_delete(
        &self,
        repository: &Repository,
        digest: &Digest,
        mut current: Stored<ManifestState>,
        incarnation: RandomId,
        done: &mut Collected,
    ) -> Result<Option<Verdict>> {
        let (name, key) = (repository.name(), layout::manifest(repository.name(), digest)?);
        if let Incarnation::Live(_) = current.state.header.life {
            if self.store().age(current.modified) < self.options.lease {
                done.kept.leased += 1;
                return Ok(Some(Verdict::Later));
            }
            // Not needed, but it changes no record of a manifest that is kept.
            match self.keepers(name, digest, &current.state, incarnation, done).await? {
                Edges::Valid => return Ok(Some(Verdict::Resolved)),
                Edges::InFlight => return Ok(Some(Verdict::Later)),
                Edges::None => {}
            }
            if self.options.dry_run {
                self.rehearse(name, digest, &current.state, done).await?;
                return Ok(Some(Verdict::Later));
            }
            let condemned = current.state.condemned(incarnation);
            match self.store().swap(&key, Some(&current.version), &condemned).await? {
                Swap::Stored(version) => {
                    current = Stored { state: condemned, version, modified: current.modified };
                }
                Swap::Conflict => return Ok(None),
            }
        }
        if self.options.dry_run {
            return Ok(Some(Verdict::Later)); // another collector is about to decide
        }
        let verdict = match self.keepers(name, digest, &current.state, incarnation, done).await? {
            Edges::Valid => Verdict::Resolved,
            Edges::InFlight => Verdict::Later,
            Edges::None => {
                // The decision. It fails if anybody has taken the intention back since.
                if !repository.end(digest, current, incarnation).await? {
                    return Ok(None);
                }
                repository.tidy(digest).await?;
                done.untagged += 1;
                return Ok(Some(Verdict::Resolved));
            }
        };
        let swap =
            self.store().swap(&key, Some(&current.version), &current.state.rescued()).await?;
        Ok(matches!(swap, Swap::Stored(_)).then_some(verdict))
    }

    /// What keeps a manifest: a tag, an index that names it, or its subject.
    pub(crate) async fn keepers(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        state: &ManifestState,
        incarnation: RandomId,
        done: &mut Collected,
    ) -> Result<Edges> {
        let is_condemned = matches!(state.header.life, Incarnation::Condemned(_));
        let target = Target { incarnation, is_condemned };
        let edges = self.manifest_edges(repository, digest, target, done).await?;
        if edges == Edges::Valid {
            return Ok(edges);
        }
        let Some(subject) = Targets::of(&reparse(state, digest)?).subject else {
            return Ok(edges);
        };
        let key = layout::manifest(repository, &subject)?;
        let is_there = match self.store().get::<ManifestState>(&key).await {
            Ok(found) => found.and_then(|found| found.state.live()).is_some(),
            Err(error) => {
                done.set_aside(&key, error)?;
                true
            }
        };
        if is_there && !self.rehearsal.would_go(repository, &subject) {
            return Ok(Edges::Valid);
        }
        Ok(edges)
    }

    /// Notes that a manifest would go, and what would be looked at then.
    async fn rehearse(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        state: &ManifestState,
        done: &mut Collected,
    ) -> Result<()> {
        let targets = Targets::of(&reparse(state, digest)?);
        let released = self.dependents(repository, digest, &targets).await?;
        let node = (repository.clone(), *digest);
        if self.rehearsal.manifest_goes(node, released, targets.blobs) {
            done.untagged += 1;
        }
        Ok(())
    }
}
