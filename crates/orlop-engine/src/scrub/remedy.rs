//! What can be done about a blob that is damaged.

use futures::TryStreamExt;
use orlop_backend::{ExtentId, Key, Swap};
use orlop_oci::Digest;

use super::{DamageKind, Remedy, Scrubber};
use crate::repository::ATTEMPTS;
use crate::state::BlobState;
use crate::{ErrorKind, Repository, Result, layout};

/// What was done, and what is to be said of what was not.
pub(super) type Outcome = (Option<Remedy>, String);

impl Scrubber<'_> {
    /// Does what the options say about a blob whose extent is bad.
    pub(super) async fn remedy(
        &self,
        digest: &Digest,
        key: &Key,
        blob: &BlobState,
        kind: DamageKind,
    ) -> Result<Outcome> {
        let mut said = String::new();
        if self.options.source.is_some() {
            match self.repair(digest, blob).await {
                Ok(None) => return Ok((Some(Remedy::Repaired), said)),
                Ok(Some(reason)) => said = format!("; not repaired: {reason}"),
                Err(error) => said = self.tried(Err(error), None).await?.1,
            }
        }
        // What could not be read now may be read tomorrow, and nobody was given wrong bytes.
        if self.options.quarantine
            && kind != DamageKind::Unread
            && let Some(extent) = blob.extent()
            && self.quarantine(key, extent).await?
        {
            return Ok((Some(Remedy::Quarantined), said));
        }
        Ok((None, said))
    }

    /// Takes a blob out of service; `false` if it has another extent by now.
    ///
    /// An extent never changes, so it does not matter who else has stored the record since the
    /// bytes were read, as long as it names this extent. A collector that has condemned the blob
    /// finds another record than it expects, and looks again.
    async fn quarantine(&self, key: &Key, extent: ExtentId) -> Result<bool> {
        for _ in 0..ATTEMPTS {
            let Some(current) = self.store().get::<BlobState>(key).await? else {
                return Ok(false);
            };
            if current.state.extent() != Some(extent) {
                return Ok(false);
            }
            let bad = current.state.in_quarantine(extent);
            match self.store().swap(key, Some(&current.version), &bad).await? {
                Swap::Stored(_) => return Ok(true),
                Swap::Conflict => {}
            }
        }
        Ok(false) // others store it all the time
    }

    /// What was tried and failed is told of and stops nothing, as long as the store answers.
    pub(super) async fn tried(
        &self,
        tried: Result<Outcome>,
        remedy: Option<Remedy>,
    ) -> Result<Outcome> {
        match tried {
            Err(error) if self.is_reachable().await? => {
                Ok((remedy, format!("; not repaired: {error}")))
            }
            tried => tried,
        }
    }

    /// Puts a blob from the source in the place of its bad extent, with the one swap that ends an
    /// upload. Says why if it cannot.
    async fn repair(&self, digest: &Digest, blob: &BlobState) -> Result<Option<String>> {
        let Some(bad) = blob.kept() else {
            return Ok(Some("it is not there".into()));
        };
        match self.holder(blob, bad).await? {
            Some(repository) => self.upload(digest, &repository, Some(bad)).await,
            None => Ok(Some("no repository has it".into())),
        }
    }

    /// Uploads a blob from the source, in place of a bad extent if there is one.
    pub(super) async fn upload(
        &self,
        digest: &Digest,
        repository: &Repository,
        bad: Option<ExtentId>,
    ) -> Result<Option<String>> {
        let Some(source) = &self.options.source else {
            return Ok(Some("there is no source".into()));
        };
        let mut bytes = match source.blob(digest).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Some("the source does not have it".into())),
            Err(error) => return Ok(Some(format!("the source failed: {error}"))),
        };
        let mut upload = repository.begin_upload_of(digest).await?;
        loop {
            match bytes.try_next().await {
                Ok(Some(piece)) => {
                    let len = piece.len() as u64;
                    upload.write(piece).await?;
                    self.tick(|progress| progress.read += len).await;
                }
                Ok(None) => break,
                Err(error) => {
                    upload.cancel().await?;
                    return Ok(Some(format!("the source failed: {error}")));
                }
            }
        }
        match upload.commit_over(digest, bad).await {
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::DigestInvalid => {
                Ok(Some(format!("the source has other bytes: {error}")))
            }
            Err(error) => Err(error),
        }
    }

    /// A repository in which the blob is visible, or would be if it were whole.
    async fn holder(&self, blob: &BlobState, extent: ExtentId) -> Result<Option<Repository>> {
        let repository = |name| self.registry.repository(name);
        if let Some(home) = &blob.home {
            return Ok(Some(repository(home.clone())));
        }
        let mut links = self.store().environment.records.list(&layout::links(extent)?, None);
        while let Some(link) = links.try_next().await? {
            if let Some(name) = layout::unflat(link.key.name()) {
                return Ok(Some(repository(name)));
            }
        }
        Ok(None)
    }
}
