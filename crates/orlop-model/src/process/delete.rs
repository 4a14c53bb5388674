//! Deleting manifests.

use crate::ids::{CandidateId, Incarnation, ManifestName, Set};
use crate::key::{Key, Marker};
use crate::slip::Slip;
use crate::state::{Candidate, ManifestState};
use crate::turn::{Flow, Turn};

pub(super) fn delete_manifest(
    turn: &mut Turn<'_>,
    name: ManifestName,
    first: CandidateId,
) -> Flow<bool> {
    let is_deleted = turn.each(0..2, |turn, attempt| {
        let current = turn.manifest(name)?;
        let Some(incarnation) = current.state().live() else { return Ok(Some(false)) };
        let reused = turn.slips(Slip::CandidateNameReused);
        let id = CandidateId(first.0 + if reused { 0 } else { attempt });
        // Before the act: a crash behind it must leave something that a collector finds.
        let candidate = Candidate { name, incarnation };
        if !turn.slips(Slip::CandidateAfterAct) {
            turn.create(Key::Candidate(id), candidate)?;
        }
        let deleted = current.state().deleted();
        let swap = turn.swap_breaking(current, deleted, |promises, store| {
            promises.manifests = promises.manifests.without(name);
            if store.tag().target.is_some_and(|target| target.is_on(name, incarnation)) {
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

/// After a manifest was deleted: takes the tag away, clears its edges, and then the record. Of all
/// incarnations that are over at once: the bytes that name the edges go with the last one.
pub(super) fn tidy(turn: &mut Turn<'_>, name: ManifestName, mine: Option<Incarnation>) -> Flow<()> {
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
