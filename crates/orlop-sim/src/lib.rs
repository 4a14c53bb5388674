//! The engine and its backends where everything around them is simulated.
//!
//! Whatever the world may do to a registry, a seed decides here: in which order things happen, what
//! the clock says, which request fails, gets lost or comes late, who dies, and what a power cut
//! leaves on a disk. So a failure is found in seconds, and happens again with its seed.
//!
//! A [`Schedule`] is one such story of the engine: several processes with one store, pushers,
//! pullers, taggers, deleters, collectors and auditors who work through them, and a [`Plan`] that
//! says how many there are of whom and what goes wrong. What clients are told is compared with
//! what is there, all the time and in the end.
//!
//! ```text
//! cargo run --release -p orlop-sim -- --minutes 10              every plan, with fresh seeds
//! cargo run --release -p orlop-sim -- --plan NAME --seed SEED   one schedule, with its history
//! ```

mod actors;
pub mod bucket;
mod catalog;
mod check;
mod counts;
pub mod dice;
pub mod disk;
mod finale;
mod history;
pub mod life;
mod many;
pub mod mortal;
mod plan;
mod schedule;
mod scope;
mod stage;
mod store;
mod told;
mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use counts::Counts;
pub use many::{Failure, Many, Ran, sum};
pub use plan::{Faults, Leases, PLANS, Plan};
pub use schedule::{Outcome, Schedule};
pub use store::Lie;

/// Locks, also after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
