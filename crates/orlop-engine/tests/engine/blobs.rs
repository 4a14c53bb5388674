//! Blobs: who sees them, mounts, deletes.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use orlop_engine::{Access, ErrorKind, MountFrom};
use orlop_oci::RepositoryName;

use crate::counting::counted;
use crate::fixture::{
    image_of, kind, new_registry, open, push_blob, push_image, read_blob, repository, sha256,
    tagged,
};

#[derive(Debug)]
struct Only(&'static str);

#[async_trait]
impl Access for Only {
    async fn may_read(&self, repository: &RepositoryName) -> bool {
        repository.as_str() == self.0
    }
}

#[tokio::test]
async fn a_blob_is_seen_only_where_it_was_pushed_or_mounted() {
    let registry = new_registry().await;
    let [a, b, c] = ["a", "a/b", "c"].map(|name| repository(&registry, name));
    let digest = push_blob(&a, "hello").await.unwrap();
    assert!(b.blob(&digest).await.unwrap().is_none());
    assert!(b.mount(&digest, MountFrom::Repository(c.name())).await.unwrap().is_none());
    assert!(b.mount(&digest, MountFrom::Repository(a.name())).await.unwrap().is_some());
    assert!(c.mount(&digest, MountFrom::Repository(b.name())).await.unwrap().is_some());
    assert_eq!(read_blob(&c, &digest).await.unwrap(), "hello");
    let unknown = sha256(b"unknown");
    assert!(b.mount(&unknown, MountFrom::Repository(a.name())).await.unwrap().is_none());
}

#[tokio::test]
async fn a_mount_from_anywhere_asks_the_embedder() {
    let registry = new_registry().await;
    let [a, b, c] = ["a", "b", "c"].map(|name| repository(&registry, name));
    let digest = push_blob(&a, "hello").await.unwrap();
    b.mount(&digest, MountFrom::Repository(a.name())).await.unwrap().unwrap();
    let anywhere = |name| MountFrom::Anywhere(Box::leak(Box::new(Only(name))));
    assert!(c.mount(&digest, anywhere("nobody")).await.unwrap().is_none());
    assert!(c.blob(&digest).await.unwrap().is_none());
    assert!(c.mount(&digest, anywhere("b")).await.unwrap().is_some());
    assert_eq!(read_blob(&c, &digest).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_deleted_blob_stays_in_the_other_repositories() {
    let registry = new_registry().await;
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let digest = push_blob(&a, "hello").await.unwrap();
    b.mount(&digest, MountFrom::Repository(a.name())).await.unwrap().unwrap();
    assert!(a.delete_blob(&digest).await.unwrap());
    assert!(!a.delete_blob(&digest).await.unwrap());
    assert!(a.blob(&digest).await.unwrap().is_none());
    assert_eq!(read_blob(&b, &digest).await.unwrap(), "hello");
    assert!(b.delete_blob(&digest).await.unwrap());
    assert!(b.blob(&digest).await.unwrap().is_none());
    push_blob(&b, "hello").await.unwrap();
    assert_eq!(read_blob(&b, &digest).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_blob_that_a_manifest_refers_to_cannot_be_deleted() {
    let registry = new_registry().await;
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let image = push_image(&a, "hello", &[]).await;
    let digest = sha256(b"hello");
    let error = a.delete_blob(&digest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains(&image.digest.to_string()), "{error}");
    assert_eq!(read_blob(&a, &digest).await.unwrap(), "hello");
    // Elsewhere nobody refers to it.
    b.mount(&digest, MountFrom::Repository(a.name())).await.unwrap().unwrap();
    assert!(b.delete_blob(&digest).await.unwrap());
    assert!(a.delete_manifest(&image.digest).await.unwrap());
    assert!(a.delete_blob(&digest).await.unwrap());
}

#[tokio::test]
async fn a_manifest_needs_its_blobs_in_its_own_repository() {
    let registry = new_registry().await;
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let digest = push_blob(&a, "hello").await.unwrap();
    let image = image_of(&digest, None);
    let put = tagged(&["v1"]);
    let error = b.put_manifest(&image, &put).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ManifestBlobUnknown);
    assert!(error.to_string().contains(&digest.to_string()), "{error}");
    assert!(b.manifest(&"v1".parse().unwrap()).await.unwrap().is_none());
    assert!(!b.exists().await.unwrap());
    b.mount(&digest, MountFrom::Repository(a.name())).await.unwrap().unwrap();
    b.put_manifest(&image, &put).await.unwrap();
    assert_eq!(kind(b.delete_blob(&digest).await), ErrorKind::Denied);
}

/// Whatever the store holds besides.
#[tokio::test]
async fn a_head_is_one_read_and_a_pull_by_tag_two() {
    let (environment, counts) = counted().await;
    let registry = open(environment).await;
    let a = repository(&registry, "a");
    let digest = push_image(&a, "hello", &["v1"]).await.digest;
    let hello = sha256(b"hello");
    let mounted = repository(&registry, "mounted");
    mounted.mount(&hello, MountFrom::Repository(a.name())).await.unwrap().unwrap();
    for images in [0, 200] {
        for n in 0..images {
            push_image(&a, &format!("another {n}"), &[&format!("another-{n}")]).await;
        }
        counts.take();
        a.hold_blob(&hello).await.unwrap().unwrap();
        assert_eq!(counts.take(), (1, 0), "{images}");
        mounted.hold_blob(&hello).await.unwrap().unwrap();
        assert_eq!(counts.take(), (2, 0), "{images}"); // the link as well
        counts.extent_reads.store(0, Ordering::Relaxed);
        assert_eq!(read_blob(&a, &hello).await.unwrap(), "hello");
        assert_eq!(counts.take(), (1, 0), "{images}");
        assert_eq!(counts.extent_reads.load(Ordering::Relaxed), 1, "{images}");
        a.manifest(&"v1".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(counts.take(), (2, 0), "{images}");
        a.manifest(&digest.into()).await.unwrap().unwrap();
        assert_eq!(counts.take(), (1, 0), "{images}");
    }
}
