//! Manifests that are gone, and blobs of which nothing is known, put back from the source.

use futures::TryStreamExt;
use orlop_backend::RandomId;
use orlop_oci::{Digest, Manifest, RepositoryName, Tag};

use super::remedy::Outcome;
use super::{Remedy, Scrubber};
use crate::layout::ManifestEdge;
use crate::state::{BlobState, ManifestState, TagState};
use crate::{Condition, ErrorKind, PutManifest, References, Result, layout};

impl Scrubber<'_> {
    /// Puts a manifest back that is not there, if there is a source and it has it.
    pub(super) async fn restore(&self, name: &RepositoryName, digest: &Digest) -> Result<Outcome> {
        if self.options.source.is_none() {
            return Ok((None, String::new()));
        }
        match self.in_source(name, digest).await {
            Ok(manifest) => self.put_back(name, &manifest).await,
            Err(reason) => Ok((None, format!("; not repaired: {reason}"))),
        }
    }

    /// The manifest as the source has it, or why not.
    pub(super) async fn in_source(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Manifest, String> {
        let source = self.options.source.as_ref().ok_or("there is no source")?;
        match source.manifest(name, digest).await {
            Ok(Some(manifest)) if manifest.digest() == digest => Ok(manifest),
            Ok(Some(manifest)) => Err(format!("the source has {} instead", manifest.digest())),
            Ok(None) => Err("the source does not have it".into()),
            Err(error) => Err(format!("the source failed: {error}")),
        }
    }

    /// Pushes a manifest again, and sets the tags on it that were on a life of it that is lost. It
    /// was let in once, so what it refers to is not asked for: that may be put back later.
    pub(super) async fn put_back(
        &self,
        name: &RepositoryName,
        manifest: &Manifest,
    ) -> Result<Outcome> {
        let repository = self.registry.repository(name.clone());
        let digest = manifest.digest();
        let lost = self.lost_tags(name, digest).await?;
        let put = PutManifest { references: Some(References::Unchecked), ..PutManifest::default() };
        repository.put_manifest(manifest, &put).await?;
        for tag in lost {
            // One that was set on something else meanwhile stays there.
            match repository.set_tag(&tag, digest, Condition::Absent).await {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Precondition => {}
                Err(error) => return Err(error),
            }
        }
        Ok((Some(Remedy::Repaired), String::new()))
    }

    /// Tags that name a life of a manifest of which its record knows nothing.
    async fn lost_tags(&self, name: &RepositoryName, digest: &Digest) -> Result<Vec<Tag>> {
        let record = layout::manifest(name, digest)?;
        let found = self.other::<ManifestState>(&record).await?.flatten();
        let knows =
            |life: RandomId| found.as_ref().is_some_and(|found| found.state.knows(life).is_some());
        let records = &self.store().environment.records;
        let mut edges = records.walk(&layout::manifest_edges(name, digest)?);
        let mut lost = Vec::new();
        while let Some(edge) = edges.try_next().await? {
            let parsed = layout::parse_manifest_edge(edge.key.name());
            let Some(ManifestEdge::Tag { tag, .. }) = parsed else {
                continue;
            };
            let set = self.other::<TagState>(&layout::tag(name, &tag)?).await?.flatten();
            if set.is_some_and(|set| set.state.digest == *digest && !knows(set.state.manifest.0)) {
                lost.push(tag);
            }
        }
        lost.sort_unstable();
        lost.dedup();
        Ok(lost)
    }

    /// Uploads a blob whose record is lost to a repository that refers to it, and makes it visible
    /// in the others that do. Where it was without being referred to is known from nowhere.
    pub(super) async fn restore_blob(&self, digest: &Digest) -> Result<Outcome> {
        let records = &self.store().environment.records;
        let mut edges = records.walk(&layout::all_blob_edges(digest)?);
        let mut names: Vec<RepositoryName> = Vec::new();
        while let Some(edge) = edges.try_next().await? {
            names.extend(layout::parse_blob_edge(&edge.key).map(|(name, ..)| name));
            names.dedup();
        }
        names.sort_unstable();
        names.dedup();
        let Some(first) = names.first() else {
            return Ok((Some(Remedy::Quarantined), "; nothing refers to it".into()));
        };
        let repository = self.registry.repository(first.clone());
        if let Some(reason) = self.upload(digest, &repository, None).await? {
            return Ok((Some(Remedy::Quarantined), format!("; not repaired: {reason}")));
        }
        let blob = self.store().get::<BlobState>(&layout::blob(digest)?).await?;
        if let Some(blob) = blob {
            for name in names {
                self.registry.repository(name).link(&blob.state).await?;
            }
        }
        Ok((Some(Remedy::Repaired), String::new()))
    }
}
