//! Sets tags on what is there, with conditions and without.

use orlop_engine::{Condition, ErrorKind};

use super::check_may_fail;
use crate::catalog::CATALOG;
use crate::check::check_tag;
use crate::world::World;

pub(super) async fn act(world: &World) {
    let (stage, told) = (&world.stage, &world.told);
    let repository = world.scope.repository(&stage.dice);
    let tag = world.scope.tag(&stage.dice);
    let item = world.scope.item(&stage.dice);
    let digest = CATALOG.items[item].manifest.digest();
    let condition = match stage.dice.throw(8) {
        0 => Condition::Absent,
        1 => Condition::Present,
        2 => {
            let on = world.scope.item(&stage.dice);
            Condition::Is(*CATALOG.items[on].manifest.digest())
        }
        _ => Condition::Any,
    };
    let was_there = told.is_there(stage, (repository, item));
    let deletes = told.look_at_deletes(stage, (repository, item));
    check_tag(world, (repository, tag));
    let act = told.begin_tag(stage, (repository, tag));
    let set = async |asked: &orlop_engine::Repository| {
        asked.set_tag(&CATALOG.tags[tag], digest, condition).await
    };
    let answer = world.ask_repository(repository, set).await;
    let stays = told.stays((repository, item), deletes);
    match answer {
        Ok(true) => {
            if let Some(was_on) = told.was_on(&act)
                && !holds(condition, was_on.item())
            {
                stage.violate(format!("tag was on {was_on:?}, and was set if {condition:?}"));
            }
            told.end_tag_set(stage, act, (item, deletes), true);
        }
        Ok(false) => {
            if was_there == Some(true)
                && stays
                && told.is_there(stage, (repository, item)).is_some()
            {
                let name = CATALOG.items[item].name;
                stage.violate(format!("{name} was acknowledged and cannot be tagged"));
            }
            told.end_tag_unchanged(stage, act);
        }
        Err(error) if error.kind() == ErrorKind::Precondition => {
            if let Some(was_on) = told.was_on(&act)
                && holds(condition, was_on.item())
            {
                stage.violate(format!("tag was on {was_on:?}, and was not set if {condition:?}"));
            }
            told.end_tag_unchanged(stage, act);
        }
        Err(error) => {
            check_may_fail(world, "setting a tag", &error);
            told.end_tag_set(stage, act, (item, deletes), false);
        }
    }
}

/// Whether a tag that is on this fulfills a condition.
fn holds(condition: Condition, on: Option<usize>) -> bool {
    match condition {
        Condition::Any => true,
        Condition::Absent => on.is_none(),
        Condition::Present => on.is_some(),
        Condition::Is(digest) => {
            on.is_some_and(|item| *CATALOG.items[item].manifest.digest() == digest)
        }
    }
}
