//! Uploads of many batches, however they are cut and paused, and whoever hashes them.

use std::sync::Arc;

use bytes::Bytes;
use orlop_backend::Environment;
use orlop_engine::{Options, Registry, Threads};
use orlop_fs::FsOptions;
use orlop_oci::{Algorithm, Digest};
use proptest::prelude::*;

use crate::fixture::{new_store, read_blob, repository};

/// A thread for each piece of work.
#[derive(Debug)]
struct New;

impl Threads for New {
    fn count(&self) -> usize {
        2
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(work);
    }
}

const MIB: usize = 1 << 20;

/// Where requests begin and end: anywhere, but also exactly where a batch or a block does.
fn cuts() -> impl Strategy<Value = Vec<usize>> {
    let at = prop_oneof![
        0..4 * MIB,
        (0..4usize).prop_map(|n| n * MIB),
        (0..1024usize).prop_map(|n| n * 4096)
    ];
    prop::collection::vec(at, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_blob_is_what_was_sent_however_it_is_cut(
        mut cuts in cuts(),
        len in 0..5 * MIB,
        piece in 1000..2 * MIB,
        has_threads: bool,
        ends_paused: bool,
        is_narrow: bool,
        inline_bytes_max in prop_oneof![Just(0), Just(16 << 10), Just(3 * MIB)],
        algorithm in prop_oneof![Just(Algorithm::Sha256), Just(Algorithm::Sha512)],
    ) {
        let content: Bytes = (0..len.div_ceil(8) as u64).flat_map(|n| (n * n).to_be_bytes()).collect();
        cuts.retain(|cut| *cut < content.len());
        cuts.push(0);
        cuts.sort_unstable();
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        if is_narrow {
            runtime.max_blocking_threads(1); // whoever waits for a thread there must not hold it
        }
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            // On a disk, bytes may go past the operating system's memory.
            let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let durable = orlop_fs::open(directory.path(), &FsOptions { durable: true }).unwrap();
            for store in [new_store().await, durable] {
                let threads = has_threads.then(|| Arc::new(New) as _);
                let options = Options { inline_bytes_max, threads, ..Options::default() };
                check(store, options, &content, &cuts, piece, ends_paused, algorithm).await;
            }
        });
    }
}

async fn check(
    store: Environment,
    options: Options,
    content: &Bytes,
    starts: &[usize],
    piece: usize,
    ends_paused: bool,
    algorithm: Algorithm,
) {
    let a = repository(&Registry::open(store, options).await.unwrap(), "a");
    let mut upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
    let ends = starts[1..].iter().copied().chain([content.len()]);
    for (start, end) in starts.iter().copied().zip(ends) {
        for piece in content[start..end].chunks(piece) {
            upload.write(content.slice_ref(piece)).await.unwrap();
        }
        assert_eq!(upload.offset(), end as u64);
        if end == content.len() && !ends_paused {
            break;
        }
        let id = upload.id();
        assert_eq!(upload.pause().await.unwrap(), end as u64);
        upload = a.resume_upload(&id, Some(end as u64)).await.unwrap().unwrap();
    }
    let digest = Digest::of(algorithm, content);
    assert_eq!(upload.commit(&digest).await.unwrap().size, content.len() as u64);
    assert!(read_blob(&a, &digest).await.unwrap() == content, "other bytes");
}
