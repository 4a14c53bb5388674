//! A bucket as a backend: S3 and whatever speaks its protocol, Google Cloud Storage, Azure.
//!
//! Any number of processes, on any number of machines, may share one bucket. There is no lock and
//! no lock server: every change of a record is one conditional write, and an extent that two
//! processes write at once comes out as the one whose checkpoint was stored.
//!
//! ```no_run
//! use orlop_object_store::{ObjectStoreOptions, open};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let options = ObjectStoreOptions::default();
//! let environment = open("s3://registry/production", &options).await?;
//! # let _ = environment;
//! # Ok::<(), orlop_backend::Error>(()) }).unwrap();
//! ```
//!
//! # What is assumed of the store
//!
//! 1. A conditional PUT (create if absent, replace if it is still that version) happens wholly or
//!    not at all, and of several at once one wins. [`open`] tries it, and refuses a store that
//!    does not mean it.
//! 2. A read or list that starts after a write was acknowledged sees it.
//! 3. Names without a `/` behind their common prefix are listed in the order of their bytes. A
//!    list that finds them in another order fails.
//!
//! Nothing rests on the order of names of which one leads the other, on conditional completion of
//! multipart uploads, on conditional deletes, or on clocks.

mod appender;
mod bound;
mod bucket;
mod config;
mod extents;
mod gather;
mod index;
mod layout;
mod probe;
mod profile;
mod progress;
mod records;
mod retry;
mod revision;
mod signed;
mod stored;

use std::sync::Arc;

use orlop_backend::{Environment, Result, SystemClock, SystemEntropy};

pub use bucket::{Bucket, Objects};

use crate::extents::ObjectExtents;
use crate::records::ObjectRecords;

/// How a bucket is used. The defaults suit every store that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectStoreOptions {
    /// Bytes of a part of a multipart upload; an upload holds up to four of them in memory. S3
    /// takes none below 5 MiB. All parts of one object have this size, but the last. When an
    /// object has [`parts_max`](Self::parts_max) of them, the extent goes on in another object
    /// with parts of twice the size.
    pub part_bytes: usize,
    /// Most parts of an object.
    pub parts_max: usize,
    /// Up to so many bytes that do not fill a part are kept in the session itself between two
    /// requests, and not as an object of their own.
    pub loose_bytes_max: usize,
    /// Most parts that are under way to the store at the same time, of all uploads together.
    pub parts_at_once: usize,
}

impl Default for ObjectStoreOptions {
    fn default() -> Self {
        Self {
            part_bytes: 8 << 20,
            parts_max: 10_000,
            loose_bytes_max: 16 << 10,
            parts_at_once: 16,
        }
    }
}

/// Opens `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
///
/// Credentials, region, endpoint and everything else come from the environment variables that the
/// store's own tools use (`AWS_…`, `GOOGLE_…`, `AZURE_…`); for S3 also from the profile that
/// `AWS_PROFILE` names.
///
/// Makes some ten small requests, to see whether conditional writes are what they should be. Must
/// be called within a tokio runtime.
pub async fn open(url: &str, options: &ObjectStoreOptions) -> Result<Environment> {
    open_on(config::bucket(url)?, options).await
}

/// Opens a bucket that the caller has configured.
///
/// ```
/// use std::sync::Arc;
///
/// use object_store::memory::InMemory;
/// use orlop_object_store::{Bucket, ObjectStoreOptions, open_on};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let bucket = Bucket::new(Arc::new(InMemory::new())).with_prefix("registry")?;
/// let environment = open_on(bucket, &ObjectStoreOptions::default()).await?;
/// # let _ = environment;
/// # Ok::<(), orlop_backend::Error>(()) }).unwrap();
/// ```
pub async fn open_on(bucket: Bucket, options: &ObjectStoreOptions) -> Result<Environment> {
    let entropy = Arc::new(SystemEntropy);
    let bucket = Arc::new(probe::trusted(bucket, &*entropy).await?);
    Ok(Environment {
        extents: Arc::new(ObjectExtents::new(bucket.clone(), *options, entropy.clone())),
        records: Arc::new(ObjectRecords::new(bucket, entropy.clone())),
        clock: Arc::new(SystemClock),
        entropy,
    })
}
