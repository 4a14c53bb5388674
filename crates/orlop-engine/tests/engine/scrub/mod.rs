//! The scrub: damage is made behind the engine's back, found and named.

mod aside;
mod bucket;
mod cut_off;
mod injected;
mod inventory;
mod online;
mod quarantine;
mod repair;
mod resumed;
mod threads;

use std::path::Path;
use std::time::Duration;

use orlop_backend::Environment;
use orlop_engine::{Damage, MountFrom, PutManifest, Registry, Repository, ScrubOptions, Scrubbed};
use orlop_fs::FsOptions;
use orlop_oci::{Algorithm, Descriptor, Digest, RepositoryName, Tag};

use crate::collect::EAGER;
use crate::fixture::{image_of, index_of, open, push_blob, push_image, repository, sha256, tagged};

/// Whatever is there is old enough.
fn strict() -> ScrubOptions {
    ScrubOptions { lease: Duration::ZERO, ..ScrubOptions::default() }
}

async fn scrub(registry: &Registry) -> Scrubbed {
    registry.scrub(&strict(), &()).await.unwrap()
}

/// A store in a directory, where a test can do damage.
fn in_directory(directory: &Path) -> Environment {
    orlop_fs::open(directory, &FsOptions { durable: false }).unwrap()
}

/// What is in the small store.
#[derive(Debug)]
struct Images {
    a: Repository,
    b: Repository,
    first: Descriptor,
    index: Descriptor,
}

/// A store with a little of everything: images with tags, an index, a referrer, two repositories
/// with a blob in common, an untagged manifest that is noted and one that is announced, a blob
/// without a manifest, and an upload under way.
async fn fill(registry: &Registry) -> Images {
    let (a, b) = (repository(registry, "a"), repository(registry, "a/b"));
    let first = push_image(&a, "first", &["v1", "v2"]).await;
    let second = push_blob(&a, "other").await.unwrap();
    let second = image_of(&second, None);
    a.put_manifest(&second, &PutManifest::default()).await.unwrap();
    let image = image_of(&sha256(b"first"), None);
    let index = index_of(&[&image, &second], "index");
    let index = a.put_manifest(&index, &tagged(&["index"])).await.unwrap();
    let about = push_blob(&a, "about").await.unwrap();
    let about = image_of(&about, Some(&first.digest));
    a.put_manifest(&about, &PutManifest::default()).await.unwrap();
    b.mount(&sha256(b"first"), MountFrom::Repository(a.name())).await.unwrap().unwrap();
    b.put_manifest(&image, &tagged(&["copy"])).await.unwrap();
    push_image(&b, "noted", &[]).await;
    registry.collect(&EAGER, &()).await.unwrap();
    push_image(&b, "announced", &[]).await;
    push_blob(&a, "nobody's").await.unwrap();
    let mut upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
    upload.write("under way".into()).await.unwrap();
    upload.pause().await.unwrap();
    Images { a, b, first, index }
}

async fn filled(directory: &Path) -> (Registry, Images) {
    let registry = open(in_directory(directory)).await;
    let images = fill(&registry).await;
    (registry, images)
}

/// The names of what is affected.
fn affected(damage: &Damage) -> (Vec<String>, Vec<String>, Vec<String>) {
    let affected = &damage.affected;
    let manifest = |(name, digest): &(RepositoryName, Digest)| format!("{name}@{digest}");
    let tag = |(name, tag): &(RepositoryName, Tag)| format!("{name}:{tag}");
    (
        affected.repositories.kept.iter().map(ToString::to_string).collect(),
        affected.manifests.kept.iter().map(manifest).collect(),
        affected.tags.kept.iter().map(tag).collect(),
    )
}
