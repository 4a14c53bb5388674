//! A policy: manifests that nothing keeps go after a time. A tag keeps its manifest, a live index its
//! child, and a live subject what is about it.
//!
//! Whatever may end that is announced before it happens, and the announcement goes when it is known
//! whether it has happened. If it has, and nothing else keeps the manifest, it is *entered* then: a
//! record says that nothing may keep it any more. That record is stored again by each reason, and removed by version, so it goes
//! only after a look that began behind the last reason.

use super::collector::{fence_manifest, judge};
use super::delete::tidy;
use super::verdict::{Act, Edges};
use crate::ids::{CandidateId, Incarnation, ManifestName, TagLife};
use crate::key::{Key, Marker};
use crate::setting::Feature;
use crate::slip::Slip;
use crate::state::{Candidate, Entry, ManifestLife, ManifestState};
use crate::turn::{Flow, Turn};
use crate::word::Seen;

/// A push, or a tag that was to go.
pub(super) fn candidate(turn: &mut Turn<'_>, id: CandidateId, found: Candidate) -> Flow<()> {
    let (name, act) = match found {
        Candidate::Push(name, incarnation) => (name, pushed(turn, id, name, incarnation)?),
        Candidate::Untag(name, life) => (name, untagged(turn, life)?),
        Candidate::Delete(..) => return Ok(()), // the other ones
    };
    let is_resolved = match act {
        Act::Pending => false,
        Act::Done | Act::DoneAndLeft => enter_unless_kept(turn, name)?,
        Act::Prevented => true,
    };
    if is_resolved { turn.clear(Key::Candidate(id)) } else { Ok(()) }
}

fn pushed(
    turn: &mut Turn<'_>,
    id: CandidateId,
    name: ManifestName,
    incarnation: Incarnation,
) -> Flow<Act> {
    turn.until(|turn| {
        let current = turn.manifest(name)?;
        let state = current.state();
        if state.live() == Some(incarnation) || state.over().has(incarnation) {
            return Ok(Some(Act::Done));
        }
        if !state.fenced.has(incarnation) {
            if turn.is_young() {
                return Ok(Some(Act::Pending));
            }
            // After the record: a manifest that was deleted takes its announcement with it.
            if turn.candidate(id)?.is_absent() || turn.slips(Slip::PushUnfenced) {
                return Ok(Some(Act::Prevented));
            }
            if !fence_manifest(turn, name, current, incarnation)? {
                return Ok(None);
            }
        }
        turn.unmark(turn.edge(incarnation))?;
        Ok(Some(Act::Prevented))
    })
}

fn untagged(turn: &mut Turn<'_>, life: TagLife) -> Flow<Act> {
    turn.until(|turn| {
        let tag = turn.tag()?;
        if tag.state().target.is_none_or(|target| target.life != life) {
            return Ok(Some(Act::Done));
        }
        if turn.is_young() {
            return Ok(Some(Act::Pending));
        }
        if turn.slips(Slip::UntagUnbumped) {
            return Ok(Some(Act::Prevented));
        }
        // The same once more: a swap that expects the record as it was fails now.
        Ok(turn.swap(tag, tag.state())?.map(|_| Act::Prevented))
    })
}

/// After a manifest was deleted: what it kept may have nothing else. `false` if that cannot be told
/// yet.
pub(super) fn enter_kept_by(turn: &mut Turn<'_>, name: ManifestName) -> Flow<bool> {
    let setting = turn.setting;
    if !setting.has(Feature::Untagged) {
        return Ok(true);
    }
    let children = name == ManifestName::Index && !turn.slips(Slip::DeleteForgetsChildren);
    if children && !enter_unless_kept(turn, ManifestName::One)? {
        return Ok(false);
    }
    for referrer in ManifestName::ALL {
        if setting.subject(referrer) != Some(name) || turn.slips(Slip::DeleteForgetsReferrers) {
            continue;
        }
        let edges = setting.incarnations.iter().filter(|(_, of)| *of == referrer);
        let found = turn.each(edges.map(|(id, _)| *id), |turn, id| {
            Ok(turn.lists(turn.edge(id))?.then_some(()))
        })?;
        if found.is_some() && !enter_unless_kept(turn, referrer)? {
            return Ok(false);
        }
    }
    leave(turn, name)?;
    Ok(true)
}

