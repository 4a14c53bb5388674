//! Runs schedules: many with fresh seeds, or one again with its history.

use std::io::{IsTerminal, stderr};
use std::panic;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use orlop_backend::{Entropy, SystemEntropy};
use orlop_sim::{Counts, Failure, Many, PLANS, Plan, Ran, Schedule, sum};

/// Runs the engine where everything around it is simulated.
///
/// A seed decides what happens. Without --seed it runs many, and says with which command the first
/// one that fails can be run again.
#[derive(Debug, Parser)]
#[command(name = "orlop-sim")]
struct Arguments {
    /// What is tried; all plans without it.
    #[arg(long, value_parser = plan)]
    plan: Option<Plan>,
    /// One schedule only, with its history.
    #[arg(long, requires = "plan")]
    seed: Option<u64>,
    /// How many seeds to run each plan with.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed; a random one without it.
    #[arg(long)]
    from: Option<u64>,
    /// For how long, in minutes.
    #[arg(long)]
    minutes: Option<f64>,
    /// How many at the same time; as many as there are cores without it.
    #[arg(long)]
    threads: Option<usize>,
    /// Says which plans there are.
    #[arg(long)]
    plans: bool,
}

fn plan(name: &str) -> Result<Plan, String> {
    let names = || PLANS.iter().map(|plan| plan.name).collect::<Vec<_>>().join(", ");
    Plan::named(name).copied().ok_or_else(|| format!("expected one of {}", names()))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    panic::set_hook(Box::new(|_| {})); // what a schedule panics with is told with its seed
    if arguments.plans {
        for plan in PLANS {
            println!("{:<18}{}", plan.name, plan.about);
        }
        return ExitCode::SUCCESS;
    }
    match (arguments.plan, arguments.seed) {
        (Some(plan), Some(seed)) => one(plan, seed),
        _ => many(&arguments),
    }
}

fn one(plan: Plan, seed: u64) -> ExitCode {
    let outcome = Schedule::new(plan, seed).recorded().run();
    for line in &outcome.history {
        println!("{line}");
    }
    println!("\n{}, seed {seed}: {}", plan.name, outcome.counts);
    match outcome.violation {
        Some(violation) => {
            println!("FAILED: {violation}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

fn many(arguments: &Arguments) -> ExitCode {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let from = arguments.from.unwrap_or_else(fresh_seed);
    let many = Many {
        plans: arguments.plan.map_or_else(|| PLANS.to_vec(), |plan| vec![plan]),
        from,
        seeds: match (arguments.seeds, arguments.minutes) {
            (None, None) => Some(SEEDS),
            (seeds, _) => seeds,
        },
        time: arguments.minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0)),
        threads: arguments.threads.unwrap_or(cores),
    };
    println!("seeds from {from}");
    let is_watched = stderr().is_terminal();
    let watch = |counts: &Counts| {
        if is_watched {
            eprint!("\r{} schedules, {} steps ", counts.schedules, counts.steps);
        }
    };
    let ran = many.run(watch);
    if is_watched {
        eprintln!();
    }
    match ran {
        Ok(all) => {
            all.iter().for_each(report);
            println!("all: {}", sum(&all));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            explain(&failure);
            ExitCode::FAILURE
        }
    }
}

fn report(ran: &Ran) {
    println!("{}: {}, {:.1} s", ran.plan.name, ran.counts, ran.time.as_secs_f64());
}

fn explain(failure: &Failure) {
    let Failure { plan, seed, violation, .. } = failure;
    let history = Schedule::new(*plan, *seed).recorded().run().history;
    for line in &history[history.len().saturating_sub(LINES)..] {
        println!("{line}");
    }
    println!("\nFAILED: {violation}");
    println!("again: cargo run --release -p orlop-sim -- --plan {} --seed {seed}", plan.name);
}

fn fresh_seed() -> u64 {
    let id = SystemEntropy.random_id().map_or(0, orlop_backend::RandomId::to_bits);
    u64::try_from(id >> 80).unwrap_or_default() // short enough to be copied by hand
}

/// Of each plan, if nothing else is asked for.
const SEEDS: u64 = 1000;

/// Of the history of a schedule that failed.
const LINES: usize = 60;
