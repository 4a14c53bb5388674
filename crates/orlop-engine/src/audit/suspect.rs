//! What a collection should look at, and perhaps never will.

use orlop_backend::Key;
use orlop_oci::{Digest, RepositoryName};

use super::known::Suspect;
use super::{Audited, Auditor, Fault, if_readable};
use crate::collect::{Edges, Verdict};
use crate::state::{Act, BlobState, Candidate, ManifestState};
use crate::{Collected, Result, layout};

impl Auditor<'_> {
    /// What a candidate names is a collection's.
    pub(super) async fn candidate(&self, key: &Key, done: &mut Audited) -> Result<()> {
        done.inventory.candidates += 1;
        let Some(candidate) = self.store().get::<Candidate>(key).await? else {
            return Ok(());
        };
        let Candidate { repository, digest, act } = candidate.state;
        if let Act::Delete { targets, .. } = act {
            let mut known = self.known();
            known.suspects.remove(&Suspect::Manifest(repository, digest));
            for blob in targets.blobs {
                known.suspects.remove(&Suspect::Blob(blob));
            }
        }
        Ok(())
    }

    /// Looks again at what no candidate names: those that were there when it was seen first have
    /// been walked since.
    pub(super) async fn suspects(&self, done: &mut Audited) -> Result<()> {
        let suspects = std::mem::take(&mut self.known().suspects);
        for suspect in suspects {
            let looked = match &suspect {
                Suspect::Blob(digest) => self.suspected_blob(digest, done).await,
                Suspect::Manifest(name, digest) => {
                    self.suspected_manifest(name, digest, done).await
                }
                Suspect::Untagged(name, digest) => {
                    self.suspected_untagged(name, digest, done).await
                }
            };
            if_readable(looked)?;
        }
        Ok(())
    }

    async fn suspected_blob(&self, digest: &Digest, done: &mut Audited) -> Result<()> {
        let Some(blob) = self.store().get::<BlobState>(&layout::blob(digest)?).await? else {
            return Ok(());
        };
        let is_old = self.store().age(blob.modified) >= self.options.lease;
        let is_unreferenced =
            blob.state.kept().is_some() && is_old && self.edges_of(digest).await? == Edges::None;
        if blob.state.trash.is_empty() && !is_unreferenced {
            return Ok(());
        }
        if self.options.repair {
            let mut collected = Collected::default();
            if self.collector().review(digest, &mut collected).await? == Verdict::Later {
                return Ok(()); // somebody relies on it
            }
        }
        done.fault(Fault::Blob, self.options.repair);
        Ok(())
    }

    async fn suspected_manifest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        done: &mut Audited,
    ) -> Result<()> {
        let key = layout::manifest(name, digest)?;
        let manifest = self.store().get::<ManifestState>(&key).await?;
        if manifest.is_none_or(|manifest| manifest.state.over().is_empty()) {
            return Ok(());
        }
        if self.options.repair {
            self.registry.repository(name.clone()).tidy(digest).await?;
        }
        done.fault(Fault::Deleted, self.options.repair);
        Ok(())
    }
}
