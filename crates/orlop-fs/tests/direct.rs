//! What is written past the operating system's memory is what was given, wherever it begins.

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{Appender, Checkpoint, Claim, Environment, ExtentId, RandomId};
use orlop_fs::FsOptions;

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn an_extent_has_the_bytes_that_were_given_wherever_it_was_paused() {
    // On a disk, as a rule, and in memory, where nothing can be written directly.
    let mut directories = vec![tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()];
    directories.extend(tempfile::tempdir_in("/dev/shm"));
    for directory in directories {
        for durable in [true, false] {
            let root = directory.path().join(if durable { "durable" } else { "quick" });
            let store = orlop_fs::open(root, &FsOptions { durable }).unwrap();
            let starts = [0, 1, 4095, 4096, 5000, MIB - 1, MIB, MIB + 1, 2 * MIB + 4096];
            for (n, start) in starts.into_iter().enumerate() {
                let id = RandomId::from_bits(n as u128).into();
                let (head, tail) = (some_bytes(start, 1), some_bytes(4 * MIB + 17, 2));
                let mut appender = claim(&store, id, &Checkpoint::start()).await;
                give(&mut appender, 0, &head).await;
                let at = appender.checkpoint().await.unwrap();
                // What comes behind a checkpoint and is lost must not be seen.
                give(&mut appender, start, &some_bytes(2 * MIB, 3)).await;
                drop(appender);
                let mut appender = claim(&store, id, &at).await;
                give(&mut appender, start, &tail).await;
                appender.seal().await.unwrap();
                let expected = [&head[..], &tail].concat();
                let stream = store.extents.read(id, 0..u64::MAX).await.unwrap().unwrap();
                let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
                assert!(pieces.concat() == expected, "other bytes, paused at {start}");
            }
        }
    }
}

async fn claim(store: &Environment, id: ExtentId, from: &Checkpoint) -> Box<dyn Appender> {
    // The last write of one that was dropped may be under way.
    for _ in 0..1000 {
        if let Claim::Granted(appender) = store.extents.claim(id, from).await.expect("an answer") {
            return appender;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("extent {id} stays busy");
}

/// Up to multiples of a MiB, from memory that begins at a page, as whoever gathers them does.
async fn give(appender: &mut Box<dyn Appender>, mut at: usize, bytes: &Bytes) {
    let (mut rest, end) = (bytes.clone(), at + bytes.len());
    while at < end {
        let len = (MIB - at % MIB).min(end - at);
        appender.write(aligned(&rest.split_to(len))).await.expect("written");
        at += len;
    }
}

/// The same bytes at a page.
fn aligned(bytes: &[u8]) -> Bytes {
    let mut memory = vec![0; bytes.len() + 4096];
    let start = memory.as_ptr().align_offset(4096);
    memory[start..start + bytes.len()].copy_from_slice(bytes);
    Bytes::from(memory).slice(start..start + bytes.len())
}

/// Bytes that are the same again only with the same seed, and at the same place.
fn some_bytes(len: usize, seed: u64) -> Bytes {
    let word = |n: u64| (n ^ seed << 40).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    (0..=len as u64 / 8).flat_map(word).take(len).collect::<Vec<u8>>().into()
}
