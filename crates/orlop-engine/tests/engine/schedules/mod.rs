//! The engine's own code under schedules that a seed decides: pushers, deleters, collectors and
//! auditors, each call to the store a step, with crashes, lost answers and requests that come late.

mod stepped;
mod tags;
mod world;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use futures::FutureExt;
use orlop_backend::Environment;
use orlop_engine::ScrubOptions;

use self::stepped::{Stage, stepped};
use self::world::{EAGER, REPAIR, Told, check_clean, check_sound, heal};
use crate::fixture::open;
use crate::liar::lied_to;

type Task<'t> = Pin<Box<dyn Future<Output = ()> + 't>>;

/// What is tried with a seed.
#[derive(Clone, Copy, Debug)]
struct Plan {
    pushers: usize,
    deleters: usize,
    collectors: usize,
    auditors: usize,
    scrubbers: usize,
    /// Scrubbers that take blobs for damaged which are not, and put them out of service.
    quarantiners: usize,
    /// One in so many changes gets lost or comes late.
    trouble: usize,
    /// Whether somebody dies in the middle.
    crashes: bool,
}

fn run(seed: u64, plan: Plan) -> usize {
    let store = Environment::memory();
    let stage = Stage::new(seed, plan.trouble);
    let dice = &stage.dice;
    let told = Told::default();
    open(store.clone()).now_or_never().unwrap();
    let mut tasks: Vec<Task<'_>> = Vec::new();
    for _ in 0..plan.pushers {
        tasks.push(Box::pin(async {
            let registry = open(stepped(&store, &stage)).await;
            for _ in 0..3 {
                told.push(&registry, dice).await;
            }
        }));
    }
    for _ in 0..plan.deleters {
        tasks.push(Box::pin(async {
            let registry = open(stepped(&store, &stage)).await;
            for _ in 0..3 {
                told.delete(&registry, dice).await;
            }
        }));
    }
    for _ in 0..plan.collectors {
        tasks.push(Box::pin(async {
            let registry = open(stepped(&store, &stage)).await;
            for _ in 0..3 {
                let _ = registry.collect(&EAGER, &()).await; // a lost answer ends a run
            }
        }));
    }
    for _ in 0..plan.auditors {
        tasks.push(Box::pin(auditor(&store, &stage)));
    }
    for _ in 0..plan.scrubbers {
        tasks.push(Box::pin(scrubber(&store, &stage)));
    }
    for _ in 0..plan.quarantiners {
        tasks.push(Box::pin(quarantiner(&store, &stage)));
    }
    if plan.quarantiners > 0 {
        play(&stage, tasks, plan.crashes, || {});
        heal(&store);
    } else {
        play(&stage, tasks, plan.crashes, || told.check(&store));
    }
    told.check(&store);
    if plan.auditors > 0 {
        check_sound(&store);
        told.check(&store);
    }
    check_clean(&store, plan);
    told.check(&store);
    *told.pushes.borrow()
}

/// Repairs whatever it finds.
async fn auditor(store: &Environment, stage: &Arc<Stage>) {
    let registry = open(stepped(store, stage)).await;
    for _ in 0..2 {
        let _ = registry.audit(&REPAIR, &()).await; // a lost answer ends a run
    }
}

/// Finds nothing, whatever goes on.
async fn scrubber(store: &Environment, stage: &Arc<Stage>) {
    let registry = open(stepped(store, stage)).await;
    for _ in 0..2 {
        let scrubbed = registry.scrub(&ScrubOptions::default(), &()).await.unwrap();
        assert!(scrubbed.is_sound() && scrubbed.doubts.count == 0, "{scrubbed:?}");
    }
}

/// Takes what is whole out of service, now and then.
async fn quarantiner(store: &Environment, stage: &Arc<Stage>) {
    let dice = stage.clone();
    let registry = open(lied_to(stepped(store, stage), move || dice.dice.one_in(2))).await;
    for _ in 0..4 {
        let options = ScrubOptions { quarantine: true, ..ScrubOptions::default() };
        let _ = registry.scrub(&options, &()).await; // a lost answer ends a run
    }
}

