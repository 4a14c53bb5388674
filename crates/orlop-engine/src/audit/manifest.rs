//! Manifests, and what they refer to.

use orlop_backend::{Key, RandomId};
use orlop_oci::{Digest, Manifest, RepositoryName, Role};

use super::known::Suspect;
use super::{Audited, Auditor, Broken, Fault, if_readable};
use crate::collect::{CollectOptions, Collected, Collector, Edges};
use crate::delete::reparse;
use crate::references::{edge_keys, roles};
use crate::state::{BlobState, ManifestState, Targets, Untagged};
use crate::{References, Repository, Result, layout};

/// A manifest that lives.
#[derive(Debug)]
struct Living<'l> {
    repository: Repository,
    key: &'l Key,
    manifest: Manifest,
    incarnation: RandomId,
}

impl Auditor<'_> {
    pub(super) async fn manifest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        key: &Key,
        done: &mut Audited,
    ) -> Result<()> {
        let Some(current) = self.store().get::<ManifestState>(key).await? else {
            return Ok(());
        };
        let state = current.state;
        if !state.over().is_empty() {
            self.known().suspects.insert(Suspect::Manifest(name.clone(), *digest));
        }
        let Some(incarnation) = state.live() else {
            return Ok(());
        };
        done.inventory.manifests.add(state.bytes.len() as u64);
        let manifest = reparse(&state, digest)?;
        if manifest.digest() != digest {
            let found = manifest.digest();
            let reason = format!("manifest {digest} of {name}: its bytes have the digest {found}");
            done.broken.push(Broken { key: key.clone(), reason });
            return Ok(());
        }
        let repository = self.registry.repository(name.clone());
        self.repository(&repository, done).await?;
        let living = Living { repository, key, manifest, incarnation };
        if self.edges(&living, done).await? {
            self.references(&living, done).await?;
        }
        if self.keepers(name, digest, &state, incarnation).await? == Edges::None {
            // The edge of a tag, or of an index, may be missing, and be marked before the end.
            self.known().suspects.insert(Suspect::Untagged(name.clone(), *digest));
        }
        Ok(())
    }

    async fn keepers(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        state: &ManifestState,
        incarnation: RandomId,
    ) -> Result<Edges> {
        let collected = &mut Collected::default();
        let options = CollectOptions { dry_run: true, ..self.collect };
        let collector = Collector::new(self.registry, &options);
        collector.keepers(name, digest, state, incarnation, collected).await
    }

    /// Notes a manifest that nothing keeps, so that a collection looks at it that is told to.
    pub(super) async fn suspected_untagged(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        done: &mut Audited,
    ) -> Result<()> {
        let key = layout::manifest(name, digest)?;
        let Some((incarnation, state)) = self
            .store()
            .get::<ManifestState>(&key)
            .await?
            .and_then(|current| Some((current.state.live()?, current.state)))
        else {
            return Ok(());
        };
        if self.keepers(name, digest, &state, incarnation).await? != Edges::None {
            return Ok(());
        }
        let collected = &mut Collected::default();
        done.inventory.untagged += 1;
        // Its time runs from the first note on.
        let note = self.store().get::<Untagged>(&layout::untagged(name, digest)?).await;
        if self.options.repair && if_readable(note)?.is_some_and(|note| note.is_none()) {
            self.collector().released(name, digest, collected).await?;
        }
        Ok(())
    }

    /// A repository with a manifest exists: it is made before the manifest is.
    async fn repository(&self, repository: &Repository, done: &mut Audited) -> Result<()> {
        if !self.known().repositories.insert(repository.name.clone()) {
            return Ok(());
        }
        if if_readable(repository.exists().await)? == Some(false) {
            if self.options.repair {
                repository.make().await?;
            }
            done.fault(Fault::Repository, self.options.repair);
        }
        Ok(())
    }

    /// Makes sure that all edges are marked; `false` if the manifest was deleted meanwhile.
    async fn edges(&self, living: &Living<'_>, done: &mut Audited) -> Result<bool> {
        let Living { repository, manifest, incarnation, .. } = living;
        let mut missing = Vec::new();
        let targets = Targets::of(manifest);
        for key in edge_keys(&repository.name, manifest.digest(), &targets, *incarnation)? {
            if !self.is_marked(&key).await? {
                missing.push(key);
            }
        }
        if missing.is_empty() {
            return Ok(true);
        }
        // After the edges: they are cleared only when the manifest is over.
        if !self.is_living(living).await? {
            return Ok(false);
        }
        if self.options.repair {
            self.store().mark(&missing).await?;
            // Again: who deleted it meanwhile may have cleared its edges before these were there.
            if !self.is_living(living).await? {
                self.store().clear(&missing).await?;
                return Ok(false);
            }
            // As after a push: who saw no edge has made its intention known, and it is taken back.
            repository.check_references(manifest, References::Unchecked).await?;
        }
        for _ in missing {
            done.fault(Fault::Unmarked, self.options.repair);
        }
        Ok(true)
    }

    /// Whether all is there that the manifest refers to, and can be seen in its repository.
    async fn references(&self, living: &Living<'_>, done: &mut Audited) -> Result<()> {
        let mut found = Audited::default();
        let mut unlinked = Vec::new();
        let is_unchecked = self.registry.options().references == References::Unchecked;
        for (target, role) in roles(&living.manifest) {
            if role == Role::Subject {
                continue; // need not exist
            }
            if role == Role::Child {
                let child = living.repository.read_manifest(&target, None).await;
                found.absent += u64::from(if_readable(child)?.is_some_and(|c| c.is_none()));
                continue;
            }
            self.known().refer_to(&target);
            let blob = self.store().get::<BlobState>(&layout::blob(&target)?).await;
            let Some(blob) = if_readable(blob)? else {
                continue; // it may be there
            };
            let need_not_be_there = role == Role::NondistributableLayer || is_unchecked;
            match blob.map(|blob| blob.state).filter(|blob| blob.kept().is_some()) {
                None if role == Role::NondistributableLayer => {}
                None if is_unchecked => found.absent += 1,
                None => {
                    found.broken.push(living.lacks(&target, role));
                    found.is_blind = true; // an orphan may have its bytes
                }
                Some(_) if need_not_be_there => {}
                Some(blob) if blob.quarantined().is_some() => {} // told of with the blobs
                Some(blob) => {
                    if if_readable(living.repository.sees(&blob).await)? == Some(false) {
                        unlinked.push((target, blob));
                    }
                }
            }
        }
        // After all of that: what it referred to goes only after it.
        if !self.is_living(living).await? {
            return Ok(());
        }
        *done += found;
        for (target, blob) in unlinked {
            // It may be in another extent since it was looked at, and was then linked there.
            let now = self.store().get::<BlobState>(&layout::blob(&target)?).await;
            if if_readable(now)?.flatten().is_none_or(|now| now.state.extent() != blob.extent()) {
                continue;
            }
            if self.options.repair {
                living.repository.link(&blob).await?;
            }
            done.fault(Fault::Unlinked, self.options.repair);
        }
        Ok(())
    }

    async fn is_living(&self, living: &Living<'_>) -> Result<bool> {
        let now = self.store().get::<ManifestState>(living.key).await?;
        Ok(now.and_then(|now| now.state.live()) == Some(living.incarnation))
    }
}

impl Living<'_> {
    fn lacks(&self, target: &Digest, role: Role) -> Broken {
        let role = if role == Role::Config { "config" } else { "layer" };
        let (digest, name) = (self.manifest.digest(), &self.repository.name);
        let reason =
            format!("manifest {digest} of {name} refers to {role} {target}, which is gone");
        Broken { key: self.key.clone(), reason }
    }
}
