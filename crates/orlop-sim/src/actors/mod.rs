//! Clients, collectors and auditors: what each of them does, and what it must not hear.

mod auditor;
mod collector;
mod deleter;
mod puller;
mod pusher;
mod scrubber;
mod tagger;
mod upload;

pub(crate) use self::auditor::{REPAIR, check as check_audit};
pub(crate) use self::collector::EAGER;

use orlop_engine::{Error, ErrorKind};

use crate::Plan;
use crate::stage::Task;
use crate::world::World;

/// What somebody is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Pusher,
    Puller,
    Tagger,
    Deleter,
    Collector,
    Auditor,
    Scrubber,
    Quarantiner,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Pusher => "pusher",
            Role::Puller => "puller",
            Role::Tagger => "tagger",
            Role::Deleter => "deleter",
            Role::Collector => "collector",
            Role::Auditor => "auditor",
            Role::Scrubber => "scrubber",
            Role::Quarantiner => "quarantiner",
        }
    }

    async fn act(self, world: &World) {
        match self {
            Role::Pusher => pusher::act(world).await,
            Role::Puller => puller::act(world).await,
            Role::Tagger => tagger::act(world).await,
            Role::Deleter => deleter::act(world).await,
            Role::Collector => collector::act(world).await,
            Role::Auditor => auditor::act(world).await,
            Role::Scrubber => scrubber::act(world).await,
            Role::Quarantiner => scrubber::act_in_doubt(world).await,
        }
    }
}

/// Everybody whom a plan asks for.
fn cast(plan: &Plan) -> Vec<Role> {
    let of = |role, count| std::iter::repeat_n(role, count);
    of(Role::Pusher, plan.pushers)
        .chain(of(Role::Puller, plan.pullers))
        .chain(of(Role::Tagger, plan.taggers))
        .chain(of(Role::Deleter, plan.deleters))
        .chain(of(Role::Collector, plan.collectors))
        .chain(of(Role::Auditor, plan.auditors))
        .chain(of(Role::Scrubber, plan.scrubbers))
        .chain(of(Role::Quarantiner, plan.quarantiners))
        .collect()
}

/// What they are called, in the order of their tasks.
pub(crate) fn names(plan: &Plan) -> Vec<String> {
    let named = |(place, role): (usize, Role)| format!("{} {place}", role.name());
    cast(plan).into_iter().enumerate().map(named).collect()
}

/// All that they do.
pub(crate) fn tasks(world: &World) -> Vec<Task<'_>> {
    let plan = &world.stage.plan;
    let live = |role: Role| -> Task<'_> {
        Box::pin(async move {
            // Whoever cleans up is there all the time.
            let at_least = if role == Role::Collector { plan.acts } else { 1 };
            for _ in 0..at_least + world.stage.dice.throw(plan.acts) {
                world.think().await;
                role.act(world).await;
            }
        })
    };
    cast(plan).into_iter().map(live).collect()
}

/// Whether somebody lost a race, got no answer, or may try again for another reason that is no
/// fault of the registry; everything else is a violation.
fn check_may_fail(world: &World, what: &str, error: &Error) {
    let may = match error.kind() {
        ErrorKind::ManifestBlobUnknown
        | ErrorKind::ManifestUnknown
        | ErrorKind::Unavailable
        | ErrorKind::UploadConflict
        | ErrorKind::UploadUnknown => true,
        ErrorKind::Full => world.stage.plan.faults.full > 0,
        _ => false,
    };
    if !may {
        world.stage.violate(format!("{what} failed with {error:?}"));
    } else if world.stage.plan.is_calm() {
        world.stage.violate(format!("nothing goes wrong, and {what} failed with {error:?}"));
    }
}
