//! Processes die, and the power is cut, at every point at which that can make a difference.

#![allow(clippy::unwrap_used)] // a test that fails says where

mod base;
mod crash_points;
mod dead_writers;
mod flushes;
mod journals;
mod late_tags;
mod laws;
mod missing_syncs;
mod operations;
mod pairs;
mod place;
mod power_cuts;
mod stored;
mod unfinished;
mod view;
