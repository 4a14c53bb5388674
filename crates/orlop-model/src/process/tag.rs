//! The tag: set, moved, deleted.

use std::ops::Range;

use super::put::live_manifest;
use crate::ids::{Incarnation, ManifestName, TagLife};
use crate::key::Marker;
use crate::setting::Feature;
use crate::slip::Slip;
use crate::state::{TagState, TagTarget};
use crate::turn::{Flow, Turn};

pub(super) fn set_tag(turn: &mut Turn<'_>, name: ManifestName, life: TagLife) -> Flow<bool> {
    let lives = life.0..life.0 + turn.setting.attempts;
    if !turn.slips(Slip::UntaggedEdgeLast) {
        turn.mark(Marker::TagEdge(life))?;
    }
    // After the edge: who deletes the manifest from here on will see it.
    let Some(manifest) = live_manifest(turn, name)? else {
        turn.unmark(Marker::TagEdge(life))?;
        return Ok(false);
    };
    set(turn, name, manifest, lives)
}

/// Sets the tag, whose first edge is marked, on a manifest that was seen alive after that. Each
/// life of the tag is tried once.
pub(super) fn set(
    turn: &mut Turn<'_>,
    name: ManifestName,
    manifest: Incarnation,
    lives: Range<u8>,
) -> Flow<bool> {
    let first = TagLife(lives.start);
    let is_set = turn.each(lives, |turn, life| {
        let life = TagLife(life);
        if life != first {
            turn.mark(Marker::TagEdge(life))?;
            if live_manifest(turn, name)? != Some(manifest) {
                turn.unmark(Marker::TagEdge(life))?;
                return Ok(Some(false));
            }
        }
        let current = turn.tag()?;
        let displaced = current.state().target;
        if let Some(target) = displaced.filter(|target| target.is_on(name, manifest)) {
            // It is set. Where untagged manifests go, a collector may have come between the edge of
            // that life and the tag, so the manifest is looked at again.
            let is_there = !turn.setting.has(Feature::Untagged)
                || live_manifest(turn, name)? == Some(manifest);
            turn.unmark(Marker::TagEdge(life))?;
            turn.promise_tag(target, is_there);
            return Ok(Some(is_there));
        }
        let target = TagTarget { name, incarnation: manifest, life };
        let next = TagState { target: Some(target) };
        let swap = turn.swap_breaking(current, next, |promises, _| promises.tag = None)?;
        if swap.is_none() && turn.tag()?.state().target != Some(target) {
            turn.unmark(Marker::TagEdge(life))?; // this life is over before it began
            return Ok(None);
        }
        settle(turn, target, displaced).map(Some)
    })?;
    Ok(is_set.unwrap_or(false))
}

/// After the tag was set: the edge of the life that it displaced is dead; and if the manifest was
/// deleted at this very moment, its tags go with it, this one too.
fn settle(turn: &mut Turn<'_>, target: TagTarget, displaced: Option<TagTarget>) -> Flow<bool> {
    if let Some(old) = displaced {
        turn.unmark(Marker::TagEdge(old.life))?;
    }
    if turn.slips(Slip::TagWithoutSecondLook)
        || live_manifest(turn, target.name)? == Some(target.incarnation)
    {
        if turn.slips(Slip::UntaggedEdgeLast) {
            turn.mark(Marker::TagEdge(target.life))?;
        }
        turn.promise_tag(target, true);
        return Ok(true);
    }
    let tag = turn.tag()?;
    if let Some(now) = tag.state().target.filter(|now| now.is_on(target.name, target.incarnation))
        && turn.remove(tag, |_, _| {})?
    {
        turn.unmark(Marker::TagEdge(now.life))?;
    }
    Ok(false)
}

pub(super) fn delete_tag(turn: &mut Turn<'_>) -> Flow<bool> {
    turn.until(|turn| {
        let tag = turn.tag()?;
        let Some(target) = tag.state().target else { return Ok(Some(false)) };
        if !turn.remove(tag, |promises, _| promises.tag = None)? {
            return Ok(None);
        }
        turn.unmark(Marker::TagEdge(target.life))?;
        Ok(Some(true))
    })
}

impl TagTarget {
    /// Whether the tag is on this life of a manifest.
    pub(super) fn is_on(self, name: ManifestName, incarnation: Incarnation) -> bool {
        self.name == name && self.incarnation == incarnation
    }
}
