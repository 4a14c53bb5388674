//! Tags: names on manifests, changed by compare-and-swap.

use std::collections::BTreeSet;
use std::iter::once;

use futures::{StreamExt, TryStreamExt};
use orlop_backend::{Change, Changed, Key, RandomId, Removal};
use orlop_oci::{Digest, Tag};

use crate::lease::Reliance;
use crate::repository::{ATTEMPTS, Repository, contended};
use crate::state::TagState;
use crate::store::{Stored, swapping};
use crate::{Condition, Error, ErrorKind, Page, Result, layout};

/// A tag that is about to be set.
///
/// It is read before its manifest is looked at, and that comes before it is swapped. A collector
/// that is about to delete the manifest, and finds the tag not set yet, does it the other way
/// round: it makes its intention known in the manifest, and then stores the tag once more. So
/// either the manifest's look takes the intention back, or the swap fails. Otherwise the tag could
/// leave another manifest for one that is just being deleted, and be lost with it.
#[derive(Debug)]
pub(crate) struct NewTag {
    tag: Tag,
    incarnation: RandomId,
    /// What it is on.
    found: Option<Stored<TagState>>,
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
        let (repository, tag, digest) = (self.clone(), tag.clone(), *digest);
        let set = async move { repository.try_set(&tag, &digest, condition).await };
        self.store().run(set).await
    }

    async fn try_set(&self, tag: &Tag, digest: &Digest, condition: Condition) -> Result<bool> {
        for _ in 0..ATTEMPTS {
            let Some(manifest) = self.live_manifest(digest, Reliance::Edge).await? else {
                return Ok(false);
            };
            let tags = self.new_tags(std::slice::from_ref(tag), condition).await?;
            let edges = self.tag_edges(digest, manifest, &tags)?;
            self.store().mark(&edges).await?;
            // Again, after the edge is there: who deletes the manifest from here on will see it.
            if self.live_manifest(digest, Reliance::Edge).await? != Some(manifest) {
                self.store().clear(&edges).await?; // the tag was not tried
                continue;
            }
            self.set_all(tags, 0, digest, manifest, condition).await?;
            return Ok(true);
        }
        Err(contended(format_args!("manifest {digest} of {}", self.name)))
    }

    /// Deletes a tag; the manifest stays. `false` if it was not there. Gone for good when this
    /// returns. Fails with [`ErrorKind::Precondition`] if the tag is not as `condition` asks.
    pub async fn delete_tag(&self, tag: &Tag, condition: Condition) -> Result<bool> {
        self.check_deletes_allowed()?;
        let (repository, tag) = (self.clone(), tag.clone());
        self.store().run(async move { repository.take_off(&tag, condition).await }).await
    }

    async fn take_off(&self, tag: &Tag, condition: Condition) -> Result<bool> {
        let key = layout::tag(&self.name, tag)?;
        for _ in 0..ATTEMPTS {
            let stored = self.store().get::<TagState>(&key).await?;
            self.check(tag, stored.as_ref(), condition).await?;
            let Some(Stored { state, version, .. }) = stored else {
                return Ok(false);
            };
            let life = state.incarnation.0;
            let (candidate, _) = self.announce_untag(&state.digest, tag, life, Vec::new()).await?;
            if self.store().remove(&key, &version).await? == Removal::Removed {
                self.store().clear(&[self.edge_of(tag, &state)?]).await?;
                return Ok(true);
            }
            self.store().clear(&[candidate]).await?; // the tag did not leave
        }
        Err(contended(format_args!("tag {tag} of {}", self.name)))
    }

    /// Reads each tag, once, and gives it an incarnation, if `condition` holds. To be called before
    /// the manifest is looked at; a call that cannot succeed stores nothing.
    pub(crate) async fn new_tags(&self, tags: &[Tag], condition: Condition) -> Result<Vec<NewTag>> {
        let (mut new, mut seen) = (Vec::with_capacity(tags.len()), BTreeSet::new());
        for tag in tags.iter().filter(|tag| seen.insert(*tag)) {
            let found = self.store().get::<TagState>(&layout::tag(&self.name, tag)?).await?;
            self.check(tag, found.as_ref(), condition).await?;
            new.push(NewTag { tag: tag.clone(), incarnation: self.store().random_id()?, found });
        }
        Ok(new)
    }

    pub(crate) fn tag_edges(
        &self,
        digest: &Digest,
        manifest: RandomId,
        tags: &[NewTag],
    ) -> Result<Vec<Key>> {
        let edge = |new: &NewTag| {
            layout::tag_edge(&self.name, digest, manifest, &new.tag, new.incarnation)
        };
        tags.iter().map(edge).collect()
    }

    fn edge_of(&self, tag: &Tag, set: &TagState) -> Result<Key> {
        layout::tag_edge(&self.name, &set.digest, set.manifest.0, tag, set.incarnation.0)
    }

    /// Sets those of the tags that are new, up to the first that is on something: by steps that are
    /// made right after the manifest's own, so that all wait for one flush. Then
    /// [`Repository::set_all`].
    ///
    /// **Not a tag that is on something**: each of the steps of somebody who died may be made late,
    /// or be out of date by then. If only the manifest's is, then the tag leads nowhere, and what it
    /// was on before would have lost it.
    pub(crate) fn first_tags(
        &self,
        digest: &Digest,
        manifest: RandomId,
        tags: &[NewTag],
    ) -> impl Iterator<Item = Result<Change>> {
        let new = tags.iter().take_while(|new| new.found.is_none());
        new.map(move |NewTag { tag, incarnation, .. }| {
            let state = TagState::on(digest, manifest, *incarnation);
            swapping(&layout::tag(&self.name, tag)?, None, &state)
        })
    }

    /// Sets tags whose edges are marked, on a manifest that was seen alive after that; the first
    /// `done` of them were set together with it.
    pub(crate) async fn set_all(
        &self,
        tags: Vec<NewTag>,
        done: usize,
        digest: &Digest,
        manifest: RandomId,
        condition: Condition,
    ) -> Result<()> {
        for (at, new) in tags.into_iter().enumerate() {
            if at < done {
                self.settle(&new.tag, digest, manifest, None).await?;
            } else {
                self.set(new, digest, manifest, condition).await?;
            }
        }
        Ok(())
    }

    async fn set(
        &self,
        new: NewTag,
        digest: &Digest,
        manifest: RandomId,
        condition: Condition,
    ) -> Result<()> {
        let store = self.store();
        let NewTag { tag, mut incarnation, mut found } = new;
        let key = layout::tag(&self.name, &tag)?;
        for _ in 0..ATTEMPTS {
            let edge = layout::tag_edge(&self.name, digest, manifest, &tag, incarnation)?;
            let displaced = found.as_ref().map(|found| &found.state);
            if displaced.is_some_and(|displaced| displaced.is_on(digest, manifest)) {
                store.clear(&[edge]).await?; // it is set; the edge was not needed
                // By somebody whose edge a collector may have missed, so it is looked at again.
                return self.settle(&tag, digest, manifest, None).await;
            }
            let next = TagState::on(digest, manifest, incarnation);
            // The one attempt of this incarnation; after an error it may still happen.
            let attempt = vec![swapping(&key, found.as_ref().map(|found| &found.version), &next)?];
            let (candidate, changed) = match displaced.filter(|old| old.digest != *digest) {
                Some(old) => {
                    let life = old.incarnation.0;
                    let (candidate, changed) =
                        self.announce_untag(&old.digest, &tag, life, attempt).await?;
                    (Some(candidate), changed)
                }
                None => (None, store.change_all(attempt).await?),
            };
            let is_set = match changed {
                Changed::All(_) => true,
                // Another one's, or the echo of our own.
                Changed::Conflict { .. } => {
                    let now = store.get::<TagState>(&key).await?;
                    now.is_some_and(|now| now.state.incarnation.0 == incarnation)
                }
            };
            if is_set {
                return self.settle(&tag, digest, manifest, displaced).await;
            }
            // Lost: this incarnation is over, and so is its edge. Try with a new one.
            store.clear(&once(edge).chain(candidate).collect::<Vec<_>>()).await?;
            incarnation = store.random_id()?;
            let edge = layout::tag_edge(&self.name, digest, manifest, &tag, incarnation)?;
            store.mark(std::slice::from_ref(&edge)).await?;
            found = store.get::<TagState>(&key).await?;
            let is_possible = match self.check(&tag, found.as_ref(), condition).await {
                Ok(()) => self.check_alive(digest, manifest).await,
                Err(error) => Err(error),
            };
            if let Err(error) = is_possible {
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
        displaced: Option<&TagState>,
    ) -> Result<()> {
        if let Some(old) = displaced {
            self.store().clear(&[self.edge_of(tag, old)?]).await?;
        }
        let Err(error) = self.check_alive(digest, manifest).await else {
            return Ok(());
        };
        if error.kind() != ErrorKind::ManifestUnknown {
            return Err(error); // it may be alive, and then the tag must stay
        }
        let key = layout::tag(&self.name, tag)?;
        if let Some(stored) = self.store().get::<TagState>(&key).await?
            && stored.state.is_on(digest, manifest)
        {
            match self.store().remove(&key, &stored.version).await? {
                Removal::Removed => {
                    self.store().clear(&[self.edge_of(tag, &stored.state)?]).await?;
                }
                Removal::Conflict => {} // it is on something else by now
            }
        }
        Err(error)
    }

    async fn check_alive(&self, digest: &Digest, manifest: RandomId) -> Result<()> {
        if self.live_manifest(digest, Reliance::Edge).await? == Some(manifest) {
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
