//! Reads every byte. What nobody has damaged is whole, whatever goes on meanwhile.

use orlop_engine::{DamageKind, Registry, ScrubOptions};

use super::check_may_fail;
use crate::world::World;

pub(super) async fn act(world: &World) {
    let options = ScrubOptions { at_once: 1 + world.stage.dice.throw(4), ..Default::default() };
    match world.ask(async |registry| registry.scrub(&options, &()).await).await {
        Ok(scrubbed) => {
            world.stage.count(|counts| counts.scrubs += 1);
            // What could not be read was said to be so, because the store refused.
            let is_damaged = scrubbed.tallies.keys().any(|kind| *kind != DamageKind::Unread);
            // An old edge whose manifest is not there may be of a push that died, or seem old.
            let plan = world.stage.plan;
            let may_doubt = plan.overtakes() || plan.faults.has_accidents();
            if is_damaged || scrubbed.doubts.count > 0 && !may_doubt {
                world.stage.violate(format!("a scrub found {scrubbed:?}"));
            }
        }
        Err(error) => check_may_fail(world, "a scrub", &error),
    }
}

/// Takes blobs out of service that are whole, because it reads something else.
pub(super) async fn act_in_doubt(world: &World) {
    let options = ScrubOptions { quarantine: true, ..ScrubOptions::default() };
    let scrub = async |registry: &Registry| registry.scrub(&options, &()).await;
    match world.ask_in_doubt(scrub).await {
        Ok(_) => world.stage.count(|counts| counts.scrubs += 1),
        Err(error) => check_may_fail(world, "a scrub", &error),
    }
}
