//! Which extents are open: an index, so that nobody has to look at all that there are.

use std::time::Duration;

use orlop_backend::{ExtentEntry, ExtentId, ExtentState, Result};

use crate::volume::{Volume, failed, found};

impl Volume {
    /// Notes that an extent is open, where it is found without looking at all the others. Never
    /// synced: what a power cut takes away has its session still, which leads there as well.
    pub(crate) fn note_open(&self, id: ExtentId) {
        let _ = self.disk.create(&self.layout.open_name(id));
    }

    /// After the extent was sealed or deleted, so that a note stays too long rather than too short.
    pub(crate) fn forget_open(&self, id: ExtentId) {
        let _ = self.disk.remove_file(&self.layout.open_name(id));
    }

    pub(crate) fn open_extents(&self) -> Result<Vec<ExtentEntry>> {
        let dir = self.layout.open_names();
        let read = |error| failed("read", &dir, error);
        let mut extents = Vec::new();
        for entry in self.disk.read_dir(&dir).map_err(read)? {
            let Ok(id) = entry.map_err(read)?.name.parse() else {
                continue;
            };
            if let Some(metadata) =
                found(self.disk.metadata(&self.layout.open_extent(id))).map_err(read)?
            {
                let state = ExtentState::Open;
                extents.push(ExtentEntry { id, state, modified: metadata.modified });
            } else if let Some(noted) =
                found(self.disk.metadata(&self.layout.open_name(id))).map_err(read)?
                && noted.modified.elapsed().is_ok_and(|age| age > NOTE_STAYS)
            {
                self.forget_open(id); // left by a process that died in between
            }
        }
        Ok(extents)
    }
}

/// A note whose extent is not there may be of one that is about to be.
const NOTE_STAYS: Duration = Duration::from_hours(1);
