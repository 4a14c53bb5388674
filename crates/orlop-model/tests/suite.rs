//! The part of the exploration that takes a minute: every slip loses something, and the protocol
//! loses nothing. All of it: `cargo run --release -p orlop-model -- all`.

#![allow(clippy::unwrap_used)] // a test that fails says where

use orlop_model::{Run, Setting, Slip, Verdict, crowds, explore, runs, variant, walk};

#[test]
fn every_slip_loses_something() {
    for slip in Slip::ALL {
        let outcome = explore(&variant(*slip), STATES_MAX);
        let is_found = matches!(outcome.verdict, Verdict::Violated { .. });
        assert!(is_found, "{} loses nothing", slip.name());
    }
}

#[test]
fn without_the_slip_the_same_setting_loses_nothing() {
    for slip in Slip::ALL {
        let outcome = explore(&variant(*slip).sound(), STATES_MAX);
        let is_sound = matches!(outcome.verdict, Verdict::Exhausted);
        assert!(is_sound, "{}: {:#?}", slip.name(), outcome.verdict);
    }
}

#[test]
fn the_protocol_loses_nothing() {
    for Run { name, setting } in runs() {
        check(name, &setting, &explore(&setting, FIRST_STATES).verdict);
    }
}

#[test]
fn crowds_lose_nothing() {
    for Run { name, setting } in crowds() {
        check(name, &setting, &walk(&setting, WALKS, 1).verdict);
    }
}

fn check(name: &str, setting: &Setting, verdict: &Verdict) {
    let is_sound = !matches!(verdict, Verdict::Violated { .. });
    assert!(is_sound, "{name}, {setting}: {verdict:#?}");
}

const STATES_MAX: usize = 2_000_000;
const FIRST_STATES: usize = 100_000;
const WALKS: usize = 500;
