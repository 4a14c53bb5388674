//! What clients were told: a registry as it must be, as far as anybody knows.
//!
//! An answer makes something known if nobody else was at the same thing meanwhile. An act whose
//! answer was lost may still happen while a request of it is on its way, and not after that.

mod acts;
mod manifests;
mod tags;

use std::cell::RefCell;

pub(crate) use self::acts::{Acts, Began};
use self::manifests::{BlobTold, ManifestTold};
use self::tags::TagTold;
pub(crate) use self::tags::{TagAct, TagOn};
use crate::catalog::CATALOG;
use crate::stage::Stage;

/// A manifest, tag or blob of a repository, by places in the catalog.
pub(crate) type Spot = (usize, usize);

/// What clients were told.
#[derive(Debug)]
pub(crate) struct Told {
    manifests: RefCell<Vec<Vec<ManifestTold>>>,
    tags: RefCell<Vec<Vec<TagTold>>>,
    blobs: RefCell<Vec<Vec<BlobTold>>>,
}

impl Told {
    /// A new store is empty, and everybody knows it.
    pub(crate) fn new() -> Self {
        fn empty<T: Clone>(count: usize, of: T) -> RefCell<Vec<Vec<T>>> {
            RefCell::new(vec![vec![of; count]; CATALOG.repositories.len()])
        }
        Self {
            manifests: empty(CATALOG.items.len(), ManifestTold::default()),
            tags: empty(CATALOG.tags.len(), TagTold::default()),
            blobs: empty(CATALOG.blobs.len(), BlobTold::default()),
        }
    }
}

/// How many requests of an actor are on their way.
fn late(stage: &Stage) -> impl Fn(usize) -> usize {
    |actor| stage.late_of(actor)
}

/// Whether nothing of an act can happen any more. Its author may have been told that it has
/// happened after he had tried it before: a request of that attempt, which expects that there is
/// no such tag or manifest, may come when it was deleted again.
fn is_over(stage: &Stage, is_sure: bool) -> bool {
    is_sure && stage.late_of(stage.actor()) == 0
}