/// Lets tasks go on, a step of one of them at a time, until all are over or have died.
fn play(stage: &Stage, mut tasks: Vec<Task<'_>>, crashes: bool, check: impl Fn()) {
    let dice = &stage.dice;
    let mut context = Context::from_waker(Waker::noop());
    let mut steps = 0;
    while !tasks.is_empty() {
        steps += 1;
        assert!(steps < 1_000_000, "it never ends");
        let chosen = dice.throw(tasks.len());
        if tasks[chosen].as_mut().poll(&mut context).is_ready() || crashes && dice.one_in(200) {
            drop(tasks.swap_remove(chosen));
        }
        if dice.one_in(30) {
            stage.deliver().now_or_never().unwrap();
        }
        if dice.one_in(20) {
            check();
        }
    }
    check();
}

/// Runs a plan with many seeds; one that fails is named by the panic.
fn many(plan: Plan, run: fn(u64, Plan) -> usize) {
    let first = std::env::var("ORLOP_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = match first {
        Some(seed) => seed..seed + 1,
        None => 0..std::env::var("ORLOP_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap()),
    };
    let mut pushes = 0;
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| run(seed, plan));
        pushes += outcome.unwrap_or_else(|_| panic!("ORLOP_SEED={seed} fails with {plan:?}"));
    }
    assert!(pushes > 0, "no push was ever told that it succeeded");
}

const SEEDS: u64 = 300;

const NOBODY: Plan = Plan {
    pushers: 0,
    deleters: 0,
    collectors: 0,
    auditors: 0,
    scrubbers: 0,
    quarantiners: 0,
    trouble: 0,
    crashes: false,
};
const QUIET: Plan = Plan { pushers: 3, deleters: 2, collectors: 2, ..NOBODY };
const SCRUBBED: Plan = Plan { collectors: 1, scrubbers: 1, ..QUIET };
const AUDITED: Plan = Plan { collectors: 1, auditors: 2, ..QUIET };

#[test]
fn pushes_deletes_and_two_collectors() {
    many(QUIET, run);
}

#[test]
fn the_same_with_crashes() {
    many(Plan { crashes: true, ..QUIET }, run);
}

#[test]
fn the_same_with_lost_answers_and_late_requests() {
    many(Plan { trouble: 30, crashes: true, ..QUIET }, run);
}

#[test]
fn tags_and_indexes() {
    many(QUIET, tags::run);
}

#[test]
fn tags_and_indexes_with_crashes() {
    many(Plan { crashes: true, ..QUIET }, tags::run);
}

#[test]
fn tags_and_indexes_with_lost_answers_and_late_requests() {
    many(Plan { trouble: 30, crashes: true, ..QUIET }, tags::run);
}

#[test]
fn pushes_deletes_a_collector_and_two_auditors() {
    many(AUDITED, run);
}

#[test]
fn auditors_with_crashes() {
    many(Plan { crashes: true, ..AUDITED }, run);
}

#[test]
fn auditors_with_lost_answers_and_late_requests() {
    many(Plan { trouble: 30, crashes: true, ..AUDITED }, run);
}

#[test]
fn tags_indexes_and_auditors() {
    many(AUDITED, tags::run);
}

#[test]
fn tags_indexes_and_auditors_with_crashes() {
    many(Plan { crashes: true, ..AUDITED }, tags::run);
}

#[test]
fn tags_indexes_and_auditors_with_lost_answers_and_late_requests() {
    many(Plan { trouble: 30, crashes: true, ..AUDITED }, tags::run);
}

#[test]
fn a_scrub_finds_nothing_beside_all_of_it() {
    many(Plan { trouble: 30, crashes: true, ..SCRUBBED }, run);
}

#[test]
fn a_scrub_finds_nothing_beside_tags_and_indexes() {
    many(Plan { trouble: 30, crashes: true, ..SCRUBBED }, tags::run);
}

const QUARANTINED: Plan = Plan { collectors: 1, quarantiners: 1, ..QUIET };

#[test]
fn a_quarantine_costs_no_repository_a_blob() {
    many(QUARANTINED, run);
}

#[test]
fn a_quarantine_with_crashes_lost_answers_and_late_requests() {
    many(Plan { trouble: 30, crashes: true, ..QUARANTINED }, run);
}
