//! What the engine takes on files: system calls, bytes that are read and written, and memory. These
//! are counts, which a slow machine does not touch, and each is a bound that may be lowered. What
//! chance and threads decide, a bound has room for: it was run some hundred times, with a load.

#![allow(clippy::unwrap_used)] // a test that fails says where

mod calls;
mod disk;
mod memory;

use bytes::Bytes;
use orlop_backend::Environment;
use orlop_engine::{Options, Registry, Repository};
use orlop_oci::{Algorithm, Digest};
use tokio::sync::{Mutex, MutexGuard};

/// What is counted is what the process does, so one test runs at a time.
type Alone = MutexGuard<'static, ()>;

async fn alone() -> Alone {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// Bytes without a pattern, other ones for each seed.
fn noise(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let word = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    word.flatten().take(len).collect()
}

async fn repository(store: Environment) -> Repository {
    let registry = Registry::open(store, Options::default()).await.unwrap();
    registry.repository("app".parse().unwrap())
}

/// Pushes a blob in pieces of 256 KiB, as a transport brings them.
async fn push(repository: &Repository, bytes: &Bytes) -> Digest {
    let digest = Digest::of(Algorithm::Sha256, bytes);
    let mut upload = repository.begin_upload_of(&digest).await.unwrap();
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        upload.write(rest.split_to(rest.len().min(256 << 10))).await.unwrap();
    }
    upload.commit(&digest).await.unwrap();
    digest
}
