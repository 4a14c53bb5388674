//! What the tests have in common.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{Clock, Entropy, Environment, ExtentId, Key, Prefix, SystemEntropy};
use orlop_engine::{ErrorKind, Options, PutManifest, Registry, Repository, Result};
use orlop_object_store::ObjectStoreOptions;
use orlop_oci::{Algorithm, Descriptor, Digest, Manifest};
use tempfile::TempDir;

pub(crate) async fn open(environment: Environment) -> Registry {
    Registry::open(environment, options()).await.unwrap()
}

/// All blobs have extents, however small they are: most tests are about what becomes of these.
pub(crate) fn options() -> Options {
    Options { inline_bytes_max: 0, ..Options::default() }
}

/// An empty store of the kind that `ORLOP_TEST_STORE` names: `memory`, which it is without it,
/// `files`, or `s3`, in the bucket that `ORLOP_TEST_S3` names.
pub(crate) async fn new_store() -> Environment {
    match std::env::var("ORLOP_TEST_STORE").as_deref() {
        Err(_) | Ok("memory") => Environment::memory(),
        Ok("files") => {
            let directory = tempfile::tempdir().unwrap();
            // What a power cut does is not what is tested here, and to sync is slow.
            let options = orlop_fs::FsOptions { durable: false };
            let store = orlop_fs::open(directory.path(), &options).unwrap();
            Environment { clock: Arc::new(ClockIn(directory)), ..store }
        }
        Ok("s3") => {
            let bucket = std::env::var("ORLOP_TEST_S3").expect("ORLOP_TEST_S3 names a bucket");
            let id = SystemEntropy.random_id().unwrap();
            let url = format!("{}/engine/{id}", bucket.trim_end_matches('/'));
            orlop_object_store::open(&url, &ObjectStoreOptions::default()).await.unwrap()
        }
        Ok(other) => panic!("ORLOP_TEST_STORE is {other:?}, expected memory, files or s3"),
    }
}

/// The system's clock, which keeps the directory of a store until nobody has the store any more.
#[derive(Debug)]
struct ClockIn(#[allow(dead_code)] TempDir); // it is there to be dropped

impl Clock for ClockIn {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A time that stands still.
#[derive(Debug)]
pub(crate) struct Standing(pub(crate) SystemTime);

impl Clock for Standing {
    fn now(&self) -> SystemTime {
        self.0
    }
}

pub(crate) async fn new_registry() -> Registry {
    open(new_store().await).await
}

pub(crate) fn repository(registry: &Registry, name: &str) -> Repository {
    registry.repository(name.parse().unwrap())
}

pub(crate) fn sha256(content: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, content)
}

pub(crate) async fn push_blob(repository: &Repository, content: &str) -> Result<Digest> {
    let digest = sha256(content.as_bytes());
    let mut upload = repository.begin_upload_of(&digest).await?;
    upload.write(Bytes::copy_from_slice(content.as_bytes())).await?;
    Ok(upload.commit(&digest).await?.digest)
}

pub(crate) async fn read_blob(repository: &Repository, digest: &Digest) -> Option<Bytes> {
    let blob = repository.blob(digest).await.unwrap()?;
    let pieces: Vec<Bytes> = blob.read(0..u64::MAX).await.unwrap().try_collect().await.unwrap();
    Some(pieces.concat().into())
}

fn descriptor_json(digest: &Digest, size: usize) -> String {
    format!(r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":{size}}}"#)
}

/// An image whose config and only layer is this blob.
pub(crate) fn image_of(blob: &Digest, subject: Option<&Digest>) -> Manifest {
    let blob = descriptor_json(blob, 1);
    let subject = subject
        .map(|subject| format!(r#","subject":{}"#, descriptor_json(subject, 1)))
        .unwrap_or_default();
    let text = format!(r#"{{"schemaVersion":2,"config":{blob},"layers":[{blob}]{subject}}}"#);
    Manifest::parse(text.into(), None, Algorithm::Sha256).unwrap()
}

pub(crate) fn index_of(children: &[&Manifest], note: &str) -> Manifest {
    let children: Vec<String> =
        children.iter().map(|child| descriptor_json(child.digest(), child.bytes().len())).collect();
    let text = format!(
        r#"{{"schemaVersion":2,"manifests":[{}],"annotations":{{"note":"{note}"}}}}"#,
        children.join(",")
    );
    Manifest::parse(text.into(), None, Algorithm::Sha256).unwrap()
}

pub(crate) fn tagged(tags: &[&str]) -> PutManifest {
    let tags = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    PutManifest { tags, ..PutManifest::default() }
}

/// Pushes an image with a blob of its own.
pub(crate) async fn push_image(
    repository: &Repository,
    content: &str,
    tags: &[&str],
) -> Descriptor {
    let blob = push_blob(repository, content).await.unwrap();
    repository.put_manifest(&image_of(&blob, None), &tagged(tags)).await.unwrap()
}

pub(crate) async fn pulls(repository: &Repository, reference: &str) -> Option<Digest> {
    let reference = reference.parse().unwrap();
    let manifest = repository.manifest(&reference).await.unwrap()?;
    Some(manifest.descriptor.digest)
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.expect_err("it should have failed").kind()
}

/// The names of all extents that are there, of blobs or not.
pub(crate) async fn extents(store: &Environment) -> Vec<ExtentId> {
    store.extents.walk().map_ok(|extent| extent.id).try_collect().await.unwrap()
}

/// The keys of all records and markers below a prefix.
pub(crate) async fn keys(store: &Environment, prefix: &str) -> Vec<Key> {
    let prefix = Prefix::new([prefix]).unwrap();
    store.records.walk(&prefix).map_ok(|entry| entry.key).try_collect().await.unwrap()
}
