//! Tags: names on manifests, changed by compare-and-swap.

use futures::{StreamExt, TryStreamExt};
use orlop_backend::{Key, RandomId, Removal, Swap};
use orlop_oci::{Digest, Tag};

use crate::repository::{ATTEMPTS, Repository, contended};
use crate::state::{TagState, Text};
use crate::store::Stored;
use crate::{Condition, Error, ErrorKind, Page, Result, layout};

/// A tag that is about to be set.
#[derive(Debug)]
pub(crate) struct NewTag {
    tag: Tag,
    incarnation: RandomId,
}

impl Repository {
    /// Up to `limit` tags that come behind `after`, which need not exist, in the order of their
    /// bytes. What a page costs does not depend on how many there are.
    pub async fn tags(&self, after: Option<&str>, limit: usize) -> Result<Page<Tag>> {
        let prefix = layout::tags(&self.name)?;
        let list = self.store().environment.records.list(&prefix, after);
        let tags: Vec<Tag> = list
            .try_filter_map(|entry| async move { Ok(entry.key.name().parse().ok()) })
            .take(limit.saturating_add(1))
            .try_collect()
            .await?;
        Ok(Page::cut(tags, limit, ToString::to_string))
    }

    /// Sets a tag on a manifest that is there already; durable when this returns. `false` if this
    /// repository has no such manifest. Fails with [`ErrorKind::Precondition`] if the tag is not
    /// as `condition` asks.
    pub async fn set_tag(&self, tag: &Tag, digest: &Digest, condition: Condition) -> Result<bool> {
        let tags = self.new_tags(std::slice::from_ref(tag), condition).await?;
        let edges = self.tag_edges(digest, &tags)?;
        self.store().mark(&edges).await?;
        // After the edge: who deletes the manifest from here on will see it.
        let Some(manifest) = self.live_manifest(digest).await? else {
            self.store().clear(&edges).await?;
            return Ok(false);
        };
        for tag in tags {
            self.set(tag, digest, manifest, condition).await?;
        }
        Ok(true)
    }

    /// Deletes a tag; the manifest stays. `false` if it was not there. Gone for good when this
    /// returns. Fails with [`ErrorKind::Precondition`] if the tag is not as `condition` asks.
    pub async fn delete_tag(&self, tag: &Tag, condition: Condition) -> Result<bool> {
        self.check_deletes_allowed()?;
        let key = layout::tag(&self.name, tag)?;
        for _ in 0..ATTEMPTS {
            let stored = self.store().get::<TagState>(&key).await?;
            self.check(tag, stored.as_ref(), condition).await?;
            let Some(Stored { state, version, .. }) = stored else {
                return Ok(false);
            };
            if self.store().remove(&key, &version).await? == Removal::Removed {
                let edge = layout::tag_edge(&self.name, &state.digest, tag, state.incarnation.0)?;
                self.store().clear(&[edge]).await?;
                return Ok(true);
            }
        }
        Err(contended(format_args!("tag {tag} of {}", self.name)))
    }

    /// Gives each tag an incarnation, after a first look at whether `condition` holds, so that a
    /// call that cannot succeed stores nothing.
    pub(crate) async fn new_tags(&self, tags: &[Tag], condition: Condition) -> Result<Vec<NewTag>> {
        let mut new = Vec::with_capacity(tags.len());
        for tag in tags {
            if condition != Condition::Any {
                let key = layout::tag(&self.name, tag)?;
                let current = self.store().get::<TagState>(&key).await?;
                self.check(tag, current.as_ref(), condition).await?;
            }
            new.push(NewTag { tag: tag.clone(), incarnation: self.store().random_id()? });
        }
        Ok(new)
    }

    pub(crate) fn tag_edges(&self, digest: &Digest, tags: &[NewTag]) -> Result<Vec<Key>> {
        let edge = |new: &NewTag| layout::tag_edge(&self.name, digest, &new.tag, new.incarnation);
        tags.iter().map(edge).collect()
    }

