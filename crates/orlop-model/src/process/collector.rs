//! The collector: every step of it, in the order in which it must be.
//!
//! It has the names and the order of the engine's `collect/`. What that has besides is left out:
//! counting, dry runs, unreadable records. Where the engine goes on with the version that it has
//! just stored, this reads the record again, which leaves less to remember and more to go wrong.
//!
//! **No step rests on time**: old is what nobody has touched for so long that it is worth a look,
//! and to take something young for old costs its owner a retry.

use super::delete::tidy;
use super::reason::Reason;
use super::untagged;
use super::verdict::{Act, Edges, Found, Verdict};
use crate::ids::{CandidateId, Extent, Incarnation, ManifestName, Repository, Set};
use crate::key::Key;
use crate::setting::Feature;
use crate::slip::Slip;
use crate::state::{BlobState, Candidate, Life, ManifestState, Session};
use crate::turn::{Flow, Turn};
use crate::word::Seen;

/// Looks at one thing. If a manifest is to be deleted, that is announced as `own`.
pub(super) fn collect(turn: &mut Turn<'_>, own: CandidateId) -> Flow<()> {
    match turn.next_reason()? {
        Reason::Session(extent) => session(turn, extent),
        Reason::Candidate(id) => candidate(turn, id),
        Reason::Leftover(extent) => leftover(turn, extent),
        Reason::Blob => review(turn).map(|_| ()),
        Reason::Entry(name) => untagged::review(turn, name, own),
    }
}

/// An upload that nobody goes on with.
fn session(turn: &mut Turn<'_>, extent: Extent) -> Flow<()> {
    let session = turn.session(extent)?;
    match session.state() {
        Session::Absent => return Ok(()), // somebody else was faster
        Session::Sealed => return sealed(turn, extent),
        Session::Aborted => {} // and not tidied up
        Session::Open if turn.slips(Slip::AbandonsByAge) => turn.delete(extent)?,
        Session::Open => {
            // First: whoever still writes must not be able to finish after the bytes are gone.
            if turn.swap(session, Session::Aborted)?.is_none() {
                return Ok(()); // somebody goes on with it
            }
        }
    }
    turn.abandon(extent)?;
    turn.clear(Key::Session(extent))
}

/// An upload that was to become a blob, and has or has not.
fn sealed(turn: &mut Turn<'_>, extent: Extent) -> Flow<()> {
    let was_installed = turn.until(|turn| {
        let current = turn.blob()?;
        if current.state().had(extent) {
            return Ok(Some(true));
        }
        if turn.slips(Slip::FencesAfterDeleting) {
            turn.delete(extent)?;
        }
        // Its commit may be asleep just before the swap that installs it. That one must fail
        // before the bytes go.
        Ok(fence_extent(turn, current, extent)?.then_some(false))
    })?;
    if was_installed {
        if review(turn)? == Verdict::Resolved {
            turn.clear(Key::Session(extent))?;
        }
        return Ok(());
    }
    if turn.slips(Slip::SessionBeforeBytes) {
        turn.clear(Key::Session(extent))?;
    }
    if turn.slips(Slip::DeletesBeforeAbandoning) {
        turn.delete(extent)?;
        turn.abandon(extent)?;
    } else {
        // In this order: what is abandoned cannot be sealed any more.
        turn.abandon(extent)?;
        turn.delete(extent)?;
    }
    turn.clear(Key::Session(extent))
}

/// Makes sure that an extent is never installed; `false` if the record changed meanwhile.
fn fence_extent(turn: &mut Turn<'_>, current: Seen<BlobState>, extent: Extent) -> Flow<bool> {
    let state = current.state();
    if state.fenced.has(extent) || turn.slips(Slip::GivesUpUnfenced) {
        return Ok(true); // by a collector that died behind this step
    }
    let fenced = BlobState { fenced: state.fenced.with(extent), ..state };
    Ok(turn.swap(current, fenced)?.is_some())
}

/// Gives up what is open of an extent that nobody writes to any more. A session is there before
/// the first byte, so who finds bytes first and then no session knows that there will be none.
fn leftover(turn: &mut Turn<'_>, extent: Extent) -> Flow<()> {
    if turn.session(extent)?.is_absent() {
        turn.abandon(extent)?;
    }
    Ok(())
}

/// The candidate goes when all is resolved that it names, and not before: it is all that leads
/// there.
fn candidate(turn: &mut Turn<'_>, id: CandidateId) -> Flow<()> {
    let found = turn.candidate(id)?;
    if found.is_absent() {
        return Ok(()); // somebody else was faster
    }
    let (name, incarnation) = match found.state() {
        Candidate::Delete(name, incarnation) => (name, incarnation),
        other => return untagged::candidate(turn, id, other),
    };
    let act = act(turn, name, incarnation)?;
    if matches!(act, Act::Done | Act::DoneAndLeft) && !untagged::enter_kept_by(turn, name)? {
        return Ok(());
    }
    if turn.slips(Slip::ClearsReasonFirst) {
        turn.clear(Key::Candidate(id))?;
    }
    let verdict = match act {
        Act::Pending => return Ok(()),
        Act::Done | Act::DoneAndLeft if turn.setting.refers_to_blob(name) => review(turn)?,
        Act::Done | Act::DoneAndLeft | Act::Prevented => Verdict::Resolved,
    };
    if verdict == Verdict::Resolved {
        turn.clear(Key::Candidate(id))?;
    }
    Ok(())
}

