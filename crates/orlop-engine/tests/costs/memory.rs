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

/// How much memory this process has, or had at most; 0 where that is not said.
fn resident(what: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    kib.unwrap_or(0) << 10
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
        // Batches are not allocated, but mapped. One is gathered, one is hashed, and one waits for
        // that or has just been; and they grow from 1 MiB to 2 and to 4. How many of a size there
        // are at once is up to the threads.
        for (blob, batches) in [(&short, 1 + 2), (&long, 1 + 2 + 4)] {
            let mib = blob.len() / MIB;
            let _ = std::fs::write("/proc/self/clear_refs", "5"); // the most it had is what it has
            let before = resident("VmRSS");
            let (times, bytes) = asked(async {
                push(&repository, blob).await;
            })
            .await;
            let mapped = resident("VmHWM").saturating_sub(before);
            assert!(bytes <= MIB / 4, "{bytes} bytes for {mib} MiB");
            assert!(mapped <= (3 * batches + 1) * MIB, "{mapped} bytes of memory for {mib} MiB");
            assert!(times <= 80 * TIMES_FOR_A_MIB, "{times} times for {mib} MiB");
        }

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
