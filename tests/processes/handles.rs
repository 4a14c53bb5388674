//! An upload in chunks of all sizes that parts and pieces can have trouble with, each of which
//! comes through a store that was opened for it alone, as another process would open it.

use bytes::Bytes;
use futures::TryStreamExt;
use orlop::{Algorithm, Digest, Options, Registry, Repository, Upload, UploadId};
use orlop_registry::StoreUrl;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::bucket;
use crate::large::{MIB, large_blob};

/// A chunk of an upload.
#[derive(Clone, Debug)]
struct Chunk {
    len: usize,
    /// Whether somebody else begins with other bytes in its place, and dies before he is
    /// acknowledged.
    is_second: bool,
}

fn chunk() -> impl Strategy<Value = Chunk> {
    let len = prop_oneof![
        4 => Just(1),
        4 => Just(64 << 10),
        3 => Just(5 * MIB - 1),
        3 => Just(5 * MIB),
        3 => Just(5 * MIB + 1),
        1 => Just(100 * MIB),
    ];
    let is_second = prop::bool::weighted(0.3);
    (len, is_second).prop_map(|(len, is_second)| Chunk { len, is_second })
}

/// The repository as a process finds it that has just come up.
async fn repository(store: &str) -> Repository {
    let store: StoreUrl = store.parse().expect("the place of a store");
    let store = store.open().await.expect("a store");
    let registry = Registry::open(store, Options::default()).await.expect("a registry");
    registry.repository("app".parse().expect("a name"))
}

async fn resume(store: &str, id: &UploadId, at: u64) -> Upload {
    let upload = repository(store).await.resume_upload(id, Some(at)).await;
    upload.expect("an upload that goes on there").expect("an upload")
}

async fn write(upload: &mut Upload, bytes: &Bytes) {
    for first in (0..bytes.len()).step_by(MIB) {
        let piece = bytes.slice(first..bytes.len().min(first + MIB));
        upload.write(piece).await.expect("a write");
    }
}

async fn push(store: &str, source: &Bytes, chunks: &[Chunk]) {
    let upload = repository(store).await.begin_upload(Algorithm::Sha256).await.expect("an upload");
    let (id, mut at) = (upload.id(), upload.pause().await.expect("a beginning"));
    let mut hasher = orlop::Hasher::new(Algorithm::Sha256);
    for (i, chunk) in chunks.iter().enumerate() {
        // From another place for each chunk, so that none can be taken for another.
        let first = (i * 4099 * 7) % (source.len() - chunk.len + 1);
        let bytes = source.slice(first..first + chunk.len);
        if chunk.is_second {
            let mut upload = resume(store, &id, at).await;
            write(&mut upload, &vec![0; chunk.len].into()).await;
        }
        let mut upload = resume(store, &id, at).await;
        write(&mut upload, &bytes).await;
        at = upload.pause().await.expect("an acknowledgement");
        hasher.update(&bytes);
        assert_eq!(at, hasher.size());
    }
    let digest = *hasher.finish().digest();
    resume(store, &id, at).await.commit(&digest).await.expect("the digest of all chunks");
    assert_eq!(stored(store, &digest).await, digest);
}

/// The digest of what is there.
async fn stored(store: &str, digest: &Digest) -> Digest {
    let blob = repository(store).await.blob(digest).await.expect("a store").expect("a blob");
    let mut bytes = blob.read(0..u64::MAX).await.expect("bytes");
    let mut hasher = orlop::Hasher::new(digest.algorithm());
    while let Some(piece) = bytes.try_next().await.expect("more bytes") {
        hasher.update(&piece);
    }
    *hasher.finish().digest()
}

#[test]
fn chunks_of_all_sizes_through_stores_opened_for_each_are_the_blob() {
    let directory = tempfile::tempdir().unwrap();
    let store = bucket::place().unwrap_or_else(|| directory.path().display().to_string());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let source = large_blob();
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 20,
        ..Config::default()
    };
    let chunks = prop::collection::vec(chunk(), 1..10);
    let outcome = TestRunner::new(config).run(&chunks, |chunks| {
        runtime.block_on(push(&store, &source, &chunks));
        Ok(())
    });
    outcome.unwrap();
}

/// Each of them may move some hundred megabytes.
const CASES: u32 = 8;