    /// Sets a tag whose edge is marked on a manifest that was seen alive after that.
    pub(crate) async fn set(
        &self,
        new: NewTag,
        digest: &Digest,
        manifest: RandomId,
        condition: Condition,
    ) -> Result<()> {
        let store = self.store();
        let NewTag { tag, mut incarnation } = new;
        let key = layout::tag(&self.name, &tag)?;
        for _ in 0..ATTEMPTS {
            let edge = layout::tag_edge(&self.name, digest, &tag, incarnation)?;
            let current = store.get::<TagState>(&key).await?;
            if let Err(error) = self.check(&tag, current.as_ref(), condition).await {
                store.clear(&[edge]).await?;
                return Err(error);
            }
            if let Some(current) = &current
                && current.state.is_on(digest, manifest)
            {
                return store.clear(&[edge]).await; // it is set; the edge was not needed
            }
            let next = TagState {
                digest: *digest,
                manifest: Text(manifest),
                incarnation: Text(incarnation),
            };
            let version = current.as_ref().map(|current| &current.version);
            // The one attempt of this incarnation; after an error it may still happen.
            let is_set = match store.swap(&key, version, &next).await? {
                Swap::Stored(_) => true,
                // Another one's, or the echo of our own.
                Swap::Conflict => {
                    let now = store.get::<TagState>(&key).await?;
                    now.is_some_and(|now| now.state.incarnation.0 == incarnation)
                }
            };
            if is_set {
                let displaced = current.map(|current| current.state);
                return self.settle(&tag, digest, manifest, displaced).await;
            }
            // Lost: this incarnation is over, and so is its edge. Try with a new one.
            store.clear(&[edge]).await?;
            incarnation = store.random_id()?;
            let edge = layout::tag_edge(&self.name, digest, &tag, incarnation)?;
            store.mark(std::slice::from_ref(&edge)).await?;
            if let Err(error) = self.check_alive(digest, manifest).await {
                store.clear(&[edge]).await?; // it was never tried
                return Err(error);
            }
        }
        Err(contended(format_args!("tag {tag} of {}", self.name)))
    }

    /// After a tag was set: the edge of the one it displaced is dead; and if the manifest was
    /// deleted at this very moment, its tags go with it, this one too.
    async fn settle(
        &self,
        tag: &Tag,
        digest: &Digest,
        manifest: RandomId,
        displaced: Option<TagState>,
    ) -> Result<()> {
        if let Some(old) = displaced {
            let edge = layout::tag_edge(&self.name, &old.digest, tag, old.incarnation.0)?;
            self.store().clear(&[edge]).await?;
        }
        let Err(error) = self.check_alive(digest, manifest).await else {
            return Ok(());
        };
        let key = layout::tag(&self.name, tag)?;
        if let Some(stored) = self.store().get::<TagState>(&key).await?
            && stored.state.is_on(digest, manifest)
        {
            match self.store().remove(&key, &stored.version).await? {
                Removal::Removed => {
                    let incarnation = stored.state.incarnation.0;
                    let edge = layout::tag_edge(&self.name, digest, tag, incarnation)?;
                    self.store().clear(&[edge]).await?;
                }
                Removal::Conflict => {} // it is on something else by now
            }
        }
        Err(error)
    }

    async fn check_alive(&self, digest: &Digest, manifest: RandomId) -> Result<()> {
        if self.live_manifest(digest).await? == Some(manifest) {
            return Ok(());
        }
        let message = format!("manifest {digest} of {} was deleted while it was tagged", self.name);
        Err(Error::new(ErrorKind::ManifestUnknown, message))
    }

    /// Whether a tag is as `condition` asks. One whose manifest is gone is not there.
    async fn check(
        &self,
        tag: &Tag,
        current: Option<&Stored<TagState>>,
        condition: Condition,
    ) -> Result<()> {
        if condition == Condition::Any {
            return Ok(());
        }
        let found = match current.map(|current| &current.state) {
            Some(TagState { digest, manifest, .. }) => {
                self.read_manifest(digest, Some(manifest.0)).await?.map(|_| *digest)
            }
            None => None,
        };
        let (holds, expected) = match condition {
            Condition::Any => (true, String::new()),
            Condition::Absent => (found.is_none(), "no such tag".to_owned()),
            Condition::Present => (found.is_some(), "a tag".to_owned()),
            Condition::Is(wanted) => (found == Some(wanted), wanted.to_string()),
        };
        if holds {
            return Ok(());
        }
        let found = found.map_or("no such tag".to_owned(), |found| found.to_string());
        let message = format!("tag {tag} of {}: expected {expected}, found {found}", self.name);
        Err(Error::new(ErrorKind::Precondition, message))
    }
}
