//! Audits, and repairs what it finds. In a store that nobody damaged nothing is ever broken.

use std::time::Duration;

use orlop_engine::{AuditOptions, Audited, Fault};

use super::check_may_fail;
use crate::world::{LEASE, World};

/// With all that it may do.
pub(crate) const REPAIR: AuditOptions =
    AuditOptions { repair: true, lease: Duration::ZERO, at_once: 4 };

pub(super) async fn act(world: &World) {
    let dice = &world.stage.dice;
    let lease = if dice.one_in(3) { LEASE } else { Duration::ZERO };
    let options = AuditOptions { repair: !dice.one_in(6), lease, at_once: 1 + dice.throw(4) };
    match world.ask(async |registry| registry.audit(&options, &()).await).await {
        Ok(audited) => {
            world.stage.count(|counts| counts.audits += 1);
            check(world, &audited);
        }
        Err(error) => check_may_fail(world, "an audit", &error),
    }
}

/// What no accident leaves: something that is broken, that cannot be read, or that a manifest or a
/// tag should have made and has not.
pub(crate) fn check(world: &World, audited: &Audited) {
    if audited.broken.count + audited.unreadable.count + audited.foreign.count > 0 {
        world.stage.violate(format!("an audit found {audited:?}"));
    }
    for (fault, tally) in &audited.faults {
        if matches!(fault, Fault::Unmarked | Fault::Unlinked | Fault::Repository) {
            world.stage.violate(format!("an audit found {fault:?}: {tally:?}"));
        }
    }
}
