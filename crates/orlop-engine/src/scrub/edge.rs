//! Edges: each says that somebody is there who made it.

use orlop_backend::{Entry, RandomId};
use orlop_oci::Tag;

use super::{Scrubbed, Scrubber};
use crate::layout::{Maker, Place};
use crate::state::{Candidate, ManifestState, TagState};
use crate::{Result, layout};

impl Scrubber<'_> {
    /// An edge of a blob, a child or a subject, and the manifest that made it.
    ///
    /// A manifest that is deleted, or whose push was given up, has a record that says so, until
    /// its edges are cleared; and a push that died has its candidate, until a collection has made
    /// such a record of it. So an old edge of which nobody knows anything is what a lost manifest
    /// leaves.
    pub(super) async fn edge(
        &self,
        maker: &Maker,
        entry: &Entry,
        done: &mut Scrubbed,
    ) -> Result<()> {
        if self.store().age(entry.modified) < self.options.lease {
            return Ok(()); // the manifest may be on its way
        }
        let Maker { repository, manifest, incarnation } = maker;
        let record = layout::manifest(repository, manifest)?;
        let Some(found) = self.other::<ManifestState>(&record).await? else {
            return Ok(());
        };
        // If it lives in another incarnation, nobody misses it, and a collection clears the edge.
        if found.is_some_and(|found| {
            found.state.live().is_some() || found.state.knows(*incarnation).is_some()
        }) {
            return Ok(());
        }
        let announced = layout::candidate(*incarnation)?;
        let is_announced =
            self.other::<Candidate>(&announced).await?.is_none_or(|found| found.is_some());
        // Last: whoever deletes a manifest clears its edges before its record and candidate go.
        if !self.store().is_marked(&entry.key).await? {
            return Ok(());
        }
        let reason = format!(
            "manifest {manifest} of {repository} is not there, and edge {} is left of it",
            entry.key
        );
        if is_announced {
            if self.is_news(&record) {
                done.doubt(record, format!("{reason}: it was lost, or its push died"));
            }
            return Ok(());
        }
        let lost = Place::Manifest(repository.clone(), *manifest);
        self.missing(&lost, record, reason, done).await
    }

    /// An edge of a tag. If the tag is not there it may never have been: its setter may have died
    /// behind the edge, and that leaves the same.
    pub(super) async fn tag_edge(
        &self,
        maker: &Maker,
        tag: &Tag,
        life: RandomId,
        entry: &Entry,
        done: &mut Scrubbed,
    ) -> Result<()> {
        let Maker { repository, manifest, incarnation } = maker;
        if self.store().age(entry.modified) < self.options.lease {
            return Ok(());
        }
        let record = layout::tag(repository, tag)?;
        let Some(found) = self.other::<TagState>(&record).await? else {
            return Ok(());
        };
        if found.is_some() {
            return Ok(()); // in this life, or it has gone on to another one
        }
        let key = layout::manifest(repository, manifest)?;
        let Some(Some(found)) = self.other::<ManifestState>(&key).await? else {
            return Ok(());
        };
        if found.state.live() == Some(*incarnation) && self.store().is_marked(&entry.key).await? {
            let reason = format!(
                "tag {tag} of {repository} is not there, and manifest {manifest} has its edge \
                 {life}: it was lost, or never set"
            );
            done.doubt(record, reason);
        }
        Ok(())
    }
}
