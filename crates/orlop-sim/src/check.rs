//! What must be true at any moment.

use bytes::Bytes;
use futures::{FutureExt, TryStreamExt};
use orlop_engine::{Repository, Result, StoredManifest};
use orlop_oci::{Digest, Reference};

use crate::catalog::{CATALOG, Item};
use crate::told::Spot;
use crate::world::{World, repository_of};

/// Whatever is there is whole, and whatever clients were told is so.
pub(crate) fn check(world: &World) {
    world.stage.count(|counts| counts.checks += 1);
    for repository in 0..CATALOG.repositories.len() {
        for place in 0..CATALOG.items.len() {
            check_item(world, (repository, place));
        }
        for tag in 0..CATALOG.tags.len() {
            check_tag(world, (repository, tag));
        }
        let asked = repository_of(&world.truth, repository);
        for blob in 0..CATALOG.blobs.len() {
            let digest = &CATALOG.blobs[blob].digest;
            if !world.may_miss_blobs()
                && world.told.is_promised(&world.stage, (repository, blob))
                && read_blob(&asked, digest).is_none()
            {
                let name = asked.name();
                world.stage.violate(format!("blob {digest} was promised to {name} and is gone"));
            }
        }
    }
}

/// Before an act as well, after which nobody knows.
pub(crate) fn check_item(world: &World, spot: Spot) {
    let (stage, item) = (&world.stage, &CATALOG.items[spot.1]);
    let asked = &repository_of(&world.truth, spot.0);
    let found = manifest(asked, &item.reference);
    let (name, repository) = (item.name, asked.name());
    match (found, world.told.is_there(stage, spot)) {
        (None, Some(true)) => {
            stage.violate(format!("{name} was acknowledged in {repository} and is not there"));
        }
        (Some(_), Some(false)) => {
            stage.violate(format!("{name} was deleted from {repository} and is there"));
        }
        (Some(found), _) => check_whole(world, asked, spot, item, &found),
        (None, _) => {}
    }
}

/// A manifest that is there has all that it refers to.
fn check_whole(world: &World, asked: &Repository, spot: Spot, item: &Item, found: &StoredManifest) {
    let (stage, name) = (&world.stage, item.name);
    if found.bytes != *item.manifest.bytes() {
        stage.violate(format!("{name} has other bytes than were pushed"));
    }
    for blob in &item.blobs {
        let content = &CATALOG.blobs[*blob];
        match read_blob(asked, &content.digest) {
            Some(bytes) if bytes == content.bytes => {}
            Some(bytes) => stage.violate(format!("a blob of {name} has the bytes {bytes:?}")),
            None if world.may_miss_blobs() => {}
            None => stage.violate(format!(
                "blob {} of {name} in {} is gone",
                content.digest,
                asked.name()
            )),
        }
    }
    for child in &item.children {
        let is_there = manifest(asked, &CATALOG.items[*child].reference).is_some();
        if !is_there && !world.told.was_deleted((spot.0, *child)) {
            let child = CATALOG.items[*child].name;
            stage.violate(format!("{child} of {name} in {} is gone", asked.name()));
        }
    }
}

/// Before an act as well, after which nobody knows.
pub(crate) fn check_tag(world: &World, spot: Spot) {
    let Some(expected) = world.told.tag_is_on(spot) else {
        return;
    };
    let asked = &repository_of(&world.truth, spot.0);
    let tag = &CATALOG.tags[spot.1];
    let found = manifest(asked, &Reference::Tag(tag.clone())).map(|found| found.descriptor.digest);
    let expected = expected.item().map(|item| *CATALOG.items[item].manifest.digest());
    if found != expected {
        let name = asked.name();
        world.stage.violate(format!("tag {tag} of {name} is on {found:?}, not on {expected:?}"));
    }
}

/// A manifest as it is in the store.
pub(crate) fn manifest(asked: &Repository, reference: &Reference) -> Option<StoredManifest> {
    at_once(asked.manifest(reference)).ok().flatten()
}

fn read_blob(asked: &Repository, digest: &Digest) -> Option<Bytes> {
    let read = async {
        let Some(blob) = asked.blob(digest).await? else {
            return Ok(None);
        };
        let pieces: Vec<Bytes> = blob.read(0..u64::MAX).await?.try_collect().await?;
        Ok(Some(pieces.concat().into()))
    };
    at_once(read).ok().flatten()
}

/// What a call answers that takes no time.
pub(crate) fn at_once<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    call.now_or_never().unwrap_or_else(|| panic!("the store itself takes time"))
}
