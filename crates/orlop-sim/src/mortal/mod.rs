//! Any backend, as a process sees it that dies at one of its calls.

mod extents;
mod records;

use std::sync::Arc;

use orlop_backend::Environment;

use self::extents::MortalExtents;
use self::records::MortalRecords;
use crate::life::Life;

/// The store as a process sees it whose life this is.
pub fn mortal(inner: &Environment, life: &Arc<Life>) -> Environment {
    let (extents, records) = (inner.extents.clone(), inner.records.clone());
    Environment {
        extents: Arc::new(MortalExtents { inner: extents, life: life.clone() }),
        records: Arc::new(MortalRecords { inner: records, life: life.clone() }),
        ..inner.clone()
    }
}
