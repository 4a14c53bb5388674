//! One schedule: a plan and a seed, from an empty store to the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::check::check;
use crate::finale::check_end;
use crate::stage::{Stage, Tasks};
use crate::world::World;
use crate::{Counts, Lie, Plan, actors};

/// A plan and a seed. The same two always give the same history.
///
/// ```
/// use orlop_sim::{PLANS, Schedule};
///
/// let schedule = Schedule::new(PLANS[0], 7);
/// let first = schedule.recorded().run();
/// assert!(first.violation.is_none() && !first.history.is_empty());
/// assert_eq!(first.history, schedule.recorded().run().history);
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing happens before it is run"]
pub struct Schedule {
    plan: Plan,
    seed: u64,
    lie: Option<Lie>,
    is_recorded: bool,
}

/// What came of a schedule.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// What happened.
    pub counts: Counts,
    /// What must not have happened.
    pub violation: Option<String>,
    /// A line for each step, if that was asked for.
    pub history: Vec<String>,
}

impl Schedule {
    /// A schedule of this plan.
    pub fn new(plan: Plan, seed: u64) -> Self {
        Self { plan, seed, lie: None, is_recorded: false }
    }

    /// The same in a store that breaks the contract.
    pub fn lying(self, lie: Lie) -> Self {
        Self { lie: Some(lie), ..self }
    }

    /// The same with a history.
    pub fn recorded(self) -> Self {
        Self { is_recorded: true, ..self }
    }

    /// Runs it to its end, or to the first thing that must not happen. A panic of what it runs is
    /// one of these.
    pub fn run(self) -> Outcome {
        let names = actors::names(&self.plan);
        let stage = Arc::new(Stage::new(self.plan, self.seed, names, self.is_recorded));
        let played = catch_unwind(AssertUnwindSafe(|| {
            let world = World::new(stage.clone(), self.lie);
            play(&world);
            if stage.violation().is_none() {
                check_end(&world);
            }
        }));
        if let Err(panic) = played {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
            stage.violate(format!("panic: {}", words.unwrap_or("without words")));
        }
        stage.count(|counts| counts.schedules += 1);
        Outcome {
            counts: stage.counts(),
            violation: stage.violation(),
            history: stage.history.take(),
        }
    }
}

/// Lets everybody go on, a step of one of them at a time, until all are over and nothing is on its
/// way any more.
fn play(world: &World) {
    let stage = &world.stage;
    let mut tasks = Tasks::new(actors::tasks(world));
    let mut steps = 0;
    tasks.run(stage);
    while stage.violation().is_none() {
        if !stage.go_on() {
            if tasks.are_left() {
                stage.violate("somebody waits for ever".into());
            }
            break;
        }
        tasks.run(stage);
        if tasks.are_left() {
            disturb(world, &tasks);
            tasks.run(stage);
        }
        steps += 1;
        if stage.dice.one_in(CHECK_EVERY) {
            check(world);
        }
        if steps > STEPS_MAX {
            stage.violate("it never ends".into());
        }
    }
    stage.count(|counts| counts.steps += steps);
}

/// What goes wrong by itself.
fn disturb(world: &World, tasks: &Tasks<'_>) {
    let (stage, faults) = (&world.stage, &world.stage.plan.faults);
    if stage.dice.one_in(faults.deaths) {
        world.kill(&world.server());
        tasks.wake_all();
    }
    if stage.dice.one_in(faults.stalls) {
        stage.stall(&world.server().process);
    }
    if stage.dice.one_in(faults.jumps) {
        let server = world.server();
        stage.jump((!stage.dice.one_in(4)).then_some(&*server.process));
    }
    if stage.dice.one_in(faults.full) {
        stage.fill_disk();
    }
    if stage.dice.one_in(faults.throttled) {
        stage.throttle();
    }
}

/// To look at everything takes as long as some dozens of steps.
const CHECK_EVERY: u64 = 120;

/// A schedule has some hundreds; a collector that begins again and again has more.
const STEPS_MAX: u64 = 300_000;
