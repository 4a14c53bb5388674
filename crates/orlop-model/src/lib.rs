//! The protocol between writers and collectors, explored in every order of its steps.
//!
//! Any number of processes push, pull, delete and collect in one store at once, with nothing
//! between them but the records in it. That this loses nothing is not a matter of tests, which try
//! a few orders of steps, but of all orders. So the protocol is written down here once more, small
//! enough for a program to try them all: one blob, four manifests, one tag, two repositories.
//!
//! * **A step is one request to the store.** A list is a step for each key. Between two steps
//!   everything else can happen; a process that is not given a step any more has crashed.
//! * **No clock is trusted.** What is old and what is young is left to the worst chance.
//! * **Answers get lost**, and changes are made when their callers have long given up.
//! * **In every state that is reached** nothing that counts is lost; and if there everybody
//!   crashes, one later collector cleans up all that is left.
//!
//! Read `src/process/collector.rs` first, then the rest of `src/process/`: it has what each process
//! does, function by function as the engine has it. `turn.rs` says how such a function is run step
//! by step, `safety.rs` what must hold at every moment, `recovery.rs` what must be gone in the end,
//! `runs.rs` what was tried, and `slip.rs` every step of which something is lost if it is left out
//! or done at the wrong time.
//!
//! ```
//! use orlop_model::{Slip, Verdict, explore, variant};
//!
//! // A push that checks its blobs and then marks its edges:
//! let outcome = explore(&variant(Slip::ChecksBeforeEdges), 10_000);
//! let Verdict::Violated { what, history, .. } = outcome.verdict else { panic!("it loses something") };
//! assert_eq!(what, "manifest One refers to a blob that is gone");
//! assert_eq!(history.len(), 13);
//! ```
//!
//! What it has before the engine: `src/process/untagged.rs`, where manifests go that nothing keeps.
//!
//! What it does not have:
//!
//! * More than one blob. Edges are marked one after the other before anything is checked, so what
//!   holds for each blob holds for all; but that is an argument and not a run.
//! * The bytes of uploads, and who writes them at the same time.
//! * What a request does inside of a backend. The contract's tests look at that; the slips
//!   `creates-twice` and `tells-conflicts-that-were-none` say why it matters.
//! * Retries without end: a push has two incarnations at most, a delete two candidates.
//! * Leases of manifests. Those of blobs it has.
//! * The engine's own code. `crates/orlop-sim` runs that.

mod change;
mod explorer;
mod fingerprint;
mod ids;
mod judge;
mod key;
mod packed;
mod process;
mod promises;
mod recovery;
mod requests;
mod runs;
mod safety;
mod setting;
mod slip;
mod start;
mod state;
mod store;
mod successors;
mod turn;
mod variants;
mod walk;
mod word;
mod world;

pub use explorer::{Outcome, Verdict, explore};
pub use runs::{Run, crowds, runs};
pub use setting::{Feature, Setting};
pub use slip::Slip;
pub use variants::variant;
pub use walk::walk;
