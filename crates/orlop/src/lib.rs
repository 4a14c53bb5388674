//! The storage engine for container registries.
//!
//! Orlop keeps content-addressed blobs and manifests, takes resumable chunked uploads, and stands
//! on pluggable backends. It is a library: a registry server of your own needs an HTTP layer and
//! its rules, and finds everything that is hard here.
//!
//! ```
//! use orlop::{Algorithm, Digest, Options, PutManifest, Registry};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! let store = orlop::fs::open(directory, &orlop::fs::FsOptions::default())?;
//! let registry = Registry::open(store, Options::default()).await?;
//! let repository = registry.repository("library/app".parse()?);
//!
//! let digest = Digest::of(Algorithm::Sha256, b"a layer");
//! let mut upload = repository.begin_upload(Algorithm::Sha256).await?;
//! upload.write("a layer".into()).await?; // as often as you like, from any number of processes
//! upload.commit(&digest).await?; // verified, durable, and no byte was copied
//!
//! assert_eq!(repository.blob(&digest).await?.unwrap().descriptor().size, 7);
//! # let _ = PutManifest::default();
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # Where to look
//!
//! | | |
//! |---|---|
//! | [`Registry`], [`Repository`], [`Upload`], [`Blob`] | what an embedder calls |
//! | [`Digest`], [`RepositoryName`], [`Tag`], [`Manifest`] … | the words of the spec, parsed once |
//! | [`Options`], [`PutManifest`], [`Access`] | policies: yours to choose |
//! | [`fs`], `object_store`, [`Environment::memory`] | the backends |
//! | [`backend`] | the contract, for a backend of your own |
//!
//! # What it promises
//!
//! * **Bytes never move.** A blob is written once, into an extent with a random name, and read
//!   from there. Commit, mount and tag touch only small records, whatever the size.
//! * **A pointer is stored after what it points to, and removed before it.** A crash leaves
//!   garbage at worst.
//! * **What is acknowledged is durable**, on a backend that is: each function says when.
//! * **Every state is in the store**, changed by compare-and-swap: any number of processes work on
//!   it, and any of them goes on with any upload.
//! * **Only hashing makes a digest trusted**, and dropping any future is as safe as a crash.
//!
//! # What it does not do
//!
//! It speaks no HTTP, authenticates nobody, starts no task and has no threads to compute on: give it
//! some ([`Options::threads`], [`Cores`]), and large uploads are hashed beside what receives them. The crate
//! `orlop-registry` is a thin server that shows how little is missing.
//!
//! # Features
//!
//! * `fs` (default): the filesystem backend.
//! * `object-store`: the backend for buckets.

#[cfg(any(feature = "fs", feature = "object-store"))]
mod cores;

/// The backend contract, for whoever brings a backend of their own.
pub mod backend {
    pub use orlop_backend::*;
}

/// The filesystem backend.
#[cfg(feature = "fs")]
pub mod fs {
    pub use orlop_fs::{FsOptions, open};
}

/// The backend for buckets: S3 and compatible, Google Cloud Storage, Azure.
#[cfg(feature = "object-store")]
pub mod object_store {
    pub use orlop_object_store::{Bucket, ObjectStoreOptions, Objects, open, open_on};
}

#[cfg(any(feature = "fs", feature = "object-store"))]
pub use cores::Cores;
pub use orlop_backend::{Environment, FileRange};
pub use orlop_engine::{
    Access, Affected, Amount, AuditObserver, AuditOptions, Audited, Blob, Broken, CollectOptions,
    Collected, Condition, Damage, DamageKind, Deletes, Doubt, Error, ErrorKind, Fault, Findings,
    Inventory, Kept, MountFrom, Observer, Options, Page, PutManifest, References, Registry, Remedy,
    Repository, Result, ScrubCheckpoint, ScrubObserver, ScrubOptions, ScrubProgress, Scrubbed,
    Source, StoredManifest, Tally, Threads, Unreadable, Upload, UploadId,
};
pub use orlop_oci::{
    Algorithm, Descriptor, Digest, Edge, Hasher, Invalid, Manifest, MediaType, Reference,
    RepositoryName, Role, Tag, Verified,
};
