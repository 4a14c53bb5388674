//! Pulls, and compares every byte.

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_engine::{ErrorKind, Repository, Result};
use orlop_oci::Reference;

use super::check_may_fail;
use crate::catalog::{CATALOG, Item};
use crate::world::World;

pub(super) async fn act(world: &World) {
    for _ in 0..1 + world.stage.dice.throw(3) {
        let (stage, told) = (&world.stage, &world.told);
        let repository = stage.dice.throw(CATALOG.repositories.len());
        let place = stage.dice.throw(CATALOG.items.len());
        let item = &CATALOG.items[place];
        let spot = (repository, place);
        let since = told.look_at_deletes(stage, spot);
        let was_there = told.is_there(stage, spot);
        let pulled = world
            .ask_repository(repository, async |asked| pull(world, asked, item).await)
            .await;
        // What is known now and was known before was so all the time.
        let knows = |is| was_there == Some(is) && told.is_there(stage, spot) == Some(is);
        let must_be_there = knows(true) && told.stays(spot, since);
        let name = item.name;
        match pulled {
            Ok(Pulled::Whole) => stage.count(|counts| counts.pulls += 1),
            Ok(Pulled::Absent) if must_be_there => {
                stage.violate(format!("{name} was acknowledged and is not there"));
            }
            Ok(Pulled::Part(what)) if must_be_there => {
                stage.violate(format!("{name} was acknowledged, and {what}"));
            }
            Ok(Pulled::Part(_) | Pulled::Absent) => {}
            // Deleted while it was read.
            Err(error) if error.kind() == ErrorKind::Corrupt && !must_be_there => {}
            Err(error) => check_may_fail(world, "a pull", &error),
        }
    }
}

/// What came of a pull.
enum Pulled {
    Whole,
    Absent,
    /// The manifest is there, and something that it needs is not.
    Part(String),
}

async fn pull(world: &World, repository: &Repository, item: &Item) -> Result<Pulled> {
    let Some(found) = repository.manifest(&item.reference).await? else {
        return Ok(Pulled::Absent);
    };
    if found.bytes != *item.manifest.bytes() {
        world.stage.violate(format!("{} has other bytes", item.name));
    }
    for blob in &item.blobs {
        let content = &CATALOG.blobs[*blob];
        let Some(blob) = repository.blob(&content.digest).await? else {
            return Ok(Pulled::Part(format!("its blob {} is not there", content.digest)));
        };
        let pieces: Vec<Bytes> = blob.read(0..u64::MAX).await?.try_collect().await?;
        if pieces.concat() != content.bytes {
            world.stage.violate(format!("blob {} has other bytes", content.digest));
        }
    }
    if let Some(subject) = item.subject {
        let subject = &CATALOG.items[subject].reference;
        let Reference::Digest(subject) = subject else {
            return Ok(Pulled::Whole);
        };
        let page = repository.referrers(subject, None, None, 100).await?;
        let is_listed =
            page.items.iter().any(|listed| listed.digest == *item.manifest.digest());
        if !is_listed {
            return Ok(Pulled::Part("its subject does not list it".into()));
        }
    }
    Ok(Pulled::Whole)
}
