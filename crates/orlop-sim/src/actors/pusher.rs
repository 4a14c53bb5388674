//! Pushes images and indexes as clients do: asks what is there, sends what is not, refers to it.

use std::future::Future;
use std::pin::Pin;

use orlop_engine::{Error, ErrorKind, MountFrom, PutManifest, References, Result};

use super::{check_may_fail, upload};
use crate::catalog::CATALOG;
use crate::check::check_tag;
use crate::told::{Began, Spot, TagAct};
use crate::world::World;

pub(super) async fn act(world: &World) {
    let (dice, scope) = (&world.stage.dice, &world.scope);
    let (repository, item, tags) = (scope.repository(dice), scope.item(dice), scope.tags(dice));
    push(world, repository, item, &tags).await;
}

/// Pushes a manifest with all that it refers to, and tries again if it has to; whether that was
/// acknowledged.
fn push<'w>(
    world: &'w World,
    repository: usize,
    item: usize,
    tags: &'w [usize],
) -> Pin<Box<dyn Future<Output = bool> + 'w>> {
    Box::pin(async move {
        let (stage, told) = (&world.stage, &world.told);
        for tag in tags {
            check_tag(world, (repository, *tag));
        }
        let act = told.begin_push(stage, (repository, item));
        let tag_acts: Vec<TagAct> =
            tags.iter().map(|tag| told.begin_tag(stage, (repository, *tag))).collect();
        let (mut is_pushed, mut has_failed) = (false, false);
        for _ in 0..ATTEMPTS {
            match try_to_push(world, repository, item, tags).await {
                Ok(()) => {
                    is_pushed = true;
                    break;
                }
                Err(error) => {
                    has_failed = true;
                    check_may_fail(world, "a push", &error);
                    world.think().await;
                }
            }
        }
        for tag_act in tag_acts {
            told.end_tag_set(stage, tag_act, (item, act.others), is_pushed);
        }
        told.end(stage, act, is_pushed);
        if is_pushed {
            stage.count(|counts| counts.pushes += 1);
            let again = if has_failed { ", in the end" } else { "" };
            stage.note("", || {
                format!("was told that it pushed {}{again}", CATALOG.items[item].name)
            });
        }
        is_pushed
    })
}

async fn try_to_push(world: &World, repository: usize, item: usize, tags: &[usize]) -> Result<()> {
    let pushed = &CATALOG.items[item];
    for child in &pushed.children {
        if !push(world, repository, *child, &[]).await {
            return Err(Error::new(ErrorKind::Unavailable, "a child was not pushed"));
        }
    }
    for blob in &pushed.blobs {
        send_blob(world, repository, *blob).await?;
        if world.stage.dice.one_in(3) {
            // Not for half a lease in all, so what it was told holds.
            let thinks = world.stage.plan.thinks.min(MINUTES_12);
            world.stage.think(world.stage.dice.spread(1, thinks)).await;
        }
    }
    let references = (!pushed.children.is_empty()).then_some(References::Complete);
    let tags = tags.iter().map(|tag| CATALOG.tags[*tag].clone()).collect();
    let put = PutManifest { tags, references, ..PutManifest::default() };
    let (stage, told) = (&world.stage, &world.told);
    let promised: Vec<_> = pushed
        .blobs
        .iter()
        .map(|blob| (repository, *blob))
        .filter(|spot| told.is_promised(stage, *spot))
        .map(|spot| (spot, told.look_at_blob(stage, spot), told.promised_until(spot)))
        .collect();
    let answer = world
        .ask_repository(repository, async |repository| {
            repository.put_manifest(&pushed.manifest, &put).await
        })
        .await;
    // One that ended meanwhile may have been renewed when the blob had been missed.
    let holds = |(spot, since, until): &(Spot, Began, u64)| {
        stage.now() < *until && told.is_promised(stage, *spot) && told.blob_stays(*spot, *since)
    };
    if let Err(error) = &answer
        && error.kind() == ErrorKind::ManifestBlobUnknown
        && pushed.children.is_empty()
        && !world.may_miss_blobs()
        && promised.len() == pushed.blobs.len()
        && promised.iter().all(holds)
    {
        stage.violate(format!("what was promised is not there: {error}"));
    }
    answer.map(drop)
}

/// Makes sure that a blob is there: finds it, mounts it, or uploads it.
async fn send_blob(world: &World, repository: usize, blob: usize) -> Result<()> {
    let (stage, told, digest) = (&world.stage, &world.told, &CATALOG.blobs[blob].digest);
    let (since, asked_at) = (told.look_at_blob(stage, (repository, blob)), stage.now());
    let is_held = !stage.dice.one_in(5)
        && world
            .ask_repository(repository, async |asked| asked.hold_blob(digest).await)
            .await?
            .is_some();
    if is_held {
        told.promise_blob(stage, (repository, blob), since, asked_at);
        return Ok(());
    }
    let (since, asked_at) = (told.look_at_blob(stage, (repository, blob)), stage.now());
    let is_mounted = stage.dice.one_in(3) && {
        let other = &CATALOG.repositories[1 - repository];
        let mount = async |asked: &orlop_engine::Repository| {
            asked.mount(digest, MountFrom::Repository(other)).await
        };
        world.ask_repository(repository, mount).await?.is_some()
    };
    if is_mounted {
        told.promise_blob(stage, (repository, blob), since, asked_at);
        return Ok(());
    }
    upload::blob(world, repository, blob).await
}

const ATTEMPTS: usize = 5;

/// In milliseconds.
const MINUTES_12: u64 = 12 * 60_000;
