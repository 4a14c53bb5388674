//! What a scrub has put aside, because it could not be read.

use orlop_backend::Entry;

use super::{Audited, Auditor, if_readable};
use crate::collect::Edges;
use crate::layout::Place;
use crate::state::{Aside, BlobState, ManifestState, TagState};
use crate::{Result, layout};

impl Auditor<'_> {
    /// What was the record of a blob may name an extent, and no orphan is known to be one until the
    /// blob has been pushed again, or nobody misses it. Then, and when its time is over, nobody
    /// needs it any more.
    pub(super) async fn aside(&self, entry: &Entry, done: &mut Audited) -> Result<()> {
        let store = self.store();
        let Some(aside) = store.get::<Aside>(&entry.key).await? else {
            return Ok(());
        };
        done.inventory.asides += 1;
        let is_old = store.age(aside.modified) >= self.options.lease;
        let key = layout::parse(&aside.state.header.key)?;
        let (is_settled, names_extents) = match Place::of(&key) {
            Some(Place::Blob(digest)) => {
                let blob = if_readable(store.get::<BlobState>(&key).await)?.flatten();
                let is_back = blob.is_some_and(|blob| blob.state.extent().is_some());
                // Since it was put aside, nobody was told that the blob is there.
                (is_back || is_old && self.edges_of(&digest).await? == Edges::None, true)
            }
            Some(Place::Manifest(..)) => {
                let found = if_readable(store.get::<ManifestState>(&key).await)?.flatten();
                (found.is_some_and(|found| found.state.live().is_some()), false)
            }
            Some(Place::Tag(..)) => {
                (if_readable(store.get::<TagState>(&key).await)?.flatten().is_some(), false)
            }
            _ => (false, true),
        };
        done.is_blind |= names_extents && !is_settled;
        if is_settled && is_old && self.options.repair {
            store.clear(std::slice::from_ref(&entry.key)).await?;
        }
        Ok(())
    }
}