/// Whether a manifest was deleted. If its deleter was cut off, tidies up for him; if he has not
/// come to it for a long time, makes sure that he never does under this announcement.
fn act(turn: &mut Turn<'_>, name: ManifestName, incarnation: Incarnation) -> Flow<Act> {
    let act = turn.until(|turn| {
        let current = turn.manifest(name)?;
        let state = current.state();
        if state.over().has(incarnation) {
            return Ok(Some(Act::DoneAndLeft));
        }
        if state.live() != Some(incarnation) {
            return Ok(Some(Act::Done));
        }
        if turn.is_young() {
            return Ok(Some(Act::Pending));
        }
        if turn.slips(Slip::ConsumesEarly) {
            return Ok(Some(Act::Prevented));
        }
        // The same once more: a swap that expects the record as it was fails now.
        Ok(turn.swap(current, state)?.map(|_| Act::Prevented))
    })?;
    if act == Act::DoneAndLeft {
        tidy(turn, name, None)?;
    }
    Ok(act)
}

/// Deletes a blob that nothing refers to.
///
/// Writers mark their edge first, and then look at the record. This does it the other way round:
/// it makes its intention known in the record (condemned), and then looks for edges. So either it
/// sees the edge, or the writer sees the intention and takes it back, which makes the last swap
/// fail.
pub(super) fn review(turn: &mut Turn<'_>) -> Flow<Verdict> {
    turn.until(|turn| {
        let current = turn.blob()?;
        if current.is_absent() {
            return Ok(Some(Verdict::Resolved));
        }
        decide(turn, current)
    })
}

/// `None` if it has to be looked at again.
fn decide(turn: &mut Turn<'_>, current: Seen<BlobState>) -> Flow<Option<Verdict>> {
    let state = current.state();
    let may_bury = state.life == Life::Dead || !turn.slips(Slip::EmptiesTrashOfDeadOnly);
    if !state.trash.is_empty() && may_bury {
        // Left by a collector that died, or by one that is at it; whatever became of the blob.
        bury(turn, current)?;
        return Ok(None);
    }
    match state.life {
        Life::Live(_) => decide_live(turn, current),
        Life::Condemned(_) => decide_condemned(turn, current),
        Life::Dead if can_go(turn, state) => Ok(bury(turn, current)?.then_some(Verdict::Resolved)),
        Life::Dead => Ok(Some(Verdict::Resolved)), // its record must stay
    }
}

fn decide_live(turn: &mut Turn<'_>, current: Seen<BlobState>) -> Flow<Option<Verdict>> {
    let state = current.state();
    if turn.has_lease(state) {
        return Ok(Some(Verdict::Later));
    }
    // Not needed, but it keeps hot blobs from being condemned and rescued all the time.
    if let Some(verdict) = kept_by_edges(turn)? {
        // The edge may be of a later life, and an earlier one may have left trash: what was said
        // of the record is true only if it is the same still.
        let is_same = turn.slips(Slip::KeepsByOldRecord) || is_unchanged(turn, current)?;
        return Ok(is_same.then_some(verdict));
    }
    let is_rash = turn.slips(Slip::WithoutCondemning);
    turn.swap(current, if is_rash { state.died() } else { state.condemned() })?;
    Ok(None)
}

fn decide_condemned(turn: &mut Turn<'_>, current: Seen<BlobState>) -> Flow<Option<Verdict>> {
    let state = current.state();
    if let Some(verdict) = kept_by_edges(turn)? {
        let swap = turn.swap(current, state.rescued())?;
        return Ok(swap.map(|_| verdict));
    }
    if let (Some(extent), true) = (state.extent(), turn.slips(Slip::BytesBeforeDead)) {
        turn.delete(extent)?;
    }
    // The decision. It fails if anybody has taken the intention back since it was read.
    turn.swap(current, state.died())?;
    Ok(None)
}

fn is_unchanged(turn: &mut Turn<'_>, before: Seen<BlobState>) -> Flow<bool> {
    let now = turn.blob()?;
    Ok(before.is_fresh() && now.value() | BlobState::YOUNG == before.value() | BlobState::YOUNG)
}

