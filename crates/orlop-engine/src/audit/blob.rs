//! Blobs, and their bytes.

use futures::TryStreamExt;
use orlop_backend::{ExtentId, Key};
use orlop_oci::Digest;

use super::known::{Found, Suspect};
use super::{Audited, Auditor, Broken};
use crate::collect::{CollectOptions, Collected, Collector, Edges};
use crate::state::BlobState;
use crate::store::Stored;
use crate::{Result, layout};

impl Auditor<'_> {
    pub(super) async fn blob(&self, digest: &Digest, key: &Key, done: &mut Audited) -> Result<()> {
        let Some(blob) = self.store().get::<BlobState>(key).await? else {
            return Ok(());
        };
        let mut has_session = false;
        for trash in &blob.state.trash {
            let (found, is_named) = self.known().claim(trash.0, None);
            has_session |= is_named;
            if let Some(found) = found {
                done.inventory.trash.add(found.len);
            }
        }
        let mut is_suspect = !blob.state.trash.is_empty();
        let inline = blob.state.inline.as_ref().map(|inline| inline.len() as u64);
        if let Some(inline) = inline {
            done.inventory.inline.add(inline);
        }
        if let Some(extent) = blob.state.extent() {
            let (found, is_named) = self.known().claim(extent, inline);
            has_session |= is_named;
            if let Some(reason) = self.loss(&blob, key, extent, found).await? {
                let needed = self.needed_by(digest).await?;
                let reason = format!("blob {digest}: {reason}; needed by {needed}");
                done.broken.push(Broken { key: key.clone(), reason });
                self.known().broken.insert(extent);
            }
            let edges = self.edges_of(digest).await?;
            let Found { len, links } = found.unwrap_or_default();
            if found.is_none() {
                // It is newer than the inventory.
            } else if edges == Edges::Valid {
                done.inventory.referenced.add(len);
                if links + u64::from(blob.state.home.is_some()) > 1 {
                    done.inventory.shared.add(len);
                }
            } else {
                done.inventory.unreferenced.add(len);
            }
            is_suspect |= edges == Edges::None && self.is_old(&blob);
        }
        if let Some(extent) = blob.state.quarantined() {
            let (found, is_named) = self.known().claim(extent, inline);
            has_session |= is_named;
            self.known().broken.insert(extent); // its links are needed when the bytes come back
            if let Some(found) = found {
                done.inventory.quarantined.add(found.len);
            }
            let edges = self.edges_of(digest).await?;
            if edges == Edges::None {
                is_suspect |= self.is_old(&blob);
            } else {
                let needed = self.needed_by(digest).await?;
                let reason = format!(
                    "blob {digest}: it is quarantined, with extent {extent}; needed by {needed}"
                );
                done.broken.push(Broken { key: key.clone(), reason });
            }
        }
        // With a session, a collection will look at it.
        if is_suspect && !has_session {
            self.known().suspects.insert(Suspect::Blob(*digest));
        }
        Ok(())
    }

    fn is_old(&self, blob: &Stored<BlobState>) -> bool {
        self.store().age(blob.modified) >= self.options.lease
    }

    /// What is wrong with a blob's bytes.
    async fn loss(
        &self,
        blob: &Stored<BlobState>,
        key: &Key,
        extent: ExtentId,
        found: Option<Found>,
    ) -> Result<Option<String>> {
        let size = blob.state.size;
        if let Some(Found { len, .. }) = found {
            let loss = || format!("expected {size} bytes in extent {extent}, found {len}");
            return Ok((len != size).then(loss));
        }
        if self.is_there(extent).await? {
            return Ok(None); // newer than the walk
        }
        // After the bytes: they go only after the record says so.
        let now = self.store().get::<BlobState>(key).await?;
        let is_same = now.is_some_and(|now| now.version == blob.version);
        Ok(is_same.then(|| format!("its {size} bytes in extent {extent} are gone")))
    }

    /// What refers to a blob, without changing any of it.
    pub(super) async fn edges_of(&self, digest: &Digest) -> Result<Edges> {
        if self.known().is_referred_to(digest) {
            return Ok(Edges::Valid);
        }
        let options = CollectOptions { dry_run: true, ..self.collect };
        let collector = Collector::new(self.registry, &options);
        collector.blob_edges(digest, &mut Collected::default()).await
    }

    /// The manifests that need a blob, in words.
    async fn needed_by(&self, digest: &Digest) -> Result<String> {
        let mut edges = self.store().environment.records.walk(&layout::all_blob_edges(digest)?);
        let mut needed: Vec<String> = Vec::new();
        while let Some(edge) = edges.try_next().await? {
            let Some((repository, manifest, _)) = layout::parse_blob_edge(&edge.key) else {
                continue;
            };
            if needed.len() == NEEDED_BY_MAX {
                needed.push("more".into());
                break;
            }
            needed.push(format!("manifest {manifest} of {repository}"));
        }
        Ok(if needed.is_empty() { "nothing".into() } else { needed.join(", ") })
    }
}

/// Manifests that are named of those that need a blob.
const NEEDED_BY_MAX: usize = 10;
