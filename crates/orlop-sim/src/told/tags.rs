//! What clients were told of tags.

use super::{Acts, Began, Spot, Told, is_over, late};
use crate::stage::Stage;

/// A tag of a repository. Each act disturbs each other one, and so does the delete of the manifest
/// that it is on.
#[derive(Clone, Debug)]
pub(super) struct TagTold {
    acts: Acts,
    /// The manifest that it is on, or that it is not there; if that is known.
    on: Option<TagOn>,
}

/// What a tag is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagOn {
    /// It is not there.
    Nothing,
    /// A manifest, by its place in the catalog.
    Item(usize),
}

impl TagOn {
    pub(crate) fn item(self) -> Option<usize> {
        match self {
            TagOn::Nothing => None,
            TagOn::Item(item) => Some(item),
        }
    }
}

impl Default for TagTold {
    fn default() -> Self {
        Self { acts: Acts::default(), on: Some(TagOn::Nothing) }
    }
}

/// An act on a tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TagAct {
    spot: Spot,
    began: Began,
    /// What it was on, if that is known and nobody else was at it.
    was_on: Option<TagOn>,
    /// What was found of the deletes of that manifest.
    deletes: Option<Began>,
}

/// The tags that were on a manifest that somebody begins to delete.
#[derive(Debug)]
pub(crate) struct TagsOn(Vec<(Spot, Began)>);

impl Told {
    /// Somebody begins to set, to move or to delete a tag.
    pub(crate) fn begin_tag(&self, stage: &Stage, spot: Spot) -> TagAct {
        let found = self.look_at_tag(stage, spot);
        let tag = &mut self.tags.borrow_mut()[spot.0][spot.1];
        tag.on = None;
        TagAct { began: tag.acts.begin(late(stage)), ..found }
    }

    /// Somebody begins to look at a tag.
    pub(crate) fn look_at_tag(&self, stage: &Stage, spot: Spot) -> TagAct {
        let tag = &mut self.tags.borrow_mut()[spot.0][spot.1];
        let began = tag.acts.look(late(stage));
        let was_on = tag.on.filter(|_| tag.acts.is_quiet(late(stage)));
        let deletes =
            was_on.and_then(TagOn::item).map(|item| self.look_at_deletes(stage, (spot.0, item)));
        TagAct { spot, began, was_on, deletes }
    }

    /// What a tag was on during an act, if that is known and nobody else was at it till now.
    pub(crate) fn was_on(&self, act: &TagAct) -> Option<TagOn> {
        let was_on = act.was_on?;
        let is_disturbed = match (was_on, act.deletes) {
            (TagOn::Item(item), Some(deletes)) => !self.stays((act.spot.0, item), deletes),
            _ => false,
        };
        let tags = self.tags.borrow();
        let is_alone = tags[act.spot.0][act.spot.1].acts.is_undisturbed(act.began);
        (is_alone && !is_disturbed).then_some(was_on)
    }

    /// A tag was deleted, or nobody knows.
    pub(crate) fn end_tag_delete(&self, stage: &Stage, act: TagAct, is_sure: bool) {
        let tag = &mut self.tags.borrow_mut()[act.spot.0][act.spot.1];
        tag.acts.end(stage.actor(), is_over(stage, is_sure));
        if is_sure && tag.acts.is_undisturbed(act.began) {
            tag.on = Some(TagOn::Nothing);
        }
    }

    /// A tag was set on a manifest whose deletes were looked at when it was begun; or nobody knows.
    pub(crate) fn end_tag_set(
        &self,
        stage: &Stage,
        act: TagAct,
        (item, deletes): (usize, Began),
        is_sure: bool,
    ) {
        let stays = self.stays((act.spot.0, item), deletes);
        let tag = &mut self.tags.borrow_mut()[act.spot.0][act.spot.1];
        tag.acts.end(stage.actor(), is_over(stage, is_sure));
        if is_sure && stays && tag.acts.is_undisturbed(act.began) {
            tag.on = Some(TagOn::Item(item));
        }
    }

    /// A tag is left as it was, for sure.
    pub(crate) fn end_tag_unchanged(&self, stage: &Stage, act: TagAct) {
        let was_on = self.was_on(&act);
        let tag = &mut self.tags.borrow_mut()[act.spot.0][act.spot.1];
        tag.acts.end(stage.actor(), is_over(stage, true));
        if was_on.is_some() {
            tag.on = was_on;
        }
    }

    /// The tags on a manifest that somebody begins to delete: nobody knows of them any more.
    pub(crate) fn lose_tags(&self, stage: &Stage, (repository, item): Spot) -> TagsOn {
        let mut lost = Vec::new();
        for (place, tag) in self.tags.borrow_mut()[repository].iter_mut().enumerate() {
            if tag.on == Some(TagOn::Item(item)) {
                tag.on = None;
                lost.push(((repository, place), tag.acts.look(late(stage))));
            }
        }
        TagsOn(lost)
    }

    /// It was deleted, and so were its tags.
    pub(crate) fn tags_are_gone(&self, tags: &TagsOn) {
        for (spot, since) in &tags.0 {
            let tag = &mut self.tags.borrow_mut()[spot.0][spot.1];
            if tag.acts.is_undisturbed(*since) {
                tag.on = Some(TagOn::Nothing);
            }
        }
    }

    /// What a tag is on, if that is known.
    pub(crate) fn tag_is_on(&self, spot: Spot) -> Option<TagOn> {
        self.tags.borrow()[spot.0][spot.1].on
    }
}
