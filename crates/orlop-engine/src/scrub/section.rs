//! What a scrub looks at, and in which order.

use std::collections::HashSet;

use futures::TryStreamExt;
use futures::stream::{BoxStream, StreamExt};
use orlop_backend::{Entry, Prefix};

use crate::store::Store;
use crate::{Error, Result, layout};

/// A part of the store.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) kind: Kind,
    place: Prefix,
}

/// What is done with what lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Each record for itself.
    Listed,
    /// The same for blobs, of which there are many.
    Blobs,
    /// Each repository with all that belongs to it.
    Repositories,
    /// Everything below, at any depth.
    Walked,
    /// What no other section has come across, because what leads there is lost.
    Strays,
}

impl Section {
    /// All of them. Records first, because they are few and hurt most; then the blobs, one by
    /// one, with their bytes.
    pub(super) fn all() -> Result<Vec<Self>> {
        let section = |kind| move |place| Self { kind, place };
        let mut all = vec![
            section(Kind::Listed)(layout::uploads()?),
            section(Kind::Repositories)(layout::repositories()?),
        ];
        all.extend(layout::candidates()?.into_iter().map(section(Kind::Listed)));
        all.extend(layout::all_untagged()?.into_iter().map(section(Kind::Listed)));
        let walked = [layout::all_links()?, layout::edges_of_all_blobs()?, layout::asides()?];
        all.extend(walked.map(section(Kind::Walked)));
        all.extend([layout::contents()?, layout::blobs()?].map(section(Kind::Strays)));
        all.extend(layout::blob_shards()?.into_iter().map(section(Kind::Blobs)));
        Ok(all)
    }

    /// Where what is looked at together with a section ends: blobs lie in many sections, most of
    /// which have few of them.
    pub(super) fn end_of_run(all: &[Self], from: usize) -> usize {
        let is_blobs = |section: &&Self| section.kind == Kind::Blobs;
        from + all[from..].iter().take_while(is_blobs).count().max(1)
    }

    /// Whether its entries come in an order in which a later run can go on.
    pub(super) fn is_ordered(&self) -> bool {
        matches!(self.kind, Kind::Listed | Kind::Blobs | Kind::Repositories)
    }

    /// Whether no blob is here, if they are in these places.
    pub(super) fn is_empty_shard(&self, shards: &HashSet<Prefix>) -> bool {
        self.kind == Kind::Blobs && !shards.contains(&self.place)
    }

    pub(super) fn entries<'s>(
        &self,
        store: &'s Store,
        after: Option<&str>,
    ) -> BoxStream<'s, Result<Entry>> {
        let records = &store.environment.records;
        let entries = if self.is_ordered() {
            records.list(&self.place, after)
        } else {
            records.walk(&self.place)
        };
        entries.map_err(Error::from).boxed()
    }
}
