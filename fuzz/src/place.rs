//! Where a target's store is.

use std::sync::Arc;

use arbitrary::Arbitrary;
use orlop::backend::SystemClock;
use orlop::backend::memory::{MemoryExtents, MemoryRecords};
use orlop::object_store::{Bucket, ObjectStoreOptions};
use orlop::{Environment, Options, Registry};

use crate::bucket::SlowBucket;
use crate::ids::Ids;
use crate::memory::Slow;

/// What kind of place.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Kind {
    /// The memory backend.
    Memory,
    /// A bucket whose parts are tiny, so that an upload of some bytes has parts, pieces, loose
    /// bytes and several spans.
    Bucket {
        /// Bytes of a part, less one.
        part: u8,
        /// Parts of an object, less one.
        parts: u8,
        /// Bytes that stay in the checkpoint.
        loose: u8,
    },
}

/// A place that stays when processes end.
#[derive(Debug)]
pub enum Place {
    /// Its environment is all that there is of it.
    Memory(Environment),
    /// What is stored, and how it is used.
    Bucket(Arc<SlowBucket>, ObjectStoreOptions),
}

impl Place {
    /// An empty place.
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Memory => {
                let (clock, entropy) = (Arc::new(SystemClock), Arc::new(Ids::default()));
                let records = MemoryRecords::new(clock.clone(), entropy.clone());
                Self::Memory(Environment {
                    extents: Arc::new(Slow(MemoryExtents::new(clock.clone()))),
                    records: Arc::new(Slow(records)),
                    clock,
                    entropy,
                })
            }
            Kind::Bucket { part, parts, loose } => {
                let mut options = ObjectStoreOptions::default();
                options.part_bytes = usize::from(part % 64) + 1;
                options.parts_max = usize::from(parts % 8) + 1;
                options.loose_bytes_max = usize::from(loose % 32);
                Self::Bucket(Arc::default(), options)
            }
        }
    }

    /// Opens the place, as a process does that has just begun.
    pub async fn open(&self) -> Environment {
        match self {
            Self::Memory(environment) => environment.clone(),
            Self::Bucket(objects, options) => {
                let bucket = Bucket::new(objects.clone());
                orlop::object_store::open_on(bucket, options).await.expect("a store")
            }
        }
    }

    /// The registry in it. In memory all blobs have extents; in a bucket small ones are inline, up to
    /// a size that differs.
    pub async fn registry(&self) -> Registry {
        let inline_bytes_max = match self {
            Self::Memory(_) => 0,
            Self::Bucket(_, options) => 2 * options.loose_bytes_max,
        };
        let options = Options { inline_bytes_max, ..Options::default() };
        Registry::open(self.open().await, options).await.expect("a registry")
    }
}
