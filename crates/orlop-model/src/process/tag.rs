//! The tag: set, moved, deleted.

use std::ops::Range;

use super::put::live_manifest;
use crate::ids::{CandidateId, Incarnation, ManifestName, TagLife};
use crate::key::{Key, Marker};
use crate::setting::Feature;
use crate::slip::Slip;
use crate::state::{Candidate, TagState, TagTarget};
use crate::turn::{Flow, Turn};

pub(super) fn set_tag(
    turn: &mut Turn<'_>,
    name: ManifestName,
    life: TagLife,
    candidate: CandidateId,
) -> Flow<bool> {
    let lives = life.0..life.0 + turn.setting.attempts;
    if !turn.slips(Slip::UntaggedEdgeLast) {
        turn.mark(Marker::TagEdge(life))?;
    }
    // After the edge: who deletes the manifest from here on will see it.
    let Some(manifest) = live_manifest(turn, name)? else {
        turn.unmark(Marker::TagEdge(life))?;
        return Ok(false);
    };
    set(turn, name, manifest, lives, candidate)
}

/// Sets the tag, whose first edge is marked, on a manifest that was seen alive after that. Each
/// life of the tag is tried once.
pub(super) fn set(
    turn: &mut Turn<'_>,
    name: ManifestName,
    manifest: Incarnation,
    lives: Range<u8>,
    candidate: CandidateId,
) -> Flow<bool> {
    let setting = turn.setting;
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
        // Where a collector takes manifests away, the manifest is looked at after the tag was read:
        // a collector that does not wait for this tag changes its record first. So a tag is never
        // moved to a manifest that is gone.
        let is_alive = !setting.has(Feature::Untagged)
            || turn.slips(Slip::TagReadAfterLook)
            || live_manifest(turn, name)? == Some(manifest);
        if !is_alive {
            turn.unmark(Marker::TagEdge(life))?;
            return Ok(Some(false));
        }
        if let Some(target) = displaced.filter(|target| target.is_on(name, manifest)) {
            turn.unmark(Marker::TagEdge(life))?; // it is set
            turn.promise_tag(target, true);
            return Ok(Some(true));
        }
        let untags = displaced.filter(|old| setting.has(Feature::Untagged) && old.name != name);
        let announced = CandidateId(candidate.0 + life.0 - first.0);
        if let Some(old) = untags
            && !turn.slips(Slip::UntagAnnouncedLate)
        {
            turn.create(Key::Candidate(announced), Candidate::Untag(old.name, old.life))?;
        }
        let target = TagTarget { name, incarnation: manifest, life };
        let next = TagState { target: Some(target) };
        let swap = turn.swap_breaking(current, next, |promises, _| {
            if !setting.has(Feature::Untagged) {
                promises.tag = None;
            }
        })?;
        if swap.is_none() && turn.tag()?.state().target != Some(target) {
            turn.unmark(Marker::TagEdge(life))?; // this life is over before it began
            if untags.is_some() {
                turn.clear(Key::Candidate(announced))?; // and the other one is not
            }
            return Ok(None);
        }
        if let Some(old) = untags
            && turn.slips(Slip::UntagAnnouncedLate)
        {
            turn.create(Key::Candidate(announced), Candidate::Untag(old.name, old.life))?;
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

pub(super) fn delete_tag(turn: &mut Turn<'_>, candidate: CandidateId) -> Flow<bool> {
    if turn.setting.has(Feature::Untagged) {
        return untag(turn, candidate);
    }
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

/// The same where it is announced.
fn untag(turn: &mut Turn<'_>, first: CandidateId) -> Flow<bool> {
    let is_gone = turn.each(0..2, |turn, attempt| {
        let candidate = Key::Candidate(CandidateId(first.0 + attempt));
        let tag = turn.tag()?;
        let Some(target) = tag.state().target else { return Ok(Some(false)) };
        if !turn.slips(Slip::UntagAnnouncedLate) {
            turn.create(candidate, Candidate::Untag(target.name, target.life))?;
        }
        if !turn.remove(tag, |promises, _| promises.tag = None)? {
            turn.clear(candidate)?;
            return Ok(None);
        }
        turn.unmark(Marker::TagEdge(target.life))?;
        Ok(Some(true))
    })?;
    Ok(is_gone.unwrap_or(false))
}

impl TagTarget {
    /// Whether the tag is on this life of a manifest.
    pub(crate) fn is_on(self, name: ManifestName, incarnation: Incarnation) -> bool {
        self.name == name && self.incarnation == incarnation
    }
}
