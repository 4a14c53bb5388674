//! A scrub that goes on where another one ended.

use std::sync::Mutex;

use async_trait::async_trait;
use orlop_engine::{ErrorKind, ScrubCheckpoint, ScrubObserver, ScrubOptions, ScrubProgress};

use super::{fill, strict};
use crate::fixture::{extents, kind, new_store, open};

/// Keeps every checkpoint, and how many bytes this run had read by then.
#[derive(Debug, Default)]
struct Keeper {
    kept: Mutex<Vec<String>>,
    read: Mutex<u64>,
    expected: Mutex<u64>,
}

#[async_trait]
impl ScrubObserver for Keeper {
    async fn on_progress(&self, progress: &ScrubProgress) {
        *self.read.lock().unwrap() = progress.read;
        *self.expected.lock().unwrap() = progress.bytes_expected;
    }

    async fn on_checkpoint(&self, checkpoint: &ScrubCheckpoint) {
        self.kept.lock().unwrap().push(checkpoint.to_string());
    }
}

#[tokio::test]
async fn it_goes_on_from_any_checkpoint_and_finds_the_same() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    fill(&registry).await;
    let gone = extents(&store).await;
    for extent in &gone[..3] {
        store.extents.delete(*extent).await.unwrap();
    }
    let keeper = Keeper::default();
    let options = ScrubOptions { at_once: 3, ..strict() };
    let mut whole = registry.scrub(&options, &keeper).await.unwrap();
    assert!(!whole.is_sound());
    let checkpoints = keeper.kept.into_inner().unwrap();
    assert!(checkpoints.len() > 30, "{}", checkpoints.len());
    let all_read = keeper.read.into_inner().unwrap();
    for (n, checkpoint) in checkpoints.iter().enumerate() {
        // Most of the places where blobs may be are empty.
        if !checkpoint.contains("\"after\"") && n % 40 != 0 {
            continue;
        }
        assert!(!checkpoint.contains('\n') && checkpoint.len() < 20_000, "{checkpoint}");
        let from: ScrubCheckpoint = checkpoint.parse().unwrap();
        assert_eq!(from.to_string(), *checkpoint);
        let keeper = Keeper::default();
        let options = ScrubOptions { from: Some(from), at_once: 3, ..strict() };
        let mut rest = registry.scrub(&options, &keeper).await.unwrap();
        // They are found in any order inside of a repository.
        for found in [&mut whole, &mut rest] {
            found.damage.kept.sort_by(|one, other| one.key.cmp(&other.key));
            found.doubts.kept.sort_by(|one, other| one.key.cmp(&other.key));
        }
        assert_eq!(rest, whole, "from checkpoint {n}");
        let read = *keeper.read.lock().unwrap();
        assert!(read < all_read, "{read} of {all_read} bytes from checkpoint {n}");
    }
}

#[tokio::test]
async fn a_checkpoint_of_another_store_and_no_checkpoint_are_refused() {
    let (one, other) = (open(new_store().await).await, open(new_store().await).await);
    let from = one.scrub_start().await.unwrap();
    let options = ScrubOptions { from: Some(from.clone()), ..strict() };
    assert!(one.scrub(&options, &()).await.unwrap().is_sound());
    assert_eq!(kind(other.scrub(&options, &()).await), ErrorKind::Precondition);
    let text = from.to_string();
    for text in ["", "{}", &text[1..], &text.replace("\"format\":1", "\"format\":2")] {
        assert_eq!(kind(text.parse::<ScrubCheckpoint>()), ErrorKind::Precondition, "{text}");
    }
}

#[tokio::test]
async fn it_says_beforehand_how_much_there_is_to_read() {
    let registry = open(new_store().await).await;
    fill(&registry).await;
    let keeper = Keeper::default();
    let scrubbed = registry.scrub(&strict(), &keeper).await.unwrap();
    assert!(scrubbed.is_sound(), "{scrubbed:#?}");
    assert_eq!(*keeper.expected.lock().unwrap(), scrubbed.bytes);
    assert_eq!(*keeper.read.lock().unwrap(), scrubbed.bytes + scrubbed.record_bytes);
}
