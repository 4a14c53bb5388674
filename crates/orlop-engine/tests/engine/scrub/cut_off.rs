//! Files of blobs that were cut off or have grown, before a scrub has found them.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_engine::{Blob, ErrorKind};

use super::in_directory;
use super::quarantine::file_of;
use crate::fixture::{kind, open, push_blob, repository};

/// A blob that was pushed, and its file.
async fn all_of_it(directory: &Path) -> (Blob, PathBuf) {
    let registry = open(in_directory(directory)).await;
    let repository = repository(&registry, "app");
    let digest = push_blob(&repository, "all of it").await.unwrap();
    let blob = repository.blob(&digest).await.unwrap().unwrap();
    (blob, file_of(directory, "all of it"))
}

#[tokio::test]
async fn a_file_that_ends_early_is_an_error_and_never_a_short_blob() {
    let directory = tempfile::tempdir().unwrap();
    let (blob, file) = all_of_it(directory.path()).await;
    for left in ["all of", ""] {
        fs::write(&file, left).unwrap();
        let read = blob.read(0..u64::MAX).await.unwrap();
        let error = read.try_collect::<Vec<Bytes>>().await.unwrap_err();
        assert_eq!(error.kind(), orlop_backend::ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains(&blob.descriptor().digest.to_string()), "{error}");
        assert_eq!(kind(blob.file(0..u64::MAX).await), ErrorKind::Corrupt);
        assert_eq!(kind(blob.file(8..9).await), ErrorKind::Corrupt);
    }
    fs::write(&file, "all of").unwrap();
    let part: Vec<Bytes> = blob.read(0..3).await.unwrap().try_collect().await.unwrap();
    assert_eq!(part.concat(), b"all", "what is there is read");
}

#[tokio::test]
async fn what_a_file_has_behind_its_blob_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let (blob, file) = all_of_it(directory.path()).await;
    fs::write(file, "all of it and more").unwrap();
    for range in [0..u64::MAX, 0..12, 0..9] {
        let read: Vec<Bytes> = blob.read(range.clone()).await.unwrap().try_collect().await.unwrap();
        assert_eq!(read.concat(), b"all of it");
        assert_eq!(blob.file(range).await.unwrap().unwrap().range, 0..9);
    }
    assert_eq!(blob.file(12..20).await.unwrap().unwrap().range, 9..9);
}