/// What edges say about the blob; `None` if no edge keeps it.
fn kept_by_edges(turn: &mut Turn<'_>) -> Flow<Option<Verdict>> {
    Ok(match edges(turn)? {
        Edges::Valid => Some(Verdict::Resolved),
        Edges::InFlight => Some(Verdict::Later),
        Edges::None => None,
    })
}

/// Deletes what left service, and the record if it says nothing any more; `false` if the record
/// changed meanwhile.
fn bury(turn: &mut Turn<'_>, current: Seen<BlobState>) -> Flow<bool> {
    let trash = current.state().trash;
    let state = BlobState { trash: Set::EMPTY, ..current.state() };
    let is_rash = turn.slips(Slip::TrashEntryFirst) && !trash.is_empty();
    if is_rash && turn.swap(current, state)?.is_none() {
        return Ok(false);
    }
    for extent in trash.iter() {
        if turn.setting.is_linked {
            turn.clear(Key::Link(extent, Repository::A))?;
            turn.clear(Key::Link(extent, Repository::B))?;
        }
        turn.delete(extent)?;
    }
    if is_rash {
        return Ok(true);
    }
    // After the bytes: the record is all that names them.
    if turn.slips(Slip::RemovesUnconditionally) && state.life == Life::Dead {
        return turn.remove_anyway(Key::Blob, |_, _| {});
    }
    if can_go(turn, state) {
        return turn.remove(current, |_, _| {});
    }
    Ok(turn.swap(current, state)?.is_some())
}

/// Whether nothing is lost if the blob's record is removed instead of stored like this.
fn can_go(turn: &Turn<'_>, state: BlobState) -> bool {
    let kept = if turn.slips(Slip::RemovesFencedBlob) { Set::EMPTY } else { state.fenced };
    BlobState { fenced: kept, ..state }.is_blank()
}

/// Looks for an edge that counts, and clears those that never will.
fn edges(turn: &mut Turn<'_>) -> Flow<Edges> {
    let setting = turn.setting;
    let edges = setting.incarnations.iter().filter(|(_, name)| setting.refers_to_blob(*name));
    let mut edges: Vec<(Incarnation, ManifestName)> = edges.copied().collect();
    if setting.has(Feature::AnyOrder) && turn.choose(2, 0) == 1 {
        edges.reverse();
    }
    let none = Found { edges: Edges::None, dead: Set::EMPTY };
    let found = turn.fold(edges, none, |turn, (incarnation, name), found| {
        if !turn.lists(turn.edge(incarnation))? {
            return Ok((found, true));
        }
        Ok(match judge(turn, name, incarnation)? {
            Edges::Valid => (Found { edges: Edges::Valid, ..found }, false),
            Edges::InFlight => (Found { edges: Edges::InFlight, ..found }, true),
            Edges::None => (Found { dead: found.dead.with(incarnation), ..found }, true),
        })
    })?;
    turn.each(found.dead.iter(), |turn, incarnation| {
        turn.unmark(turn.edge(incarnation))?;
        Ok(None::<()>)
    })?;
    Ok(found.edges)
}

/// What a single edge is worth.
pub(super) fn judge(
    turn: &mut Turn<'_>,
    name: ManifestName,
    incarnation: Incarnation,
) -> Flow<Edges> {
    if turn.slips(Slip::EdgesWithoutIncarnation) {
        return Ok(Edges::Valid); // whose it is cannot be told
    }
    turn.until(|turn| {
        let current = turn.manifest(name)?;
        let state = current.state();
        if state.live() == Some(incarnation) {
            return Ok(Some(Edges::Valid));
        }
        if state.over().has(incarnation) || state.fenced.has(incarnation) {
            return Ok(Some(Edges::None));
        }
        if turn.is_young() {
            return Ok(Some(Edges::InFlight));
        }
        // Left by a push that died, or that sleeps: it must not wake up and succeed.
        Ok(fence_manifest(turn, name, current, incarnation)?.then_some(Edges::None))
    })
}

/// Makes sure that an incarnation never begins; `false` if the record changed meanwhile.
pub(super) fn fence_manifest(
    turn: &mut Turn<'_>,
    name: ManifestName,
    current: Seen<ManifestState>,
    incarnation: Incarnation,
) -> Flow<bool> {
    let state = current.state();
    let is_index = name == ManifestName::Index;
    if turn.slips(Slip::IgnoresEdgesUnfenced) || is_index && turn.slips(Slip::UntaggedChildUnfenced)
    {
        return Ok(true);
    }
    let only_bumps = turn.slips(Slip::BumpsInsteadOfFencing) && !current.is_absent();
    let fenced = ManifestState { fenced: state.fenced.with(incarnation), ..state };
    Ok(turn.swap(current, if only_bumps { state } else { fenced })?.is_some())
}

impl Turn<'_> {
    /// Whether something is too young to be given up: nobody knows but the clock, which is the
    /// collector's enemy.
    pub(super) fn is_young(&mut self) -> bool {
        self.choose(2, 0) == 1
    }
}
