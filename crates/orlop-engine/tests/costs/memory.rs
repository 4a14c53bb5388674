//! Memory that is asked for.

use std::alloc::System;

use futures::TryStreamExt;
use orlop_engine::Repository;
use orlop_fs::FsOptions;
use orlop_oci::{Algorithm, Digest};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::{alone, noise, push, repository};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often memory is asked for meanwhile, and how much in all, whether it is given back or not.
async fn asked(act: impl Future<Output = ()>) -> (usize, usize) {
    let region = Region::new(ALLOCATOR);
    act.await;
    let change = region.change();
    (change.allocations + change.reallocations, change.bytes_allocated)
}

fn open(directory: &tempfile::TempDir, durable: bool) -> impl Future<Output = Repository> {
    repository(orlop_fs::open(directory.path(), &FsOptions { durable }).unwrap())
}

async fn pull(repository: &Repository, digest: &Digest) {
    let blob = repository.blob(digest).await.unwrap().unwrap();
    let mut bytes = blob.read(0..u64::MAX).await.unwrap();
    while bytes.try_next().await.unwrap().is_some() {}
}

#[tokio::test]
async fn a_large_blob_passes_through_memory_that_is_used_again() {
    let _alone = alone().await;
    for durable in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let repository = open(&directory, durable).await;
        let (short, long) = (noise(1, 16 * MIB), noise(2, 80 * MIB));
        let (_, of_short) = asked(async {
            push(&repository, &short).await;
        })
        .await;
        let (times, of_long) = asked(async {
            push(&repository, &long).await;
        })
        .await;
        // A batch is gathered, one is written and hashed, and one has just been; and batches grow
        // from 1 MiB to 2 and to 4. How many of a size there are at once is up to the threads.
        assert!(of_short <= 3 * (1 + 2) * MIB + MIB, "{of_short} bytes for 16 MiB");
        assert!(of_long <= 3 * (1 + 2 + 4) * MIB + MIB, "{of_long} bytes for 80 MiB");
        assert!(times <= 80 * TIMES_FOR_A_MIB, "{times} times for 80 MiB");

        let digest = Digest::of(Algorithm::Sha256, &long);
        let (times, bytes) = asked(pull(&repository, &digest)).await;
        assert!(bytes <= 4 * MIB, "{bytes} bytes to pull 80 MiB");
        assert!(times <= 80 * TIMES_FOR_A_MIB, "{times} times to pull 80 MiB");
    }
}

#[tokio::test]
async fn a_small_blob_takes_little_memory() {
    let _alone = alone().await;
    let directory = tempfile::tempdir().unwrap();
    let repository = open(&directory, true).await;
    for seed in 1..20 {
        push(&repository, &noise(seed, 4096)).await;
    }
    let bytes = noise(100, 4096);
    let (times, of_push) = asked(async {
        push(&repository, &bytes).await;
    })
    .await;
    assert!(times <= 200 && of_push <= 50_000, "{of_push} bytes, {times} times");
    let digest = Digest::of(Algorithm::Sha256, &bytes);
    let (times, of_pull) = asked(pull(&repository, &digest)).await;
    assert!(times <= 30 && of_pull <= 12_000, "{of_pull} bytes, {times} times");
}

const MIB: usize = 1 << 20;

/// Small things, for work that is handed to threads.
const TIMES_FOR_A_MIB: usize = 20;
