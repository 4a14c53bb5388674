//! Pushing manifests.

use std::iter::once;

use orlop_backend::{Changed, Key, RandomId};
use orlop_oci::{Descriptor, Manifest};

use crate::lease::Reliance;
use crate::references::edge_keys;
use crate::repository::{ATTEMPTS, Repository, contended};
use crate::state::{ManifestState, Targets};
use crate::store::{Stored, swapping};
use crate::tag::NewTag;
use crate::{Error, ErrorKind, PutManifest, Result, layout};

impl Repository {
    /// Stores a manifest and sets tags on it. When this returns, the manifest, its edges and the
    /// tags are durable, and everything that the policy asks for is there and stays there.
    ///
    /// Fails with [`ErrorKind::ManifestBlobUnknown`] if something is missing, with
    /// [`ErrorKind::ManifestTooLarge`] above the limit, and with [`ErrorKind::Precondition`] if a
    /// tag is not what [`PutManifest::condition`] asks for. Tags are set one after the other: if
    /// one of them fails, those before it are set.
    ///
    /// ```
    /// use orlop_backend::Environment;
    /// use orlop_engine::{Options, PutManifest, Registry};
    /// use orlop_oci::{Algorithm, Manifest};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let registry = Registry::open(Environment::memory(), Options::default()).await?;
    /// # let repository = registry.repository("app".parse()?);
    /// let bytes = r#"{"schemaVersion":2,"manifests":[]}"#;
    /// let index = Manifest::parse(bytes.into(), None, Algorithm::Sha256)?;
    /// let put = PutManifest { tags: vec!["v1".parse()?, "latest".parse()?], ..Default::default() };
    /// repository.put_manifest(&index, &put).await?;
    /// let pulled = repository.manifest(&"latest".parse()?).await?.expect("it was pushed");
    /// assert_eq!(pulled.bytes, bytes);
    /// # Ok::<(), orlop_engine::Error>(()) }).unwrap();
    /// ```
    pub async fn put_manifest(&self, manifest: &Manifest, put: &PutManifest) -> Result<Descriptor> {
        self.check_size(manifest)?;
        let (repository, manifest, put) = (self.clone(), manifest.clone(), put.clone());
        self.store().run(async move { repository.put(&manifest, &put).await }).await
    }

    async fn put(&self, manifest: &Manifest, put: &PutManifest) -> Result<Descriptor> {
        let digest = manifest.digest();
        for _ in 0..ATTEMPTS {
            let tags = self.new_tags(&put.tags, put.condition).await?;
            let Some(mut pushed) = self.push(manifest, put, &tags).await? else {
                continue; // somebody pushed or deleted it at this moment
            };
            if !tags.is_empty() {
                let Pushed { incarnation, tags: done, .. } = pushed;
                match self.set_all(tags, done, digest, incarnation, put.condition).await {
                    Ok(()) => pushed.resolved.extend(pushed.candidate),
                    // It was deleted before it was tagged: nobody was told that it was there.
                    Err(error) if error.kind() == ErrorKind::ManifestUnknown => continue,
                    Err(error) => return Err(error),
                }
            }
            self.store().forget(&pushed.resolved).await?;
            return Ok(manifest.descriptor());
        }
        Err(contended(format_args!("manifest {digest} of {}", self.name)))
    }

    /// Makes the manifest live; `None` if it has to be tried again.
    async fn push(
        &self,
        manifest: &Manifest,
        put: &PutManifest,
        tags: &[NewTag],
    ) -> Result<Option<Pushed>> {
        let (digest, store) = (manifest.digest(), self.store());
        let key = layout::manifest(&self.name, digest)?;
        let current = store.get::<ManifestState>(&key).await?;
        if let Some(live) = current.as_ref().and_then(|current| current.state.live()) {
            let tag_edges = self.tag_edges(digest, live, tags)?;
            store.mark(&tag_edges).await?;
            // Again, after the tags' edges are there: who deletes it now will see them. A push
            // without a tag relies on what it was told, as one that finds a blob.
            let reliance = if tags.is_empty() { Reliance::Lease } else { Reliance::Edge };
            if self.live_manifest(digest, reliance).await? == Some(live) {
                let (tags, candidate, resolved) = (0, None, Vec::new());
                return Ok(Some(Pushed { incarnation: live, tags, candidate, resolved }));
            }
            store.clear(&tag_edges).await?; // no tag was tried with them
            return Ok(None);
        }
        self.push_new(manifest, put, current, tags).await
    }

