//! Explores the protocol, or shows how a slip loses something.
//!
//! ```text
//! orlop-model all [STATES]     every slip and every run, as tables of Markdown
//! orlop-model NAME [STATES]    one slip or run, with its shortest history if it loses something
//! orlop-model                  the names
//! ```

use std::process::ExitCode;
use std::time::Duration;

use orlop_model::{Outcome, Run, Setting, Slip, Verdict, crowds, explore, runs, variant, walk};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let name = words.next();
    let states_max = words.next().and_then(|word| word.parse().ok()).unwrap_or(STATES_MAX);
    let is_as_expected = match name.as_deref() {
        None => names(),
        Some("all") => all(states_max),
        Some(name) => one(name, states_max),
    };
    if is_as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn names() -> bool {
    for slip in Slip::ALL {
        println!("{:<32}{}", slip.name(), slip.what());
    }
    for Run { name, setting } in runs().into_iter().chain(crowds()) {
        println!("{name:<32}{setting}");
    }
    true
}

fn all(states_max: usize) -> bool {
    println!("| slip | what it loses | steps |\n|---|---|---:|");
    let mut is_as_expected = true;
    for slip in Slip::ALL {
        let outcome = explore(&variant(*slip), STATES_MAX);
        let (lost, steps) = match &outcome.verdict {
            Verdict::Violated { what, history, .. } => (what.as_str(), history.len()),
            _ => ("**nothing**", 0),
        };
        is_as_expected &= steps > 0;
        println!("| {} | {lost} | {steps} |", slip.what().trim_end_matches('.'));
    }
    println!("\n| run | processes | states | time | result |\n|---|---|---:|---:|---|");
    for Run { name, setting } in runs() {
        let outcome = explore(&setting, states_max);
        is_as_expected &= row(name, &setting, &outcome, "first states");
    }
    for Run { name, setting } in crowds() {
        let outcome = walk(&setting, WALKS, SEED);
        is_as_expected &= row(name, &setting, &outcome, "random steps");
    }
    is_as_expected
}

fn row(name: &str, setting: &Setting, outcome: &Outcome, bounded: &str) -> bool {
    let Outcome { states, verdict, elapsed, .. } = outcome;
    let result = match verdict {
        Verdict::Exhausted => "all states",
        Verdict::Violated { what, .. } => what,
        _ => bounded,
    };
    println!("| {name} | {setting} | {states} | {} | {result} |", seconds(*elapsed));
    !matches!(verdict, Verdict::Violated { .. })
}

fn one(name: &str, states_max: usize) -> bool {
    let slip = Slip::ALL.iter().find(|slip| slip.name() == name);
    let run = runs().into_iter().find(|run| run.name == name);
    let crowd = crowds().into_iter().find(|run| run.name == name);
    let (setting, outcome) = if let Some(slip) = slip {
        println!("{}", slip.what());
        (variant(*slip), explore(&variant(*slip), states_max))
    } else if let Some(Run { setting, .. }) = run {
        let outcome = explore(&setting, states_max);
        (setting, outcome)
    } else if let Some(Run { setting, .. }) = crowd {
        let outcome = walk(&setting, WALKS, SEED);
        (setting, outcome)
    } else {
        println!("there is no slip and no run of the name {name}");
        return false;
    };
    println!("{setting}");
    println!("{} states in {}", outcome.states, seconds(outcome.elapsed));
    let Verdict::Violated { what, history, recovery } = &outcome.verdict else {
        println!("nothing is lost: {:?}", outcome.verdict);
        return slip.is_none();
    };
    for (number, step) in (1..).zip(history) {
        println!("{number:>4}  {step}");
    }
    if !recovery.is_empty() {
        println!("      everybody crashes");
        for step in recovery {
            println!("      {step}");
        }
    }
    println!("      {what}");
    slip.is_some()
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

/// As many as fit into 2 GiB, and are seen in less than a minute.
const STATES_MAX: usize = 10_000_000;
const WALKS: usize = 100_000;
const SEED: u64 = 1;
