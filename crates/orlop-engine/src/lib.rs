//! The engine: uploads, blobs, manifests, tags and referrers, over any backend.
//!
//! [`Registry`] opens a store, [`Repository`] is everything that one repository can do, and
//! [`Upload`] is a blob on its way in. The engine spawns no task, never sleeps, and keeps nothing
//! in memory between two calls: any number of processes can work on one store, and any of them
//! can go on where another one stopped.
//!
//! **Dropping is crashing.** Any future and any handle may be dropped at any moment. What that
//! leaves is garbage at worst, never a pointer to something that is not there: whatever is
//! pointed to is stored before the pointer, and removed after it.

mod announce;
mod audit;
mod blob;
mod collect;
mod delete;
mod error;
mod hashing;
mod install;
mod layout;
mod lease;
mod manifest;
mod mount;
mod options;
mod page;
mod put;
mod references;
mod referrers;
mod registry;
mod repository;
mod scrub;
mod state;
mod store;
mod tag;
mod unlink;
mod upload;
mod upload_id;

pub use audit::{
    Amount, AuditObserver, AuditOptions, Audited, Broken, Fault, Findings, Inventory, Tally,
};
pub use blob::Blob;
pub use collect::{CollectOptions, Collected, Kept, Observer, Unreadable};
pub use error::{Error, ErrorKind, Result};
pub use hashing::Threads;
pub use manifest::StoredManifest;
pub use mount::{Access, MountFrom};
pub use options::{Condition, Deletes, Options, PutManifest, References};
pub use page::Page;
pub use registry::Registry;
pub use repository::Repository;
pub use scrub::{
    Affected, Damage, DamageKind, Doubt, Remedy, ScrubCheckpoint, ScrubObserver, ScrubOptions,
    ScrubProgress, Scrubbed, Source,
};
pub use upload::Upload;
pub use upload_id::UploadId;
