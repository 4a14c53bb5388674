//! How often a push of a small blob waits for the disk.

use orlop_engine::{Repository, Result};
use orlop_oci::Algorithm;

use crate::base::{content, digest, repository, upload};
use crate::place::{Place, run};

#[test]
fn a_small_blob_takes_one_flush_for_each_answer() {
    let inline = || Place::disk().with_inline_blobs();
    assert_eq!(run(flushes(inline(), async |a| upload(a, "one").await)), 1, "in one go");
    assert_eq!(run(flushes(inline(), async |a| begun(a, false).await)), 2, "POST, PUT");
    assert_eq!(run(flushes(inline(), async |a| begun(a, true).await)), 3, "POST, PATCH, PUT");
}

#[test]
fn an_extent_takes_some_more() {
    assert_eq!(run(flushes(Place::disk(), async |a| upload(a, "one").await)), 5, "in one go");
    assert_eq!(run(flushes(Place::disk(), async |a| begun(a, false).await)), 6, "POST, PUT");
    assert_eq!(run(flushes(Place::disk(), async |a| begun(a, true).await)), 9, "POST, PATCH, PUT");
}

async fn begun(a: &Repository, is_paused: bool) -> Result<()> {
    let mut upload = a.begin_upload(Algorithm::Sha256).await?;
    let id = upload.id();
    upload.write(content("one")).await?;
    if is_paused {
        upload.pause().await?;
        upload = a.resume_upload(&id, None).await?.expect("it was paused");
    }
    upload.commit(&digest("one")).await.map(drop)
}

/// How many syncs it takes when the process has a journal with room in it.
async fn flushes(place: Place, push: impl AsyncFnOnce(&Repository) -> Result<()>) -> usize {
    upload(&repository(&place.enter().await.registry, "a"), "two").await.unwrap();
    let process = place.enter().await;
    let a = repository(&process.registry, "a");
    // Files of the journal begin with room for some changes only.
    for _ in 0..30 {
        let _ = a.begin_upload(Algorithm::Sha256).await.unwrap();
    }
    let before = process.life.made().len();
    push(&a).await.unwrap();
    let made = process.life.made();
    made[before..].iter().filter(|change| change.what.starts_with("sync ")).count()
}
