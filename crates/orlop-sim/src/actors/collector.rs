//! Collects, as eagerly as the plan says.

use std::time::Duration;

use orlop_engine::CollectOptions;

use super::check_may_fail;
use crate::plan::Leases;
use crate::world::{LEASE, World};

/// As eager as can be: whatever is not referred to at this moment is garbage.
pub(crate) const EAGER: CollectOptions = CollectOptions {
    lease: Duration::ZERO,
    upload_idle: Duration::ZERO,
    untagged: None,
    dry_run: false,
    at_once: 4,
};

pub(super) async fn act(world: &World) {
    let (plan, dice) = (&world.stage.plan, &world.stage.dice);
    let is_eager = match plan.leases {
        Leases::Zero => true,
        Leases::Real => false,
        Leases::Both => dice.one_in(2),
    };
    let length = if is_eager { Duration::ZERO } else { LEASE };
    let options = CollectOptions {
        lease: length,
        upload_idle: length,
        untagged: (plan.untagged && !dice.one_in(4)).then_some(length),
        dry_run: dice.one_in(12),
        at_once: 1 + dice.throw(4),
    };
    match world.ask(async |registry| registry.collect(&options, &()).await).await {
        Ok(done) => {
            world.stage.count(|counts| counts.collections += 1);
            if let Some(unreadable) = done.unreadable.first() {
                world.stage.violate(format!("a collection cannot read {unreadable:?}"));
            }
        }
        Err(error) => check_may_fail(world, "a collection", &error),
    }
}
