//! Acts that were announced.

use orlop_backend::{Entry, RandomId, Swap};
use orlop_oci::{Digest, RepositoryName};

use super::{Collected, Collector, Verdict};
use crate::repository::{ATTEMPTS, contended};
use crate::state::{Candidate, ManifestState};
use crate::{Result, layout};

/// Whether an act that was announced has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
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
        let mut verdict = Verdict::Resolved;
        let Candidate { repository, digest, incarnation, blobs } = candidate.state;
        let is_old = self.store().age(entry.modified) >= self.options.lease;
        let blobs = match self.act(&repository, &digest, incarnation.0, is_old, done).await? {
            Act::Done => blobs,
            Act::Prevented => Vec::new(),
            Act::Pending => return Ok(()),
        };
        for blob in blobs {
            match self.review(&blob, done).await {
                Ok(Verdict::Resolved) => {}
                Ok(Verdict::Later) => verdict = Verdict::Later,
                Err(error) => {
                    done.set_aside(&layout::blob(&blob)?, error)?;
                    verdict = Verdict::Later;
                }
            }
        }
        if verdict == Verdict::Resolved && !self.options.dry_run {
            self.store().clear(std::slice::from_ref(&entry.key)).await?;
        }
        Ok(())
    }

    /// Whether a manifest was deleted. If its deleter was cut off, tidies up for him; if he has
    /// not come to it for a long time, makes sure that he never does under this announcement.
    async fn act(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        incarnation: RandomId,
        is_old: bool,
        done: &mut Collected,
    ) -> Result<Act> {
        let key = layout::manifest(repository, digest)?;
        for _ in 0..ATTEMPTS {
            let Some(current) = self.store().get::<ManifestState>(&key).await? else {
                return Ok(Act::Done);
            };
            if current.state.live() == Some(incarnation) {
                if !is_old || self.options.dry_run {
                    return Ok(Act::Pending);
                }
                // The same once more: a swap that expects the record as it was fails now.
                let swap = self.store().swap(&key, Some(&current.version), &current.state).await?;
                match swap {
                    Swap::Stored(_) => return Ok(Act::Prevented),
                    Swap::Conflict => continue,
                }
            }
            if current.state.over().contains(&incarnation) && !self.options.dry_run {
                if !self.registry.repository(repository.clone()).tidy(digest).await? {
                    return Ok(Act::Pending); // the candidate is all that leads to what is left
                }
                done.manifests += 1;
            }
            return Ok(Act::Done);
        }
        Err(contended(format_args!("manifest {digest} of {repository}")))
    }
}
