//! Everything that the engine can touch outside of itself.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::SystemTime;

use crate::{Error, ErrorKind, Extents, RandomId, Records, Result, memory};

/// The world as the engine sees it. Replace one part and the rest stays.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // made to be put together by hand
pub struct Environment {
    /// Where the bytes of blobs are.
    pub extents: Arc<dyn Extents>,
    /// Where records and markers are.
    pub records: Arc<dyn Records>,
    /// What time it is. No safety rests on it.
    pub clock: Arc<dyn Clock>,
    /// Where names that are never used twice come from.
    pub entropy: Arc<dyn Entropy>,
}

impl Environment {
    /// A store in this process's memory; it ends with the last clone.
    pub fn memory() -> Self {
        let entropy = Arc::new(SystemEntropy);
        let clock = Arc::new(SystemClock);
        Self {
            extents: Arc::new(memory::MemoryExtents::new(clock.clone())),
            records: Arc::new(memory::MemoryRecords::new(clock.clone(), entropy.clone())),
            clock,
            entropy,
        }
    }
}

/// A clock. It says when things go and how comfortable a push is, never what is safe.
pub trait Clock: Debug + Send + Sync {
    /// The time of day.
    fn now(&self) -> SystemTime;
}

/// A source of randomness.
pub trait Entropy: Debug + Send + Sync {
    /// An id that nobody has ever had. Fails if the system gives no randomness.
    fn random_id(&self) -> Result<RandomId>;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn random_id(&self) -> Result<RandomId> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::new(ErrorKind::Unavailable, "the system gives no randomness").with_source(error)
        })?;
        Ok(RandomId::from_bits(u128::from_be_bytes(bytes)))
    }
}
