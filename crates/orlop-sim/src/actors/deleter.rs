//! Deletes manifests, tags and blobs, and gives uploads of others up.

use orlop_engine::{Condition, ErrorKind, Repository};

use super::check_may_fail;
use crate::catalog::CATALOG;
use crate::check::{check_item, check_tag};
use crate::told::TagOn;
use crate::world::World;

pub(super) async fn act(world: &World) {
    let repository = world.scope.repository(&world.stage.dice);
    match world.stage.dice.throw(10) {
        0..4 => manifest(world, repository).await,
        4..6 => tag(world, repository).await,
        6..9 => blob(world, repository).await,
        _ => upload(world).await,
    }
}

async fn manifest(world: &World, repository: usize) {
    let (stage, told) = (&world.stage, &world.told);
    let item = world.scope.item(&stage.dice);
    let digest = CATALOG.items[item].manifest.digest();
    check_item(world, (repository, item));
    let tags = told.lose_tags(stage, (repository, item));
    let act = told.begin_delete(stage, (repository, item));
    let delete = async |asked: &Repository| asked.delete_manifest(digest).await;
    let answer = world.ask_repository(repository, delete).await;
    let was_alone = told.end(stage, act, answer.is_ok());
    let name = CATALOG.items[item].name;
    match answer {
        Ok(was_there) => {
            stage.count(|counts| counts.deletes += 1);
            told.tags_are_gone(&tags);
            let known = act.was_there.filter(|known| !(*known && stage.plan.untagged));
            if was_alone && known.is_some_and(|known| known != was_there) {
                stage.violate(format!("deleting {name}: was it there? {was_there}, not {known:?}"));
            }
        }
        Err(error) => check_may_fail(world, "deleting a manifest", &error),
    }
}

async fn tag(world: &World, repository: usize) {
    let (stage, told) = (&world.stage, &world.told);
    let tag = world.scope.tag(&stage.dice);
    check_tag(world, (repository, tag));
    let act = told.begin_tag(stage, (repository, tag));
    let delete =
        async |asked: &Repository| asked.delete_tag(&CATALOG.tags[tag], Condition::Any).await;
    let answer = world.ask_repository(repository, delete).await;
    match &answer {
        Ok(was_there) => {
            stage.count(|counts| counts.deletes += 1);
            let known = told.was_on(&act);
            if !was_there && known.is_some_and(|on| on != TagOn::Nothing) {
                stage.violate(format!("tag was on {known:?}, and was not there"));
            }
        }
        Err(error) => check_may_fail(world, "deleting a tag", error),
    }
    told.end_tag_delete(stage, act, answer.is_ok());
}

async fn blob(world: &World, repository: usize) {
    let (stage, told) = (&world.stage, &world.told);
    let blobs = &CATALOG.items[world.scope.item(&stage.dice)].blobs;
    let Some(blob) = blobs.get(stage.dice.throw(blobs.len().max(1))).copied() else {
        return; // an index has none
    };
    told.begin_blob_delete(stage, (repository, blob));
    let delete = async |asked: &Repository| asked.delete_blob(&CATALOG.blobs[blob].digest).await;
    let answer = world.ask_repository(repository, delete).await;
    told.end_blob_delete(stage, (repository, blob), answer.is_ok());
    match answer {
        Ok(_) => stage.count(|counts| counts.deletes += 1),
        Err(error) if error.kind() == ErrorKind::Denied => {} // a manifest refers to it
        Err(error) => check_may_fail(world, "deleting a blob", &error),
    }
}

/// Cancels an upload of somebody else, or writes to it and leaves it there.
async fn upload(world: &World) {
    let dice = &world.stage.dice;
    let chosen = {
        let uploads = world.uploads.borrow();
        if uploads.is_empty() {
            return;
        }
        uploads[dice.throw(uploads.len())]
    };
    let (repository, id) = chosen;
    let is_cancelled = dice.one_in(2);
    let meddle = async |asked: &Repository| {
        let Some(mut upload) = asked.resume_upload(&id, None).await? else {
            return Ok(());
        };
        if is_cancelled {
            return upload.cancel().await;
        }
        upload.write(bytes::Bytes::from_static(b"o")).await // and it is dropped
    };
    if let Err(error) = world.ask_repository(repository, meddle).await {
        check_may_fail(world, "meddling with an upload", &error);
    }
}
