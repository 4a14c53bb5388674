//! Schedules with seeds that nobody has tried before.
//!
//! `ORLOP_SEED` is the first seed and `ORLOP_SEEDS` how many each plan is run with.

#![allow(clippy::unwrap_used)] // a test that fails says where

use orlop_backend::{Entropy, SystemEntropy};
use orlop_sim::{Lie, Many, PLANS, Plan, Schedule, sum};

/// The number that a variable of the environment has.
fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

fn first_seed() -> u64 {
    let fresh = || u64::try_from(SystemEntropy.random_id().unwrap().to_bits() >> 80).unwrap();
    let seed = told("ORLOP_SEED").unwrap_or_else(fresh);
    println!("ORLOP_SEED={seed}");
    seed
}

#[test]
fn nothing_goes_wrong_with_fresh_seeds() {
    let seeds = told("ORLOP_SEEDS").unwrap_or(SEEDS);
    let (plans, from) = (PLANS.to_vec(), first_seed());
    let many = Many { plans, from, seeds: Some(seeds), time: None, threads: 1 };
    let ran = many.run(|_| ()).unwrap_or_else(|failure| {
        let (plan, seed) = (failure.plan.name, failure.seed);
        let again = format!("cargo run --release -p orlop-sim -- --plan {plan} --seed {seed}");
        panic!("{}\nagain: {again}", failure.violation)
    });
    let all = sum(&ran);
    println!("{all}");
    assert_eq!(all.schedules, seeds * PLANS.len() as u64);
}

/// A plan in which nobody succeeds proves nothing.
#[test]
fn something_happens_in_each_plan() {
    for plan in PLANS {
        let plans = vec![*plan];
        let many = Many { plans, from: 1, seeds: Some(30), time: None, threads: 1 };
        let counts = sum(&many.run(|_| ()).unwrap());
        let name = plan.name;
        assert!(counts.pushes > 30, "{name}: {counts}");
        assert!(plan.pullers == 0 || counts.pulls > 0, "{name}: {counts}");
        assert!(plan.deleters == 0 || counts.deletes > 10, "{name}: {counts}");
        assert!(plan.collectors == 0 || counts.collections > 0, "{name}: {counts}");
        assert!(plan.auditors == 0 || counts.audits > 0, "{name}: {counts}");
        let scrubbers = plan.scrubbers + plan.quarantiners;
        assert!(scrubbers == 0 || counts.scrubs > 0, "{name}: {counts}");
        assert!(plan.faults.deaths == 0 || counts.deaths > 0, "{name}: {counts}");
        assert!(counts.checks > 30, "{name}: {counts}");
    }
}

#[test]
fn a_seed_decides_everything() {
    let from = first_seed();
    for plan in PLANS {
        for seed in from..from + 3 {
            let [one, other] = [(); 2].map(|()| Schedule::new(*plan, seed).recorded().run());
            assert_eq!(one.history, other.history, "{}, seed {seed}", plan.name);
            assert_eq!(one.counts, other.counts, "{}, seed {seed}", plan.name);
        }
    }
}

/// Each way to break the contract is found out.
#[test]
fn a_store_that_lies_is_found_out() {
    for lie in Lie::ALL {
        let tries = PLANS.iter().filter(|plan| LIED_TO.contains(&plan.name));
        let found = |plan: &Plan| {
            (0..LIES).find_map(|seed| Schedule::new(*plan, seed).lying(*lie).run().violation)
        };
        let violations: Vec<String> = tries.filter_map(found).collect();
        assert!(!violations.is_empty(), "{lie:?} was not found out");
        println!("{lie:?}: {violations:?}");
    }
}

/// Of each plan.
const SEEDS: u64 = 200;

const LIED_TO: [&str; 2] = ["quiet", "untagged"];

/// Seeds with which a store lies.
const LIES: u64 = 400;
