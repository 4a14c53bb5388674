//! What a place that keeps a registry's bytes must do.
//!
//! A backend has two planes, because they differ in physics:
//!
//! * [`Extents`], the data plane: the bytes of blobs. Large, written once under a random name,
//!   never moved, never changed.
//! * [`Records`], the control plane: small values, replaced only by compare-and-swap, and markers
//!   that are nothing but a name.
//!
//! The engine touches the world through an [`Environment`] alone: the two planes, a clock and a
//! source of randomness. A simulation is just another environment.
//!
//! [`memory`] is the backend to read first. The contract is spelled out on the traits and checked
//! by the crate `orlop-contract`, which anybody can run on a backend of their own. There are no
//! optional parts: a place that cannot do all of it is not a backend.
//!
//! ```
//! use bytes::Bytes;
//! use orlop_backend::{Environment, Expected, Key, Swap};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let environment = Environment::memory();
//! let key = Key::new(["b", "sha256", "e3b0"])?;
//! let swap = environment.records.swap(&key, Expected::Absent, Bytes::from("1")).await?;
//! assert!(matches!(swap, Swap::Stored(_)));
//! let swap = environment.records.swap(&key, Expected::Absent, Bytes::from("2")).await?;
//! assert!(matches!(swap, Swap::Conflict));
//! # Ok::<(), orlop_backend::Error>(()) }).unwrap();
//! ```

pub mod envelope;
mod environment;
mod error;
mod extents;
mod key;
pub mod memory;
mod random_id;
mod records;

pub use environment::{Clock, Entropy, Environment, SystemClock, SystemEntropy};
pub use error::{Error, ErrorKind, Result};
pub use extents::{
    Appender, ByteStream, Checkpoint, Claim, ExtentEntry, ExtentId, ExtentState, Extents, FileRange,
};
pub use key::{Key, Prefix};
pub use random_id::RandomId;
pub use records::{Change, Changed, Entry, Expected, Record, Records, Removal, Swap, Version};