/// Takes away the entry of a manifest that is gone.
fn leave(turn: &mut Turn<'_>, name: ManifestName) -> Flow<()> {
    turn.call(|turn| {
        let entry = turn.entry(name)?;
        if !entry.is_absent() && turn.manifest(name)?.state().live().is_none() {
            turn.remove(entry, |_, _| {})?;
        }
        Ok(())
    })
}

/// After something that kept a manifest may have ended. `false` if it cannot be told yet whether
/// there is something else.
fn enter_unless_kept(turn: &mut Turn<'_>, name: ManifestName) -> Flow<bool> {
    turn.call(|turn| {
        let Some(incarnation) = turn.manifest(name)?.state().live() else { return Ok(true) };
        match turn.call(|turn| kept(turn, name, incarnation, false))? {
            Edges::Valid => Ok(true), // whatever ends that is announced too
            Edges::InFlight => Ok(false),
            Edges::None => enter(turn, name).map(|()| true),
        }
    })
}

/// Always stores something, so that nobody removes it after an older look.
fn enter(turn: &mut Turn<'_>, name: ManifestName) -> Flow<()> {
    turn.until(|turn| {
        let entry = turn.entry(name)?;
        if !entry.is_absent() && turn.slips(Slip::EntersByLooking) {
            return Ok(Some(()));
        }
        Ok(turn.swap(entry, Entry)?.map(|_| ()))
    })
}

/// Decides about a manifest, as the collector does about the blob.
pub(super) fn review(turn: &mut Turn<'_>, name: ManifestName, own: CandidateId) -> Flow<()> {
    turn.until(|turn| {
        let entry = turn.entry(name)?;
        if entry.is_absent() {
            return Ok(Some(()));
        }
        let manifest = turn.manifest(name)?;
        match manifest.state().life {
            ManifestLife::Live(id) => review_live(turn, name, entry, manifest, id, own),
            ManifestLife::Condemned(id) => review_condemned(turn, name, entry, manifest, id, own),
            _ => resolve(turn, entry),
        }
    })
}

fn review_live(
    turn: &mut Turn<'_>,
    name: ManifestName,
    entry: Seen<Entry>,
    manifest: Seen<ManifestState>,
    incarnation: Incarnation,
    own: CandidateId,
) -> Flow<Option<()>> {
    // Not needed, but it keeps manifests from being condemned and rescued all the time.
    match turn.call(|turn| kept(turn, name, incarnation, false))? {
        Edges::Valid => resolve(turn, entry),
        Edges::InFlight => Ok(Some(())),
        Edges::None if turn.slips(Slip::UntaggedWithoutCondemning) => {
            delete(turn, name, manifest, incarnation, own)
        }
        Edges::None => Ok(turn.swap(manifest, manifest.state().condemned())?.and(None)),
    }
}

fn review_condemned(
    turn: &mut Turn<'_>,
    name: ManifestName,
    entry: Seen<Entry>,
    manifest: Seen<ManifestState>,
    incarnation: Incarnation,
    own: CandidateId,
) -> Flow<Option<()>> {
    let found = turn.call(|turn| kept(turn, name, incarnation, true))?;
    if found == Edges::None {
        return delete(turn, name, manifest, incarnation, own);
    }
    let is_rescued = turn.swap(manifest, manifest.state().rescued())?.is_some();
    match found {
        Edges::Valid if is_rescued => resolve(turn, entry),
        _ => Ok(is_rescued.then_some(())),
    }
}

fn resolve(turn: &mut Turn<'_>, entry: Seen<Entry>) -> Flow<Option<()>> {
    if turn.slips(Slip::RemovesEntryUnconditionally) {
        turn.remove_anyway(entry.key(), |_, _| {})?;
    } else {
        turn.remove(entry, |_, _| {})?; // or there is a new reason
    }
    Ok(Some(()))
}

