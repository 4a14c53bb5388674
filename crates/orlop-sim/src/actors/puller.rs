//! Pulls by tag and by digest, compares every byte, and looks at lists.

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_engine::{ErrorKind, Repository, Result, StoredManifest};
use orlop_oci::Reference;

use super::check_may_fail;
use crate::catalog::{CATALOG, Item};
use crate::told::TagOn;
use crate::world::World;

pub(super) async fn act(world: &World) {
    for _ in 0..PULLS {
        let repository = world.scope.repository(&world.stage.dice);
        match world.stage.dice.throw(5) {
            0..2 => by_digest(world, repository).await,
            2..4 => by_tag(world, repository).await,
            _ => lists(world, repository).await,
        }
        world.think().await;
    }
}

async fn by_digest(world: &World, repository: usize) {
    let (stage, told) = (&world.stage, &world.told);
    let place = world.scope.item(&stage.dice);
    let (item, spot) = (&CATALOG.items[place], (repository, place));
    let since = told.look_at_deletes(stage, spot);
    let was_there = told.is_there(stage, spot) == Some(true);
    let pull = async |asked: &Repository| pull(world, asked, &item.reference).await;
    let pulled = world.ask_repository(repository, pull).await;
    // What was known before and is known now was so all the time.
    let must_be_there =
        was_there && told.is_there(stage, spot) == Some(true) && told.stays(spot, since);
    judge(world, pulled, must_be_there.then_some(item));
}

async fn by_tag(world: &World, repository: usize) {
    let (stage, told) = (&world.stage, &world.told);
    let tag = world.scope.tag(&stage.dice);
    let act = told.look_at_tag(stage, (repository, tag));
    let reference = Reference::Tag(CATALOG.tags[tag].clone());
    let pull = async |asked: &Repository| pull(world, asked, &reference).await;
    let pulled = world.ask_repository(repository, pull).await;
    let expected = told.was_on(&act);
    if expected == Some(TagOn::Nothing)
        && let Ok(Pulled::Whole(found) | Pulled::Part(found, _)) = &pulled
    {
        stage.violate(format!("tag {reference} was deleted, and is on {}", found.name));
    }
    judge(world, pulled, expected.and_then(TagOn::item).map(|item| &CATALOG.items[item]));
}

/// What was pulled, and what must be there.
fn judge(world: &World, pulled: Result<Pulled>, expected: Option<&Item>) {
    let stage = &world.stage;
    match (pulled, expected) {
        (Ok(Pulled::Whole(found)), Some(item)) if found.name != item.name => {
            stage.violate(format!("pulled {}, expected {}", found.name, item.name));
        }
        (Ok(Pulled::Whole(_)), _) => stage.count(|counts| counts.pulls += 1),
        (Ok(Pulled::Absent), Some(item)) => {
            stage.violate(format!("{} was acknowledged and is not there", item.name));
        }
        (Ok(Pulled::Part(..)), _) if world.may_miss_blobs() => {}
        (Ok(Pulled::Part(_, what)), Some(item)) => {
            stage.violate(format!("{} was acknowledged, and {what}", item.name));
        }
        (Ok(Pulled::Part(..) | Pulled::Absent), None) => {} // deleted meanwhile
        (Err(error), None) if error.kind() == ErrorKind::Corrupt => {} // the same
        (Err(error), _) => check_may_fail(world, "a pull", &error),
    }
}

/// What came of a pull.
enum Pulled {
    Whole(&'static Item),
    Absent,
    /// The manifest is there, and something that it needs is not.
    Part(&'static Item, String),
}

async fn pull(world: &World, repository: &Repository, reference: &Reference) -> Result<Pulled> {
    let Some(found) = repository.manifest(reference).await? else {
        return Ok(Pulled::Absent);
    };
    let is_it = |item: &&Item| *item.manifest.digest() == found.descriptor.digest;
    let Some(item) = CATALOG.items.iter().find(is_it) else {
        world.stage.violate(format!("nobody pushed {found:?}"));
        return Ok(Pulled::Absent);
    };
    let StoredManifest { bytes, .. } = found;
    if bytes != *item.manifest.bytes() {
        world.stage.violate(format!("{} has other bytes", item.name));
    }
    for blob in &item.blobs {
        let content = &CATALOG.blobs[*blob];
        let Some(blob) = repository.blob(&content.digest).await? else {
            return Ok(Pulled::Part(item, format!("its blob {} is not there", content.digest)));
        };
        let pieces: Vec<Bytes> = blob.read(0..u64::MAX).await?.try_collect().await?;
        if pieces.concat() != content.bytes {
            world.stage.violate(format!("blob {} has other bytes", content.digest));
        }
    }
    if let Some(subject) = item.subject {
        let subject = CATALOG.items[subject].manifest.digest();
        let page = repository.referrers(subject, None, None, LIST_MAX).await?;
        if !page.items.iter().any(|listed| listed.digest == *item.manifest.digest()) {
            return Ok(Pulled::Part(item, "its subject does not list it".into()));
        }
    }
    Ok(Pulled::Whole(item))
}

/// Tags that are there are listed, and so are repositories that have something.
async fn lists(world: &World, repository: usize) {
    let (stage, told) = (&world.stage, &world.told);
    let acts: Vec<_> =
        (0..CATALOG.tags.len()).map(|tag| told.look_at_tag(stage, (repository, tag))).collect();
    let list =
        async |asked: &Repository| Ok((asked.tags(None, LIST_MAX).await?, asked.exists().await?));
    let (page, exists) = match world.ask_repository(repository, list).await {
        Ok(listed) => listed,
        Err(error) => return check_may_fail(world, "a list", &error),
    };
    for (tag, act) in CATALOG.tags.iter().zip(&acts) {
        let is_there = told.was_on(act).is_some_and(|on| on != TagOn::Nothing);
        if is_there && !(exists && page.items.contains(tag)) {
            stage.violate(format!("tag {tag} is not listed"));
        }
    }
}

/// In a row.
const PULLS: usize = 3;

const LIST_MAX: usize = 100;
