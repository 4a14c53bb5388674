//! How many requests each operation of a registry makes of a bucket. These are the numbers of the
//! table in `docs/performance.md`; they depend on nothing but the code.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_engine::{Condition, Options, PutManifest, Registry, Repository};
use orlop_object_store::{Bucket, ObjectStoreOptions, open_on};
use orlop_oci::{Algorithm, Descriptor, Digest, Manifest};

use crate::strict::{Requests, StrictBucket};

const MIB: usize = 1 << 20;

async fn open(bucket: &Arc<StrictBucket>) -> Registry {
    let options = ObjectStoreOptions::default();
    let environment = open_on(Bucket::new(bucket.clone()), &options).await.unwrap();
    Registry::open(environment, Options::default()).await.unwrap()
}

fn content(n: usize, len: usize) -> Bytes {
    vec![u8::try_from(n).unwrap(); len].into()
}

/// As a server does it for POST with a body.
async fn push_at_once(repository: &Repository, content: &Bytes) -> Descriptor {
    let digest = Digest::of(Algorithm::Sha256, content);
    let mut upload = repository.begin_upload_of(&digest).await.unwrap();
    upload.write(content.clone()).await.unwrap();
    upload.commit(&digest).await.unwrap()
}

/// As a server does it for POST and PUT.
async fn push_whole(repository: &Repository, content: &Bytes) -> Descriptor {
    let digest = Digest::of(Algorithm::Sha256, content);
    let offered = repository.new_upload_id(Algorithm::Sha256).unwrap();
    let mut upload = repository.begin_upload_as(&offered, Some(&digest)).unwrap().unwrap();
    upload.write(content.clone()).await.unwrap();
    upload.commit(&digest).await.unwrap()
}

/// As a server does it for POST, PATCH and PUT, which is what most clients do.
async fn push(repository: &Repository, content: &Bytes) -> Descriptor {
    let digest = Digest::of(Algorithm::Sha256, content);
    assert!(repository.hold_blob(&digest).await.unwrap().is_none());
    let offered = repository.new_upload_id(Algorithm::Sha256).unwrap();
    let mut upload = repository.begin_upload_as(&offered, None).unwrap().unwrap();
    upload.write(content.clone()).await.unwrap();
    let id = upload.id();
    upload.pause().await.unwrap();
    let upload = repository.resume_upload(&id, None).await.unwrap().unwrap();
    upload.commit(&digest).await.unwrap()
}

fn image(blobs: &[Descriptor]) -> Manifest {
    let json = |blob: &Descriptor| {
        let (digest, size) = (blob.digest, blob.size);
        format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":{size}}}"#)
    };
    let layers: Vec<String> = blobs[1..].iter().map(json).collect();
    let (config, layers) = (json(&blobs[0]), layers.join(","));
    let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layers}]}}"#);
    Manifest::parse(text.into(), None, Algorithm::Sha256).unwrap()
}

fn tagged(tag: &str) -> PutManifest {
    PutManifest { tags: vec![tag.parse().unwrap()], ..PutManifest::default() }
}

/// A config and ten layers.
fn layers(len: usize) -> Vec<Bytes> {
    (0..11).map(|n| content(n, if n == 0 { 4096 } else { len })).collect()
}

/// Collects the rows of the table.
struct Table {
    bucket: Arc<StrictBucket>,
    rows: String,
}

impl Table {
    /// Notes what was done since the last row.
    fn row(&mut self, operation: &str) -> Requests {
        let requests = self.bucket.take_requests();
        let Requests { puts, gets, lists, deletes, .. } = requests;
        // List prices of S3 in us-east-1, in dollars per million: PUT and LIST 5, GET 0.4.
        let dollars = 5 * (puts + lists) * 10 + 4 * gets;
        writeln!(
            self.rows,
            "| {operation} | {puts} | {gets} | {lists} | {deletes} | {}.{} |",
            dollars / 10,
            dollars % 10
        )
        .unwrap();
        requests
    }
}