/// The decision. It fails if anybody has taken the intention back since it was read.
fn delete(
    turn: &mut Turn<'_>,
    name: ManifestName,
    manifest: Seen<ManifestState>,
    incarnation: Incarnation,
    own: CandidateId,
) -> Flow<Option<()>> {
    let candidate = Candidate::Delete(name, incarnation);
    let is_rash = turn.slips(Slip::CollectorAnnouncesLate);
    if !is_rash {
        turn.create(Key::Candidate(own), candidate)?;
    }
    if turn.swap(manifest, manifest.state().deleted())?.is_none() {
        turn.clear(Key::Candidate(own))?;
        return Ok(Some(())); // for the next one to look at
    }
    if is_rash {
        turn.create(Key::Candidate(own), candidate)?;
    }
    tidy(turn, name, None)?;
    Ok(Some(()))
}

/// What keeps a manifest. If it `is_final`, nothing that is on its way comes to anything any more
/// unless it finds out that the manifest is condemned.
fn kept(
    turn: &mut Turn<'_>,
    name: ManifestName,
    incarnation: Incarnation,
    is_final: bool,
) -> Flow<Edges> {
    let setting = turn.setting;
    let tags = setting.tag_lives.iter().filter(|(_, of)| *of == name).map(|(life, _)| *life);
    let tagged = turn.fold(tags, Edges::None, |turn, life, found| {
        if !turn.lists(Marker::TagEdge(life))? {
            return Ok((found, true));
        }
        Ok(match tag_edge(turn, name, incarnation, life, is_final)? {
            Edges::Valid => (Edges::Valid, false),
            Edges::InFlight => (Edges::InFlight, true),
            Edges::None => (found, true),
        })
    })?;
    if tagged == Edges::Valid {
        return Ok(Edges::Valid);
    }
    let indexes = setting.incarnations.iter().filter(|(_, of)| *of == ManifestName::Index);
    let indexes = indexes.filter(|_| name == ManifestName::One);
    let found = turn.fold(indexes.copied(), tagged, |turn, (id, index), found| {
        if !turn.lists(turn.edge(id))? {
            return Ok((found, true));
        }
        Ok(match judge(turn, index, id)? {
            Edges::Valid => (Edges::Valid, false),
            Edges::InFlight => (Edges::InFlight, true),
            Edges::None => {
                turn.unmark(turn.edge(id))?;
                (found, true)
            }
        })
    })?;
    if found == Edges::Valid {
        return Ok(Edges::Valid);
    }
    match setting.subject(name) {
        Some(subject) => {
            let is_kept = turn.manifest(subject)?.state().live().is_some();
            Ok(if is_kept { Edges::Valid } else { found })
        }
        None => Ok(found),
    }
}

/// What the edge of a tag is worth. It is not cleared if the tag is not set: whoever is about to
/// set it looks at the manifest, takes the decision back or fails, and must not lose his edge.
fn tag_edge(
    turn: &mut Turn<'_>,
    name: ManifestName,
    incarnation: Incarnation,
    life: TagLife,
    is_final: bool,
) -> Flow<Edges> {
    turn.until(|turn| {
        let tag = turn.tag()?;
        if let Some(target) = tag.state().target.filter(|target| target.life == life) {
            let is_valid = target.is_on(name, incarnation);
            return Ok(Some(if is_valid { Edges::Valid } else { Edges::None }));
        }
        if turn.is_young() {
            return Ok(Some(Edges::InFlight));
        }
        if turn.slips(Slip::UntaggedClearsEdges) {
            turn.unmark(Marker::TagEdge(life))?;
            return Ok(Some(Edges::None));
        }
        if !is_final || tag.is_absent() || turn.slips(Slip::TagUnbumped) {
            return Ok(Some(Edges::None));
        }
        // Whoever has read the tag before he saw that the manifest is condemned must not move it.
        Ok(turn.swap(tag, tag.state())?.map(|_| Edges::None))
    })
}
