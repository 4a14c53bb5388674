//! What a scrub has put aside, because it could not be read.

use orlop_backend::Entry;

use super::{Audited, Auditor, if_readable};
use crate::layout::Place;
use crate::state::{Aside, BlobState, ManifestState, TagState};
use crate::{Result, layout};

impl Auditor<'_> {
    /// What was the record of a blob may name an extent, and no orphan is known to be one until the
    /// blob has been pushed again. Then, and when its time is over, nobody needs it any more.
    pub(super) async fn aside(&self, entry: &Entry, done: &mut Audited) -> Result<()> {
        let store = self.store();
        let Some(aside) = store.get::<Aside>(&entry.key).await? else {
            return Ok(());
        };
        done.inventory.asides += 1;
        let key = layout::parse(&aside.state.header.key)?;
        let (is_back, names_extents) = match Place::of(&key) {
            Some(Place::Blob(_)) => {
                let blob = if_readable(store.get::<BlobState>(&key).await)?.flatten();
                (blob.is_some_and(|blob| blob.state.extent().is_some()), true)
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
        done.is_blind |= names_extents && !is_back;
        if is_back && self.options.repair && store.age(aside.modified) >= self.options.lease {
            store.clear(std::slice::from_ref(&entry.key)).await?;
        }
        Ok(())
    }
}
