//! Every future of the engine can be spawned: servers do nothing else with them.

use orlop::{
    AuditOptions, CollectOptions, Condition, Digest, Manifest, MountFrom, PutManifest, Reference,
    Registry, Repository, ScrubOptions, Tag, UploadId,
};

fn is_send(_: impl Send) {}

/// Compiling it is the test.
#[allow(dead_code, clippy::let_underscore_future)]
fn every_future_is_send(
    registry: &Registry,
    repository: &Repository,
    (manifest, reference): (&Manifest, &Reference),
    (tag, digest, id): (&Tag, &Digest, &UploadId),
) {
    let (collect, audit) = (CollectOptions::default(), AuditOptions::default());
    let scrub = ScrubOptions::default();
    is_send(registry.repositories(None, 1));
    is_send(repository.exists());
    is_send(async {
        let mut upload = repository.begin_upload_of(digest).await?;
        upload.write("bytes".into()).await?;
        upload.commit(digest).await
    });
    is_send(async {
        let upload = repository.resume_upload(id, Some(1)).await?;
        match upload {
            Some(upload) => upload.pause().await,
            None => Ok(0),
        }
    });
    is_send(async {
        let upload = repository.begin_upload(digest.algorithm()).await?;
        upload.cancel().await
    });
    is_send(async {
        let blob = repository.blob(digest).await?;
        match blob {
            Some(blob) => blob.read(0..1).await.map(Some),
            None => Ok(None),
        }
    });
    is_send(repository.mount(digest, MountFrom::Repository(repository.name())));
    is_send(async { repository.put_manifest(manifest, &PutManifest::default()).await });
    is_send(repository.manifest(reference));
    is_send(repository.finished_upload(id));
    is_send(repository.set_tag(tag, digest, Condition::Any));
    is_send(repository.tags(None, 1));
    is_send(repository.referrers(digest, None, None, 1));
    is_send(repository.delete_tag(tag, Condition::Any));
    is_send(repository.delete_manifest(digest));
    is_send(repository.delete_blob(digest));
    is_send(registry.collect(&collect, &()));
    is_send(registry.audit(&audit, &()));
    is_send(registry.scrub(&scrub, &()));
}

#[test]
fn it_compiled() {}
