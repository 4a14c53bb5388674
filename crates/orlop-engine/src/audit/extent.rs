//! Extents, and whose they are.

use futures::TryStreamExt;
use orlop_backend::{ExtentId, ExtentState, Key};

use super::known::Found;
use super::{Audited, Auditor, Fault, if_readable};
use crate::state::{Link, Session};
use crate::{Result, layout};

impl Auditor<'_> {
    /// Notes all extents, before anything else is looked at: an extent is there only after its
    /// session is, and the session goes only after a blob's record has named the extent, or after
    /// nobody can install it any more. So an extent that was seen here, and is then found neither
    /// in a session nor, after that, in the record of a blob, is nobody's for ever.
    pub(super) async fn extents(&self, done: &mut Audited) -> Result<()> {
        let mut walk = self.store().environment.extents.walk();
        while let Some(extent) = walk.try_next().await? {
            done.looked_at += 1;
            match extent.state {
                ExtentState::Open => self.known().open.push(extent.id),
                ExtentState::Sealed { len } => {
                    done.inventory.extents.add(len);
                    self.known().extents.insert(extent.id, Found { len, links: 0 });
                }
            }
        }
        Ok(())
    }

    /// Sums up what no blob has, and deletes what nobody has.
    pub(super) async fn orphans(&self, done: &mut Audited) -> Result<()> {
        let mut orphans = Vec::new();
        {
            let mut known = self.known();
            let mut sealed_uploads = 0;
            for (extent, found) in std::mem::take(&mut known.extents) {
                if known.sessions.contains(&extent) {
                    sealed_uploads += 1;
                    done.inventory.uploads.add(found.len);
                } else {
                    done.inventory.orphans.add(found.len);
                    orphans.push(extent);
                }
            }
            let sessions = known.sessions.len() as u64;
            let ended = known.installed + sealed_uploads;
            done.inventory.open_uploads.count = sessions.saturating_sub(ended);
            done.inventory.open_uploads.bytes = known.open_bytes;
        }
        orphans.sort_unstable();
        let is_repaired = self.options.repair && !done.is_blind;
        for extent in orphans {
            if is_repaired {
                self.registry.delete_extent(extent).await?;
            }
            done.fault(Fault::Extent, is_repaired);
        }
        Ok(())
    }

    /// What lies open is the collector's to judge.
    pub(super) async fn leftovers(&self, done: &mut Audited) -> Result<()> {
        let open = std::mem::take(&mut self.known().open);
        for extent in open {
            if self.collector().leftover(extent).await?.leftovers > 0 {
                done.fault(Fault::Leftover, self.options.repair);
            }
        }
        Ok(())
    }

    pub(super) async fn link(&self, extent: ExtentId, key: &Key) -> Result<()> {
        self.store().get::<Link>(key).await?;
        let mut known = self.known();
        match known.extents.get_mut(&extent) {
            Some(found) => found.links += 1,
            None => known.dangling.entry(extent).or_default().push(key.clone()),
        }
        Ok(())
    }

    /// Clears links to extents that are gone: they never come back. Those of a blob whose bytes
    /// are lost stay, because somebody may bring these back.
    pub(super) async fn dangling(&self, done: &mut Audited) -> Result<()> {
        let dangling = std::mem::take(&mut self.known().dangling);
        for (extent, links) in dangling {
            if self.known().broken.contains(&extent) || self.is_there(extent).await? {
                continue;
            }
            let session = self.store().get::<Session>(&layout::upload(extent)?).await;
            if if_readable(session)?.is_none_or(|session| session.is_some()) {
                continue;
            }
            let is_repaired = self.options.repair && !done.is_blind;
            if is_repaired {
                self.store().clear(&links).await?;
            }
            for _ in &links {
                done.fault(Fault::Link, is_repaired);
            }
        }
        Ok(())
    }

    /// Whether an extent can be read that the walk did not find, because it is newer. One that is
    /// there in parts is there.
    pub(super) async fn is_there(&self, extent: ExtentId) -> Result<bool> {
        let read = self.store().environment.extents.read(extent, 0..1).await;
        Ok(if_readable(read.map_err(crate::Error::from))?.is_none_or(|bytes| bytes.is_some()))
    }
}
