//! Blobs that are deleted, collected and pushed again while they are read: a reader gets what was
//! there when it began, whole, or is cut off; it never gets other bytes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use orlop::object_store::{Bucket, ObjectStoreOptions};
use orlop::{Algorithm, CollectOptions, Digest, Environment, Options, Registry, Repository};
use tokio::runtime::Runtime;

use crate::content::noise;

async fn push(repository: &Repository, bytes: &Bytes) -> Digest {
    let digest = Digest::of(Algorithm::Sha256, bytes);
    let mut upload = repository.begin_upload(Algorithm::Sha256).await.expect("an upload");
    for piece in bytes.chunks(1 << 16) {
        upload.write(Bytes::copy_from_slice(piece)).await.expect("a write");
    }
    upload.commit(&digest).await.expect("a commit");
    digest
}

async fn collect(registry: &Registry) -> u64 {
    let eager = CollectOptions {
        lease: Duration::ZERO,
        upload_idle: Duration::ZERO,
        ..CollectOptions::default()
    };
    registry.collect(&eager, &()).await.expect("a collection").blobs
}

async fn vanish_and_come_back(store: Environment) {
    let registry = Registry::open(store, Options::default()).await.expect("a registry");
    let repository = registry.repository("app".parse().expect("a name"));
    let bytes = noise(1, 4 << 20);
    let digest = push(&repository, &bytes).await;
    for comes_back in [false, true] {
        let blob = repository.blob(&digest).await.expect("a record").expect("a blob");
        let mut whole = blob.read(0..u64::MAX).await.expect("its bytes");
        let mut part = blob.read(1_000_000..3_000_000).await.expect("a part");
        let mut read = whole.try_next().await.expect("a start").expect("a first piece").to_vec();
        assert!(repository.delete_blob(&digest).await.expect("a delete"));
        assert!(collect(&registry).await > 0, "nothing was collected");
        if comes_back {
            push(&repository, &bytes).await;
        } else {
            // Others take the room.
            push(&repository, &noise(2, 4 << 20)).await;
        }
        let rest = async {
            while let Some(piece) = whole.try_next().await? {
                read.extend_from_slice(&piece);
            }
            Ok::<_, orlop::backend::Error>(())
        };
        match rest.await {
            Ok(()) => assert!(read == bytes, "{} other bytes", read.len()),
            Err(_) => assert!(bytes.starts_with(&read), "other bytes, and then an error"),
        }
        let mut read = Vec::new();
        while let Ok(Some(piece)) = part.try_next().await {
            read.extend_from_slice(&piece);
        }
        assert!(bytes[1_000_000..3_000_000].starts_with(&read), "other bytes of a part");
        // Who has found it before and reads it now reads what is there now, or learns that it went.
        match blob.read(0..u64::MAX).await {
            Ok(now) => {
                let read: Vec<Bytes> = now.try_collect().await.expect("all of it");
                assert!(comes_back && read.concat() == bytes);
            }
            Err(error) => assert!(!comes_back, "{error}"),
        }
        if !comes_back {
            push(&repository, &bytes).await;
        }
    }
}

#[test]
fn in_memory() {
    Runtime::new().unwrap().block_on(vanish_and_come_back(Environment::memory()));
}

#[test]
fn in_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let options = orlop::fs::FsOptions { durable: false };
    Runtime::new().unwrap().block_on(async {
        vanish_and_come_back(orlop::fs::open(directory.path(), &options).unwrap()).await;
    });
}

#[test]
fn in_a_bucket() {
    Runtime::new().unwrap().block_on(async {
        for part_bytes in [8 << 20, 300_000] {
            let mut options = ObjectStoreOptions::default();
            (options.part_bytes, options.parts_max) = (part_bytes, 3); // several objects for one
            let bucket = Bucket::new(Arc::new(InMemory::new()));
            let store = orlop::object_store::open_on(bucket, &options).await.unwrap();
            vanish_and_come_back(store).await;
        }
    });
}
