//! Manifests: their bytes, and what they need.

use orlop_backend::Key;
use orlop_oci::{Digest, Manifest, RepositoryName, Role};

use super::{DamageKind, Scrubbed, Scrubber};
use crate::delete::reparse;
use crate::layout::Place;
use crate::references::{edge_keys, roles};
use crate::state::{BlobState, Link, ManifestState, Targets};
use crate::{References, Result, layout};

/// Something that a manifest needs and that is not there.
#[derive(Debug)]
struct Lack {
    place: Place,
    key: Key,
    reason: String,
}

impl Scrubber<'_> {
    pub(super) async fn manifest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        place: &Place,
        key: &Key,
        done: &mut Scrubbed,
    ) -> Result<()> {
        let Some(current) = self.read::<ManifestState>(place, key, done).await? else {
            return Ok(());
        };
        let state = current.state;
        if state.header.descriptor.is_none() {
            return Ok(()); // it keeps up fences, and has no bytes
        }
        let found = Digest::of(digest.algorithm(), &state.bytes);
        if found != *digest {
            let reason = format!("manifest {digest} of {name}: its bytes have the digest {found}");
            return self.damaged(place, key, DamageKind::Record, reason, done).await;
        }
        let manifest = match reparse(&state, digest) {
            Ok(manifest) => manifest,
            Err(error) => {
                let (kind, reason) = self.reason(error).await?;
                return self.damaged(place, key, kind, reason, done).await;
            }
        };
        let Some(incarnation) = state.live() else {
            return Ok(());
        };
        let mut lacks = Vec::new();
        let targets = Targets::of(&manifest);
        for edge in edge_keys(name, digest, &targets, incarnation)? {
            if !self.store().is_marked(&edge).await? {
                let reason = format!("edge {edge} of manifest {digest} of {name} is not there");
                lacks.push(Lack { place: place.clone(), key: edge, reason });
            }
        }
        let repository = layout::repository(name)?;
        if self.store().environment.records.raw(&repository).await?.is_none() {
            let reason = format!("repository {name} has manifest {digest}, and does not exist");
            let place = Place::Repository(name.clone());
            lacks.push(Lack { place, key: repository, reason });
        }
        self.lacking_blobs(name, &manifest, &mut lacks).await?;
        if lacks.is_empty() {
            return Ok(());
        }
        // After all of that: what it needs goes only after it, and comes before it.
        let now = self.other::<ManifestState>(key).await?.flatten();
        if now.and_then(|now| now.state.live()) == Some(incarnation) {
            for Lack { place, key, reason } in lacks {
                self.missing(&place, key, reason, done).await?;
            }
        }
        Ok(())
    }

    async fn lacking_blobs(
        &self,
        name: &RepositoryName,
        manifest: &Manifest,
        lacks: &mut Vec<Lack>,
    ) -> Result<()> {
        let is_unchecked = self.registry.options().references == References::Unchecked;
        let digest = manifest.digest();
        for (target, role) in roles(manifest) {
            if matches!(role, Role::Subject | Role::Child | Role::NondistributableLayer) {
                continue; // need not be there
            }
            let key = layout::blob(&target)?;
            let Some(blob) = self.other::<BlobState>(&key).await? else {
                continue;
            };
            let state = blob.map_or(BlobState::dead(), |blob| blob.state);
            if is_unchecked {
                continue;
            }
            if state.quarantined().is_some() {
                continue; // told of with the blob
            }
            let Some(extent) = state.extent() else {
                let reason = format!(
                    "manifest {digest} of {name} refers to blob {target}, which is not there"
                );
                lacks.push(Lack { place: Place::Blob(target), key, reason });
                continue;
            };
            let link = layout::link(extent, name)?;
            if state.home.as_ref() == Some(name)
                || self.other::<Link>(&link).await?.is_none_or(|link| link.is_some())
            {
                continue;
            }
            // The blob may be in another extent by now, with another link.
            let now = self.other::<BlobState>(&key).await?.flatten();
            if now.is_some_and(|now| now.state.extent() == Some(extent)) {
                let reason = format!(
                    "blob {target} cannot be seen in {name}, whose manifest {digest} refers to it"
                );
                let place = Place::Manifest(name.clone(), *digest);
                lacks.push(Lack { place, key: link, reason });
            }
        }
        Ok(())
    }
}
