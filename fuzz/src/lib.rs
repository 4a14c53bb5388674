//! What the targets share: a machine whose processes can die in the middle of a call, places that
//! keep a store, and a client of the server in this process.

pub mod bucket;
pub mod client;
pub mod ids;
pub mod memory;
pub mod place;
pub mod sessions;
pub mod steps;

#[allow(dead_code)] // it can do more than is needed here
#[path = "../../crates/orlop-object-store/tests/bucket/strict.rs"]
mod strict;

use std::future::Future;

/// Runs a target's story on a runtime of its own, whose clock runs ahead whenever nothing else
/// does: no timeout takes any time.
pub fn run(story: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(story);
}
