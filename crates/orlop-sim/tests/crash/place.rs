//! The three kinds of stores, and processes on them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orlop_backend::Environment;
use orlop_engine::{Options, Registry};
use orlop_fs::FsOptions;
use orlop_object_store::{Bucket, ObjectStoreOptions};
use orlop_sim::bucket::SimBucket;
use orlop_sim::dice::Dice;
use orlop_sim::disk::{SimDisk, Unsynced};
use orlop_sim::life::Life;
use orlop_sim::mortal::mortal;

/// Where a store is.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) medium: Medium,
    /// Up to which size its processes keep blobs in their records.
    inline_bytes_max: usize,
    /// How many processes there were: each has names of its own, and the same ones every time.
    processes: AtomicU64,
}

#[derive(Clone, Debug)]
pub(crate) enum Medium {
    Memory(Environment),
    Disk(SimDisk),
    Bucket(SimBucket),
}

/// A process that has opened a store.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) environment: Environment,
    pub(crate) registry: Registry,
    pub(crate) options: Options,
    pub(crate) life: Arc<Life>,
    /// How many changes it had made when it had opened the store.
    pub(crate) opened_at: usize,
}

impl From<Medium> for Place {
    fn from(medium: Medium) -> Self {
        Self { medium, inline_bytes_max: 0, processes: AtomicU64::new(0) }
    }
}

impl Place {
    pub(crate) fn memory() -> Self {
        Medium::Memory(Environment::memory()).into()
    }

    pub(crate) fn disk() -> Self {
        Medium::Disk(SimDisk::new()).into()
    }

    pub(crate) fn bucket() -> Self {
        Medium::Bucket(SimBucket::new()).into()
    }

    /// One in which small blobs have no extents.
    pub(crate) fn with_inline_blobs(self) -> Self {
        Self { inline_bytes_max: INLINE_BYTES_MAX, ..self }
    }

    pub(crate) fn options(&self) -> Options {
        Options { inline_bytes_max: self.inline_bytes_max, ..Options::default() }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.medium {
            Medium::Memory(_) => "memory",
            Medium::Disk(_) => "disk",
            Medium::Bucket(_) => "bucket",
        }
    }

    /// A copy of all that is there; `None` where it has to be made anew.
    pub(crate) fn copied(&self) -> Option<Self> {
        self.on(match &self.medium {
            Medium::Memory(_) => return None,
            Medium::Disk(disk) => Medium::Disk(disk.copied()),
            Medium::Bucket(bucket) => Medium::Bucket(bucket.copied()),
        })
        .into()
    }

    /// The same kind of place, with nothing in it.
    pub(crate) fn emptied(&self) -> Self {
        Self { inline_bytes_max: self.inline_bytes_max, ..Self::memory() }
    }

    /// The machine after its power was cut, if there is one.
    pub(crate) fn power_cut(&self, unsynced: Unsynced<'_>) -> Option<Self> {
        match &self.medium {
            Medium::Disk(disk) => Some(self.on(Medium::Disk(disk.power_cut(unsynced)))),
            _ => None,
        }
    }

    fn on(&self, medium: Medium) -> Self {
        let processes = AtomicU64::new(self.processes.load(Ordering::Relaxed));
        Self { medium, inline_bytes_max: self.inline_bytes_max, processes }
    }

    /// The backend as a process sees it whose life this is.
    pub(crate) async fn backend(&self, life: &Arc<Life>) -> orlop_backend::Result<Environment> {
        let seed = self.processes.fetch_add(1, Ordering::Relaxed);
        let environment = match &self.medium {
            Medium::Memory(environment) => mortal(environment, life),
            Medium::Disk(disk) => open_disk(&disk.process(life.clone()))?,
            Medium::Bucket(bucket) => {
                let bucket = Bucket::new(Arc::new(bucket.process(life.clone())));
                let mut options = ObjectStoreOptions::default();
                // So small that uploads of some bytes have several of everything.
                (options.part_bytes, options.loose_bytes_max) = (24, 8);
                orlop_object_store::open_on(bucket.with_prefix("store")?, &options).await?
            }
        };
        Ok(Environment { entropy: Arc::new(Dice::new(seed)), ..environment })
    }

    /// A process that opens the store, and lives as long as it likes.
    pub(crate) async fn enter(&self) -> Process {
        self.enter_as(Arc::default()).await
    }

    pub(crate) async fn enter_as(&self, life: Arc<Life>) -> Process {
        let environment = self.backend(&life).await.unwrap();
        let options = self.options();
        let registry = Registry::open(environment.clone(), options.clone()).await.unwrap();
        let opened_at = life.made().len();
        Process { environment, registry, options, life, opened_at }
    }
}

/// So that about half of the blobs are inline, and what a session holds in the middle is.
const INLINE_BYTES_MAX: usize = 74;

pub(crate) fn open_disk(disk: &SimDisk) -> orlop_backend::Result<Environment> {
    orlop_fs::open_on(Arc::new(disk.clone()), Path::new("/srv/store"), &FsOptions::default())
}

/// Everything happens on one thread, and what blocks on one other: as nearly in the same order
/// each time as threads allow.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build();
    runtime.unwrap().block_on(work)
}

/// How many seeds are tried where not everything is, unless `ORLOP_SEEDS` says otherwise.
pub(crate) fn seeds(usual: u64) -> std::ops::Range<u64> {
    0..std::env::var("ORLOP_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(usual)
}
