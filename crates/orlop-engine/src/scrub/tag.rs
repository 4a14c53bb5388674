//! Tags.

use orlop_backend::Key;
use orlop_oci::{RepositoryName, Tag};

use super::{Scrubbed, Scrubber};
use crate::layout::Place;
use crate::state::{ManifestState, TagState};
use crate::{Result, layout};

impl Scrubber<'_> {
    pub(super) async fn tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        place: &Place,
        key: &Key,
        done: &mut Scrubbed,
    ) -> Result<()> {
        let Some(current) = self.read::<TagState>(place, key, done).await? else {
            return Ok(());
        };
        let TagState { digest, manifest, incarnation } = &current.state;
        // After the tag: its manifest lives before the tag names it.
        let record = layout::manifest(repository, digest)?;
        let Some(found) = self.other::<ManifestState>(&record).await? else {
            return Ok(());
        };
        let found = found.map(|found| found.state);
        let is_held = async || {
            let now = self.other::<TagState>(key).await?.flatten();
            Ok::<_, crate::Error>(now.is_some_and(|now| now.state == current.state))
        };
        let live = found.as_ref().and_then(ManifestState::live);
        let is_over = found.is_some_and(|found| found.over().contains(&manifest.0));
        match live == Some(manifest.0) {
            true => {
                let edge = layout::tag_edge(repository, digest, manifest.0, tag, incarnation.0)?;
                // The edge goes only after the tag.
                if !self.store().is_marked(&edge).await? && is_held().await? {
                    let reason = format!(
                        "tag {tag} of {repository} is on manifest {digest}, and its edge {edge} \
                         is not there"
                    );
                    self.missing(place, edge, reason, done).await?;
                }
            }
            false if is_over => {} // whoever tidies up the manifest takes it away
            // It may have been set at the moment at which the manifest was deleted; then its
            // setter takes it away.
            false if is_held().await? => {
                let reason = format!(
                    "tag {tag} of {repository} is on manifest {digest} as it was pushed once, \
                     which is not there"
                );
                if self.store().age(current.modified) < self.options.lease {
                    done.doubt(record, reason);
                } else {
                    let lost = Place::Manifest(repository.clone(), *digest);
                    self.missing(&lost, record, reason, done).await?;
                }
            }
            false => {}
        }
        Ok(())
    }
}
