//! A scrub beside others: what goes while it is read is no finding.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use orlop_engine::{Registry, ScrubCheckpoint, ScrubObserver, ScrubOptions, ScrubProgress};

use super::strict;
use crate::collect::EAGER;
use crate::fixture::{new_store, open, push_image, read_blob, repository, sha256};
use crate::liar::lied_to;

/// Deletes an image, collects, and perhaps pushes it again, in the middle of the first blob.
#[derive(Debug)]
struct Meddler {
    registry: Registry,
    pushes_again: bool,
    has_meddled: Mutex<bool>,
}

#[async_trait]
impl ScrubObserver for Meddler {
    async fn on_progress(&self, progress: &ScrubProgress) {
        let is_first =
            progress.bytes > 0 && !std::mem::replace(&mut *self.has_meddled.lock().unwrap(), true);
        if !is_first {
            return;
        }
        let a = repository(&self.registry, "a");
        for content in ["one", "two", "three"] {
            let image = push_image(&a, content, &["latest"]).await;
            assert!(a.delete_manifest(&image.digest).await.unwrap());
        }
        assert_eq!(self.registry.collect(&EAGER, &()).await.unwrap().blobs, 3);
        if self.pushes_again {
            for content in ["one", "two", "three"] {
                push_image(&a, content, &["latest"]).await;
            }
        }
    }

    async fn on_checkpoint(&self, _checkpoint: &ScrubCheckpoint) {}
}

#[tokio::test]
async fn a_blob_that_goes_or_is_pushed_again_is_no_finding() {
    for pushes_again in [false, true] {
        for at_once in [1, 4] {
            let registry = open(new_store().await).await;
            let a = repository(&registry, "a");
            for content in ["one", "two", "three"] {
                push_image(&a, content, &["latest"]).await;
            }
            let has_meddled = Mutex::default();
            let meddler = Meddler { registry: registry.clone(), pushes_again, has_meddled };
            let mut options = strict();
            options.at_once = at_once;
            let scrubbed = registry.scrub(&options, &meddler).await.unwrap();
            assert!(*meddler.has_meddled.lock().unwrap());
            assert!(scrubbed.is_sound() && scrubbed.doubts.count == 0, "{scrubbed:#?}");
        }
    }
}

#[tokio::test]
async fn what_is_read_wrong_once_is_a_doubt_and_nothing_is_done_about_it() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    push_image(&a, "layer", &["v1"]).await;
    let has_lied = AtomicBool::new(false);
    let liar = lied_to(store, move || !has_lied.swap(true, Ordering::Relaxed));
    let options = ScrubOptions { quarantine: true, ..strict() };
    let scrubbed = open(liar).await.scrub(&options, &()).await.unwrap();
    assert!(scrubbed.is_sound(), "{scrubbed:#?}");
    assert_eq!((scrubbed.blobs, scrubbed.bytes, scrubbed.doubts.count), (1, 10, 1));
    assert_eq!(read_blob(&a, &sha256(b"layer")).await.unwrap(), "layer");
}
