//! How often a push of a small blob waits for the disk.

use orlop_engine::{Repository, Result};
use orlop_oci::Algorithm;

use crate::base::{content, digest, repository, upload};
use crate::place::{Place, run};

#[test]
fn a_small_blob_takes_one_flush_for_each_answer() {
    let inline = || Place::disk().with_inline_blobs();
    assert_eq!(run(flushes(inline(), async |a| upload(a, "one").await)), 1, "in one go");
    assert_eq!(run(flushes(inline(), async |a| upload_as(a).await)), 1, "POST, PUT");
    assert_eq!(run(flushes(inline(), async |a| begun(a).await)), 2, "POST, PATCH, PUT");
}

#[test]
fn an_extent_takes_some_more() {
    assert_eq!(run(flushes(Place::disk(), async |a| upload(a, "one").await)), 5, "in one go");
    assert_eq!(run(flushes(Place::disk(), async |a| upload_as(a).await)), 5, "POST, PUT");
    assert_eq!(run(flushes(Place::disk(), async |a| begun(a).await)), 9, "POST, PATCH, PUT");
}

async fn upload_as(a: &Repository) -> Result<()> {
    let (offered, digest) = (a.new_upload_id(Algorithm::Sha256)?, digest("one"));
    let mut upload = a.begin_upload_as(&offered, Some(&digest))?.expect("an id of this moment");
    upload.write(content("one")).await?;
    upload.commit(&digest).await.map(drop)
}

async fn begun(a: &Repository) -> Result<()> {
    let offered = a.new_upload_id(Algorithm::Sha256)?;
    let mut upload = a.begin_upload_as(&offered, None)?.expect("an id of this moment");
    upload.write(content("one")).await?;
    let id = upload.id();
    upload.pause().await?;
    let upload = a.resume_upload(&id, None).await?.expect("it was paused");
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
