//! Acts that were announced.

use futures::TryStreamExt;
use orlop_backend::{Entry, Key, RandomId, Swap};
use orlop_oci::{Digest, RepositoryName, Tag};

use super::rehearsal::Node;
use super::{Collected, Collector, Verdict};
use crate::references::edge_keys;
use crate::repository::{ATTEMPTS, contended};
use crate::state::{Act, Candidate, ManifestState, TagState, Targets};
use crate::{Error, Result, layout};

/// Whether an act that was announced has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// It has not, and now it cannot any more: whoever tries again announces it again.
    Prevented,
    /// It has not, yet, or not wholly.
    Pending,
}

impl Collector<'_> {
    /// The candidate goes when all is resolved that it names, and not before: it is all that
    /// leads there.
    pub(super) async fn candidate(&self, entry: &Entry, done: &mut Collected) -> Result<()> {
        let Some(candidate) = self.store().get::<Candidate>(&entry.key).await? else {
            return Ok(());
        };
        let is_idle = self.store().age(entry.modified) >= self.options.upload_idle;
        let Candidate { repository, digest, act } = candidate.state;
        let outcome = match &act {
            Act::Push { incarnation, targets } => {
                self.push(&repository, &digest, incarnation.0, targets, is_idle).await?
            }
            Act::Delete { incarnation, .. } => {
                self.delete(&repository, &digest, incarnation.0, is_idle, done).await?
            }
            Act::Untag { tag, incarnation } => {
                self.untag(&repository, tag, incarnation.0, is_idle).await?
            }
        };
        let verdict = match (outcome, act) {
            (Outcome::Pending, _) => Verdict::Later,
            (Outcome::Prevented, _) => Verdict::Resolved,
            (Outcome::Done, Act::Delete { targets, .. }) => {
                self.lost(&repository, &digest, &targets, done).await?
            }
            (Outcome::Done, Act::Push { .. } | Act::Untag { .. }) => {
                self.released(&repository, &digest, done).await?
            }
        };
        if verdict == Verdict::Resolved && !self.options.dry_run {
            self.store().clear(std::slice::from_ref(&entry.key)).await?;
        }
        Ok(())
    }

    /// Whether a manifest was pushed. If its push was cut off, makes sure that it never succeeds,
    /// and clears its edges.
    async fn push(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        incarnation: RandomId,
        targets: &Targets,
        is_idle: bool,
    ) -> Result<Outcome> {
        let key = layout::manifest(repository, digest)?;
        for _ in 0..ATTEMPTS {
            let current = self.store().get::<ManifestState>(&key).await?;
            match current.as_ref().and_then(|manifest| manifest.state.knows(incarnation)) {
                Some(true) => return Ok(Outcome::Done),
                // Over, and then its deleter has announced that; or fenced.
                Some(false) => {}
                None if !is_idle || self.options.dry_run => return Ok(Outcome::Pending),
                None => {
                    // After the record was read: whoever deletes a manifest clears this first.
                    let announced = layout::candidate(incarnation)?;
                    if self.store().get::<Candidate>(&announced).await?.is_none() {
                        return Ok(Outcome::Prevented); // it was pushed, and deleted again
                    }
                    if !self.fence_manifest(&key, current, incarnation).await? {
                        continue;
                    }
                }
            }
            if !self.options.dry_run {
                let repository = self.registry.repository(repository.clone());
                let mut edges = edge_keys(repository.name(), digest, targets, incarnation)?;
                edges.extend(repository.tidy_tags(digest, &[incarnation]).await?);
                self.store().clear(&edges).await?;
            }
            return Ok(Outcome::Prevented);
        }
        Err(contended(format_args!("manifest {digest} of {repository}")))
    }

    /// Whether a manifest was deleted. If its deleter was cut off, tidies up for him; if he has
    /// not come to it for a long time, makes sure that he never does under this announcement.
    async fn delete(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        incarnation: RandomId,
        is_idle: bool,
        done: &mut Collected,
    ) -> Result<Outcome> {
        let key = layout::manifest(repository, digest)?;
        for _ in 0..ATTEMPTS {
            let Some(current) = self.store().get::<ManifestState>(&key).await? else {
                return Ok(Outcome::Done);
            };
            if current.state.live() == Some(incarnation) {
                if !is_idle || self.options.dry_run {
                    return Ok(Outcome::Pending);
                }
                // The same once more: a swap that expects the record as it was fails now.
                let swap = self.store().swap(&key, Some(&current.version), &current.state).await?;
                match swap {
                    Swap::Stored(_) => return Ok(Outcome::Prevented),
                    Swap::Conflict => continue,
                }
            }
            if current.state.over().contains(&incarnation) && !self.options.dry_run {
                if !self.registry.repository(repository.clone()).tidy(digest).await? {
                    return Ok(Outcome::Pending); // the candidate is all that leads to what is left
                }
                done.manifests += 1;
            }
            return Ok(Outcome::Done);
        }
        Err(contended(format_args!("manifest {digest} of {repository}")))
    }

    /// Whether a tag has left its manifest; like a delete.
    async fn untag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        life: RandomId,
        is_idle: bool,
    ) -> Result<Outcome> {
        let key = layout::tag(repository, tag)?;
        for _ in 0..ATTEMPTS {
            let current = self.store().get::<TagState>(&key).await?;
            let Some(current) = current.filter(|tag| tag.state.incarnation.0 == life) else {
                return Ok(Outcome::Done);
            };
            if !is_idle || self.options.dry_run {
                return Ok(Outcome::Pending);
            }
            match self.store().swap(&key, Some(&current.version), &current.state).await? {
                Swap::Stored(_) => return Ok(Outcome::Prevented),
                Swap::Conflict => {}
            }
        }
        Err(contended(format_args!("tag {tag} of {repository}")))
    }

    /// Looks at everything that a deleted manifest may have kept.
    async fn lost(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        targets: &Targets,
        done: &mut Collected,
    ) -> Result<Verdict> {
        let mut verdict = Verdict::Resolved;
        let mut add = |key: Key, looked: Result<Verdict>, done: &mut Collected| {
            match looked {
                Ok(Verdict::Resolved) => return Ok(()),
                Ok(Verdict::Later) => {}
                Err(error) => done.set_aside(&key, error)?,
            }
            verdict = Verdict::Later;
            Ok::<_, Error>(())
        };
        for blob in &targets.blobs {
            let looked = self.review(blob, done).await;
            add(layout::blob(blob)?, looked, done)?;
        }
        for (repository, manifest) in self.dependents(repository, digest, targets).await? {
            let looked = self.released(&repository, &manifest, done).await;
            add(layout::manifest(&repository, &manifest)?, looked, done)?;
        }
        self.drop_note(repository, digest).await?;
        Ok(verdict)
    }

    /// The manifests that a manifest keeps: its children, and those whose subject it is.
    pub(super) async fn dependents(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        targets: &Targets,
    ) -> Result<Vec<Node>> {
        let mut dependents = targets.children.clone();
        let mut referrers =
            self.store().environment.records.walk(&layout::referrers(repository, digest)?);
        while let Some(edge) = referrers.try_next().await? {
            let parsed = layout::parse_edge_name(edge.key.name());
            dependents.extend(parsed.map(|(referrer, _)| referrer));
        }
        dependents.sort_unstable();
        dependents.dedup();
        Ok(dependents.into_iter().map(|dependent| (repository.clone(), dependent)).collect())
    }
}
