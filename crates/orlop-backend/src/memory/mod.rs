//! The in-memory backend: the reading copy of the contract, and a place for tests and caches.
//!
//! Nothing is durable here beyond the life of the process; within it every clause holds.

mod extents;
mod records;

pub use extents::MemoryExtents;
pub use records::MemoryRecords;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: every change to the maps is a single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