#[tokio::test]
async fn requests_per_operation() {
    let bucket = Arc::new(StrictBucket::default());
    let mut table = Table { bucket: bucket.clone(), rows: String::new() };
    open(&bucket).await;
    table.row("open an empty store");
    let registry = open(&bucket).await;
    assert!(table.row("open a store").all() <= 12);
    let a = registry.repository("a".parse().unwrap());

    push_at_once(&a, &content(50, 4096)).await;
    assert!(table.row("push a small blob in one request").all() <= 3);
    push_whole(&a, &content(54, 4096)).await;
    assert!(table.row("push a small blob in two requests").all() <= 3);
    push(&a, &content(51, 4096)).await;
    assert!(table.row("push a small blob in three requests").all() <= 10);
    push_at_once(&a, &content(52, 64 * MIB)).await;
    assert_eq!(table.row("push 64 MiB in one request").puts, 1 + 1 + 8 + 1 + 1);
    push_whole(&a, &content(55, 64 * MIB)).await;
    assert_eq!(table.row("push 64 MiB in two requests").puts, 1 + 1 + 8 + 1 + 1);
    push(&a, &content(53, 65 * MIB)).await;
    table.row("push 65 MiB in three requests");

    let mut blobs = Vec::new();
    for layer in layers(MIB) {
        blobs.push(push(&a, &layer).await);
    }
    let manifest = image(&blobs);
    a.put_manifest(&manifest, &tagged("v1")).await.unwrap();
    let cold = table.row("push an image of 10 layers of 1 MiB");
    assert!(cold.puts <= 11 * 6 + 15, "{cold:?}");

    for blob in &blobs {
        assert!(a.hold_blob(&blob.digest).await.unwrap().is_some());
    }
    a.put_manifest(&manifest, &tagged("v1")).await.unwrap();
    let again = table.row("push it again");
    assert!(again.puts <= 2, "{again:?}");

    for blob in &blobs {
        assert!(a.hold_blob(&blob.digest).await.unwrap().is_some());
    }
    let mut other = blobs.clone();
    other.reverse();
    let other = image(&other);
    a.put_manifest(&other, &tagged("v2")).await.unwrap();
    table.row("push another image of the same layers");

    let pulled = a.manifest(&"v1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(pulled.descriptor.digest, *manifest.digest());
    for blob in &blobs {
        let blob = a.blob(&blob.digest).await.unwrap().unwrap();
        let size = blob.descriptor().size;
        let bytes: Vec<Bytes> = blob.read(0..size).await.unwrap().try_collect().await.unwrap();
        assert_eq!(bytes.concat().len() as u64, size);
    }
    // The config is small: its record is all that is read.
    assert_eq!(table.row("pull it by tag").gets, 2 + 10 * 2 + 1);

    a.hold_blob(&blobs[1].digest).await.unwrap().unwrap();
    assert_eq!(table.row("HEAD of a blob").all(), 1);
    a.manifest(&"v1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(table.row("HEAD of a tag").all(), 2);
    let b = registry.repository("b".parse().unwrap());
    let from = orlop_engine::MountFrom::Repository(a.name());
    assert!(b.mount(&blobs[1].digest, from).await.unwrap().is_some());
    assert!(table.row("mount a blob").all() <= 4);

    let is_moved = a.set_tag(&"v1".parse().unwrap(), other.digest(), Condition::Any).await;
    assert!(is_moved.unwrap());
    table.row("move a tag");
    assert_eq!(a.tags(None, 100).await.unwrap().items.len(), 2);
    assert_eq!(table.row("list a page of tags").all(), 1);
    assert!(a.delete_tag(&"v2".parse().unwrap(), Condition::Any).await.unwrap());
    table.row("delete a tag");
    assert!(a.delete_manifest(other.digest()).await.unwrap());
    table.row("delete an image of 10 layers with a tag");

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance.md");
    let written = std::fs::read_to_string(path).unwrap();
    assert!(written.contains(&table.rows), "{path} should have these rows:\n{}", table.rows);
}

/// Whatever the size: at most three small requests after the last part, and no byte twice.
#[tokio::test]
async fn a_commit_costs_the_same_at_any_size() {
    for mib in [9, 64, 257] {
        let bucket = Arc::new(StrictBucket::default());
        let registry = open(&bucket).await;
        let a = registry.repository("a".parse().unwrap());
        let content = content(1, mib * MIB);
        let digest = Digest::of(Algorithm::Sha256, &content);
        let upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
        let id = upload.id();
        let mut upload = a.resume_upload(&id, None).await.unwrap().unwrap();
        upload.write(content.clone()).await.unwrap();
        upload.pause().await.unwrap();
        let upload = a.resume_upload(&id, None).await.unwrap().unwrap();
        bucket.take_requests();
        upload.commit(&digest).await.unwrap();
        let commit = bucket.take_requests();
        let has_rest = mib % 8 != 0;
        // The session sealed, the upload completed, the blob's record; and what did not fill a
        // part: its turn, and itself as the last part.
        assert_eq!(commit.puts, if has_rest { 5 } else { 3 }, "{commit:?}");
        if has_rest {
            assert_eq!(bucket.requests_after_last_part(), 3, "{commit:?}");
        }
        let rest = if has_rest { MIB as u64 } else { 0 };
        assert!((rest..rest + 10_000).contains(&commit.bytes), "{commit:?}");
    }
}

/// What is below a part is stored once, and once more with its part.
#[tokio::test]
async fn no_byte_is_stored_more_than_twice() {
    let bucket = Arc::new(StrictBucket::default());
    let registry = open(&bucket).await;
    let a = registry.repository("a".parse().unwrap());
    let content = content(1, 40 * MIB);
    for chunk in [100_000, MIB, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1] {
        let upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
        let id = upload.id();
        bucket.take_requests();
        let mut chunks = 0;
        for piece in content.chunks(chunk) {
            let mut upload = a.resume_upload(&id, None).await.unwrap().unwrap();
            upload.write(content.slice_ref(piece)).await.unwrap();
            upload.pause().await.unwrap();
            chunks += 1;
        }
        let upload = a.resume_upload(&id, None).await.unwrap().unwrap();
        upload.commit(&Digest::of(Algorithm::Sha256, &content)).await.unwrap();
        let requests = bucket.take_requests();
        let sessions = chunks * 20_000;
        assert!(requests.bytes < 2 * content.len() as u64 + sessions, "{chunk}: {requests:?}");
        // Per chunk a session, a piece, a turn; per part itself; and the end.
        assert!(requests.puts <= 3 * chunks + 5 + 6, "{chunk}: {requests:?}");
        assert_eq!(bucket.open_uploads(), 0);
        assert!(a.delete_blob(&Digest::of(Algorithm::Sha256, &content)).await.unwrap());
        // Its next life is another extent.
    }
}

#[tokio::test]
async fn opening_makes_as_many_requests_whatever_the_bucket_holds() {
    let bucket = Arc::new(StrictBucket::default());
    open(&bucket).await;
    bucket.take_requests();
    let registry = open(&bucket).await;
    let before = bucket.take_requests().all();
    let a = registry.repository("a".parse().unwrap());
    for n in 0..30 {
        let blob = push_at_once(&a, &content(n, 100)).await;
        let image = image(&[blob]);
        a.put_manifest(&image, &tagged(&format!("v{n}"))).await.unwrap();
    }
    bucket.take_requests();
    open(&bucket).await;
    assert_eq!(bucket.take_requests().all(), before);
}
