//! What must hold at the end, whatever happened.

use std::time::Duration;

use futures::TryStreamExt;
use orlop::{Algorithm, AuditOptions, CollectOptions, Digest, Manifest, PutManifest, References};
use orlop_fuzz::place::Place;
use orlop_fuzz::sessions::check_blob;

use crate::World;

impl World {
    /// Whatever happened: what was acknowledged is there, and can be finished.
    pub(super) async fn finish(mut self) {
        if let Place::Bucket(objects, _) = &self.place {
            objects.deliver_late().await;
        }
        self.reopen().await;
        for session in &self.sessions {
            let repository = &self.repositories[session.repository];
            let found = repository.resume_upload(&session.id, None).await.expect("a session");
            let Some(upload) = found else {
                assert!(session.may_be_over, "a session is gone");
                continue;
            };
            assert!(!session.is_over);
            let bytes = session.at(upload.offset(), session.durable()).to_owned();
            let digest = Digest::of(session.algorithm, &bytes);
            upload.commit(&digest).await.expect("a session that can be finished");
            let finished = repository.finished_upload(&session.id).await.expect("a session");
            assert!(finished.is_none_or(|finished| finished.digest == digest));
            self.blobs.insert((session.repository, digest), bytes);
        }
        self.check_blobs().await;
        self.keep_and_collect().await;
    }

    async fn check_blobs(&self) {
        for ((repository, digest), bytes) in &self.blobs {
            check_blob(&self.repositories[*repository], digest, bytes).await;
        }
    }

    /// What a manifest refers to outlives every collection, and all the rest goes.
    async fn keep_and_collect(&mut self) {
        let mut manifests = Vec::new();
        for (at, repository) in self.repositories.iter().enumerate() {
            let blobs = self.blobs.iter().filter(|((of, _), _)| *of == at);
            let manifest = image(blobs.map(|((_, digest), bytes)| (digest, bytes.len())));
            let references = Some(References::Complete);
            let put = PutManifest { references, ..PutManifest::default() };
            if let Some(manifest) = manifest {
                repository.put_manifest(&manifest, &put).await.expect("all blobs are there");
                manifests.push((at, *manifest.digest()));
            }
        }
        self.free().await;
        self.check_blobs().await;
        for (at, digest) in manifests {
            let deleted = self.repositories[at].delete_manifest(&digest).await;
            assert!(deleted.expect("a delete"));
        }
        self.free().await;
        let extents = self.place.open().await.extents;
        let left: Vec<_> = extents.walk().try_collect().await.expect("a walk");
        assert!(left.is_empty(), "left: {left:?}");
    }

    async fn free(&self) {
        let lease = Duration::ZERO;
        let options = CollectOptions { lease, upload_idle: lease, ..Default::default() };
        for repair in [true, false] {
            self.registry.collect(&options, &()).await.expect("a collection");
            let options = AuditOptions { repair, lease, ..Default::default() };
            let audited = self.registry.audit(&options, &()).await.expect("an audit");
            assert!(repair || audited.is_sound(), "{audited:?}");
            assert_eq!(audited.broken.count, 0, "{audited:?}");
        }
    }
}

fn image<'b>(blobs: impl Iterator<Item = (&'b Digest, usize)>) -> Option<Manifest> {
    let descriptors: Vec<String> = blobs
        .map(|(digest, size)| format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":{size}}}"#))
        .collect();
    let config = descriptors.first()?;
    let layers = descriptors.join(",");
    let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layers}]}}"#);
    Some(Manifest::parse(text.into(), None, Algorithm::Sha256).expect("a manifest"))
}
