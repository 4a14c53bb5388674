//! Tags, and the manifests that they are on.

use orlop_backend::{Entry, Removal};
use orlop_oci::{RepositoryName, Tag};

use super::{Audited, Auditor, Fault, if_readable};
use crate::state::{ManifestState, TagState};
use crate::{Result, layout};

impl Auditor<'_> {
    pub(super) async fn tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        entry: &Entry,
        done: &mut Audited,
    ) -> Result<()> {
        let store = self.store();
        let Some(current) = store.get::<TagState>(&entry.key).await? else {
            return Ok(());
        };
        let TagState { digest, manifest, incarnation } = &current.state;
        let edge = layout::tag_edge(repository, digest, manifest.0, tag, incarnation.0)?;
        // After the tag: a manifest lives before a tag names it, so if it does not live in that
        // incarnation now, it never will again.
        let record = layout::manifest(repository, digest)?;
        let Some(found) = if_readable(store.get::<ManifestState>(&record).await)? else {
            return Ok(()); // it may be there
        };
        let found = found.map(|found| found.state);
        if found.as_ref().and_then(ManifestState::live) == Some(manifest.0) {
            done.inventory.tags += 1;
            if self.is_marked(&edge).await? {
                return Ok(());
            }
            // After the edge: it is cleared only when the tag is off.
            let is_held = async || {
                let now = store.get::<TagState>(&entry.key).await?;
                Ok::<_, crate::Error>(now.is_some_and(|now| now.state == current.state))
            };
            if !is_held().await? {
                return Ok(());
            }
            if self.options.repair {
                store.mark(std::slice::from_ref(&edge)).await?;
                if !is_held().await? {
                    return store.clear(&[edge]).await;
                }
            }
            done.fault(Fault::Unmarked, self.options.repair);
            return Ok(());
        }
        let is_over = found.is_some_and(|found| found.over().contains(&manifest.0));
        if is_over || store.age(current.modified) < self.options.lease {
            return Ok(()); // who tidies up the manifest, or has just set the tag, takes it away
        }
        if self.options.repair {
            if store.remove(&entry.key, &current.version).await? == Removal::Conflict {
                return Ok(()); // it is on something else by now
            }
            store.clear(&[edge]).await?;
        }
        done.fault(Fault::Tag, self.options.repair);
        Ok(())
    }
}
