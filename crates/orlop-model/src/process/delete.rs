//! Deleting manifests.

use crate::ids::{CandidateId, Incarnation, ManifestName, Set};
use crate::key::{Key, Marker};
use crate::setting::Feature;
use crate::slip::Slip;
use crate::state::{Candidate, ManifestState};
use crate::turn::{Flow, Turn};

pub(super) fn delete_manifest(
    turn: &mut Turn<'_>,
    name: ManifestName,
    first: CandidateId,
) -> Flow<bool> {
    let setting = turn.setting;
    let is_deleted = turn.each(0..2, |turn, attempt| {
        let current = turn.manifest(name)?;
        let Some(incarnation) = current.state().live() else { return Ok(Some(false)) };
        let reused = turn.slips(Slip::CandidateNameReused);
        let id = CandidateId(first.0 + if reused { 0 } else { attempt });
        // Before the act: a crash behind it must leave something that a collector finds.
        let candidate = Candidate::Delete(name, incarnation);
        if !turn.slips(Slip::CandidateAfterAct) {
            turn.create(Key::Candidate(id), candidate)?;
        }
        let deleted = current.state().deleted();
        let swap = turn.swap_breaking(current, deleted, |promises, store| {
            promises.manifests = promises.manifests.without(name);
            promises.is_orphaned |= setting.has(Feature::Untagged) && name == ManifestName::One;
            let target = store.tag().target;
            // Or somebody may be about to set it.
            if setting.has(Feature::Untagged)
                || target.is_some_and(|target| target.is_on(name, incarnation))
            {
                promises.tag = None;
            }
        })?;
        if swap.is_none() {
            turn.clear(Key::Candidate(id))?; // nothing was deleted, so there is nothing to look at
            return Ok(None);
        }
        if turn.slips(Slip::CandidateAfterAct) {
            turn.create(Key::Candidate(id), candidate)?;
        }
        tidy(turn, name, Some(incarnation))?;
        Ok(Some(true))
    })?;
    Ok(is_deleted.unwrap_or(false))
}

/// The same where an index keeps its children from being deleted.
///
/// As a collector does with a blob: the intention is made known in the record, then edges are
/// looked for, then the manifest is deleted if nobody has taken the intention back.
pub(super) fn delete_unless_child(
    turn: &mut Turn<'_>,
    name: ManifestName,
    first: CandidateId,
) -> Flow<bool> {
    let is_deleted = turn.each(0..2, |turn, attempt| {
        let current = turn.manifest(name)?;
        let Some(incarnation) = current.state().live() else { return Ok(Some(false)) };
        let condemned = current.state().condemned();
        let is_made_known = current.state() == condemned || turn.slips(Slip::ChildNotCondemned);
        let condemned = if is_made_known { Some(current) } else { turn.swap(current, condemned)? };
        let Some(current) = condemned else { return Ok(None) };
        if is_child(turn)? {
            turn.swap(current, current.state().rescued())?;
            return Ok(Some(false));
        }
        let id = CandidateId(first.0 + attempt);
        turn.create(Key::Candidate(id), Candidate::Delete(name, incarnation))?;
        let deleted = current.state().deleted();
        if turn.swap_breaking(current, deleted, |promises, _| promises.tag = None)?.is_none() {
            turn.clear(Key::Candidate(id))?;
            return Ok(None);
        }
        tidy(turn, name, Some(incarnation))?;
        Ok(Some(true))
    })?;
    Ok(is_deleted.unwrap_or(false))
}

/// Whether an index refers to its child, or may do so soon.
fn is_child(turn: &mut Turn<'_>) -> Flow<bool> {
    let setting = turn.setting;
    let indexes = setting.incarnations.iter().filter(|(_, of)| *of == ManifestName::Index);
    let found = turn.each(indexes.copied(), |turn, (id, index)| {
        if !turn.lists(turn.edge(id))? {
            return Ok(None);
        }
        let state = turn.manifest(index)?.state();
        let is_over = state.over().has(id) || state.fenced.has(id);
        Ok((!is_over).then_some(()))
    })?;
    Ok(found.is_some())
}

/// After a manifest was deleted: takes the tag away, clears its edges, and then the record. Of all
/// incarnations that are over at once: the bytes that name the edges go with the last one.
pub(super) fn tidy(turn: &mut Turn<'_>, name: ManifestName, mine: Option<Incarnation>) -> Flow<()> {
    let setting = turn.setting;
    turn.until(|turn| {
        let current = turn.manifest(name)?;
        let state = current.state();
        let over = match mine {
            Some(mine) if turn.slips(Slip::TidiesOneByOne) => state.over().only(mine),
            _ => state.over(),
        };
        if over.is_empty() || !state.has_bytes() {
            return Ok(Some(()));
        }
        tidy_tags(turn, name, over)?;
        for incarnation in over.iter() {
            turn.unmark(turn.edge(incarnation))?;
        }
        // Before the record goes, which knows that they have begun.
        for (_, id) in setting.pushes.iter().filter(|(incarnation, _)| over.has(*incarnation)) {
            turn.clear(Key::Candidate(*id))?;
        }
        let tidied = state.tidied(over);
        let is_done = if can_go(turn, tidied) {
            turn.remove(current, |_, _| {})?
        } else {
            turn.swap(current, tidied)?.is_some()
        };
        Ok(is_done.then_some(()))
    })
}

/// Takes away the tag if it is on one of these incarnations.
fn tidy_tags(turn: &mut Turn<'_>, name: ManifestName, over: Set<Incarnation>) -> Flow<()> {
    let setting = turn.setting;
    let edges = setting.tag_lives.iter().filter(|(_, of)| *of == name).map(|(life, _)| *life);
    turn.each(edges, |turn, life| {
        if !turn.lists(Marker::TagEdge(life))? {
            return Ok(None);
        }
        let tag = turn.tag()?;
        let Some(target) = tag.state().target else { return Ok(None) };
        let is_over = over.has(target.incarnation) || turn.slips(Slip::TagsNameDigest);
        // If it is not on it (yet): whoever sets it will see that the manifest is gone.
        if target.life == life && target.name == name && is_over && turn.remove(tag, |_, _| {})? {
            turn.unmark(Marker::TagEdge(life))?;
        }
        Ok(None::<()>)
    })?;
    Ok(())
}

/// Whether nothing is lost if a manifest's record is removed instead of stored like this.
fn can_go(turn: &Turn<'_>, state: ManifestState) -> bool {
    let kept = if turn.slips(Slip::RemovesFencedManifest) { Set::EMPTY } else { state.fenced };
    ManifestState { fenced: kept, ..state }.is_blank()
}
