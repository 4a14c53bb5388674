//! Where a scrub is, so that another run can go on from there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Scrubbed;
use crate::{Error, ErrorKind, Result};

/// How far a scrub is, and what it has found so far: all that a later run needs to go on with it,
/// in whatever process. As text it is a line of JSON; it has some hundred bytes, and some
/// kilobytes for each damage.
///
/// ```
/// use orlop_backend::Environment;
/// use orlop_engine::{Options, Registry, ScrubCheckpoint, ScrubOptions};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let registry = Registry::open(Environment::memory(), Options::default()).await?;
/// # let stored = registry.scrub_start().await?.to_string();
/// let from: ScrubCheckpoint = stored.parse()?;
/// let options = ScrubOptions { from: Some(from), ..ScrubOptions::default() };
/// assert!(registry.scrub(&options, &()).await?.is_sound());
/// # Ok::<(), orlop_engine::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubCheckpoint {
    format: u32,
    /// The id of the store.
    store: String,
    pub(super) bytes_expected: u64,
    /// The section that comes next, or in which `after` is.
    pub(super) section: usize,
    /// The last name of the section that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
    pub(super) done: Scrubbed,
}

impl ScrubCheckpoint {
    pub(super) fn start(store: &str, bytes_expected: u64) -> Self {
        let (store, done) = (store.to_owned(), Scrubbed::default());
        Self { format: FORMAT, store, bytes_expected, section: 0, after: None, done }
    }

    /// What was found so far.
    pub fn done(&self) -> &Scrubbed {
        &self.done
    }

    /// Refuses to go on in another store.
    pub(super) fn check(&self, store: &str) -> Result<()> {
        if self.store == store {
            return Ok(());
        }
        let message = format!("the checkpoint is of store {}, this is {store}", self.store);
        Err(Error::new(ErrorKind::Precondition, message))
    }
}

impl fmt::Display for ScrubCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&json)
    }
}

impl FromStr for ScrubCheckpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |reason: String| {
            let message = format!("it is no checkpoint of a scrub that can go on: {reason}");
            Error::new(ErrorKind::Precondition, message)
        };
        let checkpoint: Self =
            serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let format = checkpoint.format;
        if format != FORMAT {
            return Err(refuse(format!("it has format {format}, this version has {FORMAT}")));
        }
        Ok(checkpoint)
    }
}

/// The version of the sections and their order.
const FORMAT: u32 = 1;
