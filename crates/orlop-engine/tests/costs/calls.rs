//! System calls, and bytes that pass to and from files.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_engine::{PutManifest, Repository};
use orlop_fs::FsOptions;
use orlop_oci::{Algorithm, Digest, Manifest};
use tempfile::TempDir;

use crate::disk::{CountingDisk, Counts};
use crate::{Alone, alone, noise, push, repository};

struct Fixture {
    repository: Repository,
    counts: Counts,
    _directory: TempDir,
    _alone: Alone,
}

/// A store in which so much was done already that its journal has grown.
async fn fixture() -> Fixture {
    let (alone, directory) = (alone().await, tempfile::tempdir().unwrap());
    let counts = Counts::default();
    let disk = Arc::new(CountingDisk(counts.clone()));
    let options = FsOptions::default();
    let repository = repository(orlop_fs::open_on(disk, directory.path(), &options).unwrap()).await;
    for seed in 1..20 {
        let (small, large) = (noise(seed, 1000), noise(seed, 100_000));
        push(&repository, &small).await;
        push(&repository, &large).await;
        repository.put_manifest(&image(&small), &tagged("first")).await.unwrap();
    }
    counts.take();
    Fixture { repository, counts, _directory: directory, _alone: alone }
}

/// An image whose config and only layer is this blob.
fn image(blob: &[u8]) -> Manifest {
    let (digest, size) = (Digest::of(Algorithm::Sha256, blob), blob.len());
    let kind = "application/octet-stream";
    let blob = format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":{size}}}"#);
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let head = format!(r#""schemaVersion":2,"mediaType":"{kind}""#);
    let image = format!(r#"{{{head},"config":{blob},"layers":[{blob}]}}"#);
    Manifest::parse(image.into(), None, Algorithm::Sha256).unwrap()
}

fn tagged(tag: &str) -> PutManifest {
    PutManifest { tags: vec![tag.parse().unwrap()], ..Default::default() }
}

/// These calls and no others, and none more often. Where a directory is new, a name is made again.
fn assert_at_most(found: &BTreeMap<&'static str, u64>, bounds: &[(&'static str, u64)]) {
    let bounds: BTreeMap<_, _> = bounds.iter().copied().collect();
    let dirs = found.get("create_dir").copied().unwrap_or_default();
    for (kind, count) in found {
        let again = if *kind == "create" { dirs } else { 0 };
        let bound = bounds.get(kind).copied().unwrap_or_default() + again;
        assert!(*count <= bound, "{count} times {kind}, at most {bound} expected: {found:?}");
    }
}

#[tokio::test]
async fn a_small_blob_is_two_files_and_one_sync() {
    let it = fixture().await;
    push(&it.repository, &noise(100, 4096)).await;
    let found = it.counts.take();
    assert_at_most(
        &found,
        &[
            ("open", 3),
            ("lock", 5),
            ("unlock", 5),
            ("metadata", 2),
            ("read", 4),
            ("create", 2),
            ("write", 5),
            ("sync", 1),
            ("create_dir", 2),
            ("bytes read", 32),
            ("bytes written", 13_000), // in a record, and in the journal, where blocks are whole
        ],
    );
}

#[tokio::test]
async fn a_manifest_with_a_tag_is_three_files_and_three_names() {
    let it = fixture().await;
    let blob = noise(100, 4096);
    push(&it.repository, &blob).await;
    it.counts.take();
    it.repository.put_manifest(&image(&blob), &tagged("v1")).await.unwrap();
    let found = it.counts.take();
    assert_at_most(
        &found,
        &[
            ("open", 8),
            ("lock", 14),
            ("unlock", 14),
            ("metadata", 10),
            ("read", 16),
            ("create", 6), // that of an edge once more, when its directory is there
            ("write", 12),
            ("sync", 2),
            ("remove", 2),
            ("create_dir", 5), // one more where the candidate's shard had nobody yet
            ("bytes read", 6000),
            ("bytes written", 10_000),
        ],
    );
}

#[tokio::test]
async fn a_pull_of_a_small_blob_opens_one_file() {
    let it = fixture().await;
    let blob = it.repository.blob(&Digest::of(Algorithm::Sha256, &noise(1, 1000))).await.unwrap();
    let bytes: Vec<Bytes> =
        blob.unwrap().read(0..u64::MAX).await.unwrap().try_collect().await.unwrap();
    assert_eq!(bytes.concat(), noise(1, 1000));
    let found = it.counts.take();
    let bounds = [("open", 1), ("metadata", 1), ("read", 1), ("bytes read", 1200)];
    assert_at_most(&found, &bounds);
}

#[tokio::test]
async fn every_byte_of_a_large_blob_is_written_once_and_none_is_read() {
    let it = fixture().await;
    let bytes = noise(100, (9 << 20) + 12_345);
    push(&it.repository, &bytes).await;
    let found = it.counts.take();
    let (written, read) = (found["bytes written"], found["bytes read"]);
    assert!(written >= bytes.len() as u64 && read <= RECORDS_BYTES, "{found:?}");
    assert!(written - bytes.len() as u64 <= RECORDS_BYTES, "{found:?}");
}

#[tokio::test]
async fn a_large_blob_that_comes_in_chunks_is_written_once_too() {
    let it = fixture().await;
    let bytes = noise(100, (9 << 20) + 12_345);
    let mut upload = it.repository.begin_upload(Algorithm::Sha256).await.unwrap();
    let id = upload.id();
    let mut chunks = 0;
    for chunk in bytes.chunks(2 << 20) {
        upload.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        upload.pause().await.unwrap();
        upload = it.repository.resume_upload(&id, None).await.unwrap().unwrap();
        chunks += 1;
    }
    upload.commit(&Digest::of(Algorithm::Sha256, &bytes)).await.unwrap();
    let found = it.counts.take();
    let records = RECORDS_BYTES * (chunks + 1);
    assert!(found["bytes read"] <= records, "{found:?}");
    assert!(found["bytes written"] - bytes.len() as u64 <= records, "{found:?}");
}

/// A session and a blob's record, each in the journal and in its place.
const RECORDS_BYTES: u64 = 32 << 10;