    /// Edges, then checks, then the manifest. A collector does it the other way round: it makes
    /// its intention known in the blob's record, and then looks for edges. So one of the two sees
    /// the other, and no order of steps leaves a manifest without a blob.
    async fn push_new(
        &self,
        manifest: &Manifest,
        put: &PutManifest,
        current: Option<Stored<ManifestState>>,
        tags: &[NewTag],
    ) -> Result<Option<Pushed>> {
        let (digest, store) = (manifest.digest(), self.store());
        let incarnation = store.random_id()?;
        let targets = Targets::of(manifest);
        let mut edges = edge_keys(&self.name, digest, &targets, incarnation)?;
        edges.extend(self.tag_edges(digest, incarnation, tags)?);
        // Before the act: a push that dies must leave something that leads to its edges, and to
        // a manifest that never got its tag.
        let candidate = self.announce_push(digest, incarnation, targets, &edges).await?;
        let policy = put.references.unwrap_or(self.shared.options.references);
        let resolved = match self.check_references(manifest, policy).await {
            Ok(sessions) => sessions,
            Err(error) => {
                edges.push(candidate);
                store.clear(&edges).await?; // the incarnation was never tried
                return Err(error);
            }
        };
        self.make().await?;
        let (state, version) = match current {
            Some(Stored { state, version, .. }) => (state, Some(version)),
            None => (ManifestState::empty(), None),
        };
        let key = layout::manifest(&self.name, digest)?;
        let state = state.pushed(incarnation, manifest.descriptor(), manifest.bytes().clone());
        let steps = once(swapping(&key, version.as_ref(), &state))
            .chain(self.first_tags(digest, incarnation, tags))
            .collect::<Result<_>>()?;
        // The one attempt of this incarnation. If it fails with an error, it may still happen,
        // so its edges stay for a collector to judge.
        let tags = match store.change_all(steps).await? {
            Changed::All(versions) => versions.len() - 1,
            Changed::Conflict { at: 0 } => {
                // Another one's, or the echo of our own: only if it is not ours are the edges dead.
                let now = store.get::<ManifestState>(&key).await?;
                if now.and_then(|now| now.state.live()) != Some(incarnation) {
                    edges.push(candidate);
                    store.clear(&edges).await?;
                    return Ok(None);
                }
                0
            }
            Changed::Conflict { at } => at - 1,
        };
        Ok(Some(Pushed { incarnation, tags, candidate: Some(candidate), resolved }))
    }

    fn check_size(&self, manifest: &Manifest) -> Result<()> {
        let (size, max) = (manifest.bytes().len(), self.shared.options.manifest_bytes_max);
        if size > max {
            let digest = manifest.digest();
            let message = format!("manifest {digest} has {size} bytes, at most {max} are allowed");
            return Err(Error::new(ErrorKind::ManifestTooLarge, message));
        }
        let edges = manifest.edges().count();
        if edges > EDGES_MAX {
            let digest = manifest.digest();
            let message = format!(
                "manifest {digest} has {edges} references, at most {EDGES_MAX} are allowed"
            );
            return Err(Error::new(ErrorKind::ManifestInvalid, message));
        }
        Ok(())
    }
}

/// A manifest that lives.
#[derive(Debug)]
struct Pushed {
    incarnation: RandomId,
    /// How many of its tags, from the first, are set already.
    tags: usize,
    /// Says that it may be without a tag.
    candidate: Option<Key>,
    /// The sessions of its blobs, which told a collector of blobs that nothing refers to.
    resolved: Vec<Key>,
}

/// Most references that a manifest may have: each is a marker of its own.
const EDGES_MAX: usize = 10_000;
