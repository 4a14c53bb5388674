//! Pushing manifests: edges, then checks, then the one swap of this incarnation.

use super::blob::{live_extent, sees_for_good};
use super::tag;
use crate::ids::{CandidateId, Extent, Incarnation, ManifestName, TagLife};
use crate::key::{Key, Marker};
use crate::setting::Feature;
use crate::slip::Slip;
use crate::state::{Candidate, ManifestState};
use crate::turn::{Flow, Pause, Turn};
use crate::word::{Seen, Swap, Word};

/// What became of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pushed {
    /// Something that it refers to is not there.
    Refused,
    /// It lives, in this incarnation.
    Live(Incarnation),
}

/// Whether what a manifest refers to is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checked {
    Missing,
    /// The blob is, in this extent.
    Blob(Extent),
    /// The child is, or nothing is needed.
    Child,
}

pub(super) fn put_manifest(
    turn: &mut Turn<'_>,
    name: ManifestName,
    first: Incarnation,
    tag: Option<TagLife>,
    candidate: CandidateId,
) -> Flow<bool> {
    let attempts = turn.setting.attempts;
    let announced = |n| CandidateId(candidate.0 + n);
    let pushed = turn.each(0..attempts, |turn, n| {
        let tag = tag.map(|life| TagLife(life.0 + n));
        let pushed = push(turn, name, Incarnation(first.0 + n), tag, announced(n))?;
        Ok(pushed.map(|pushed| (pushed, n)))
    })?;
    let Some((Pushed::Live(incarnation), used)) = pushed else { return Ok(false) };
    let Some(life) = tag else { return Ok(true) };
    let lives = life.0 + used..life.0 + attempts;
    let is_set = tag::set(turn, name, incarnation, lives, announced(attempts + used))?;
    if is_set && turn.setting.has(Feature::Untagged) && !turn.slips(Slip::PushClearedBeforeTag) {
        // Until now it told a collector of a manifest that nothing keeps.
        turn.clear(Key::Candidate(announced(used)))?;
    }
    Ok(is_set)
}

/// One attempt; `None` if it has to be tried again.
fn push(
    turn: &mut Turn<'_>,
    name: ManifestName,
    incarnation: Incarnation,
    tag: Option<TagLife>,
    candidate: CandidateId,
) -> Flow<Option<Pushed>> {
    let current = turn.manifest(name)?;
    let Some(live) = current.state().live() else {
        return push_new(turn, name, incarnation, tag, candidate, current);
    };
    if let Some(life) = tag {
        turn.mark(Marker::TagEdge(life))?;
    }
    // Again, after the tag's edge is there: who deletes it now will see it.
    if live_manifest(turn, name)? == Some(live) {
        return Ok(Some(Pushed::Live(live)));
    }
    if let Some(life) = tag {
        turn.unmark(Marker::TagEdge(life))?; // no tag was tried with it
    }
    Ok(None)
}

fn push_new(
    turn: &mut Turn<'_>,
    name: ManifestName,
    incarnation: Incarnation,
    tag: Option<TagLife>,
    candidate: CandidateId,
    current: Seen<ManifestState>,
) -> Flow<Option<Pushed>> {
    let early = if turn.slips(Slip::ChecksBeforeEdges) {
        Some(turn.call(|turn| check(turn, name))?)
    } else {
        None
    };
    turn.mark(turn.edge(incarnation))?;
    if let Some(life) = tag {
        turn.mark(Marker::TagEdge(life))?;
    }
    let checked = match early {
        Some(checked) => checked,
        None => turn.call(|turn| check(turn, name))?,
    };
    if checked == Checked::Missing {
        clear(turn, incarnation, tag)?; // the incarnation was never tried
        return Ok(Some(Pushed::Refused));
    }
    if let (Checked::Blob(extent), true) = (checked, turn.slips(Slip::SessionClearedFirst)) {
        turn.clear(Key::Session(extent))?;
    }
    let announces = turn.setting.has(Feature::Untagged);
    if announces && !turn.slips(Slip::PushAnnouncedLate) {
        // Before the act: a crash behind it must leave something that a collector finds.
        turn.create(Key::Candidate(candidate), Candidate::Push(name, incarnation))?;
    }
    // The record was read before the edges were marked. So whoever finds an edge and changes the
    // record knows that this swap will fail; it need not look for a fence.
    match turn.try_swap(current, current.state().pushed(incarnation), |promises, _| {
        promises.is_orphaned &= name != ManifestName::One;
    })? {
        Swap::Stored(_) => {}
        Swap::Conflict => {
            let now = turn.manifest(name)?;
            if now.state().live() != Some(incarnation) {
                clear(turn, incarnation, tag)?;
                if announces {
                    turn.clear(Key::Candidate(candidate))?; // it never began
                }
                return Ok(None);
            }
        }
        Swap::Unknown => return after_error(turn, name, incarnation, tag, current),
    }
    if announces && turn.slips(Slip::PushAnnouncedLate) {
        turn.create(Key::Candidate(candidate), Candidate::Push(name, incarnation))?;
    }
    if announces && turn.slips(Slip::PushClearedBeforeTag) && tag.is_some() {
        turn.clear(Key::Candidate(candidate))?;
    }
    // Until now it told a collector of a blob that nothing refers to.
    if let Checked::Blob(extent) = checked {
        turn.clear(Key::Session(extent))?;
    }
    Ok(Some(Pushed::Live(incarnation)))
}

/// It may be done, or still be done later: its edges stay for a collector to judge.
fn after_error(
    turn: &mut Turn<'_>,
    name: ManifestName,
    incarnation: Incarnation,
    tag: Option<TagLife>,
    current: Seen<ManifestState>,
) -> Flow<Option<Pushed>> {
    let slip = turn.setting.slip;
    if !matches!(
        slip,
        Some(Slip::ClearsEdgesAfterError | Slip::ClearsEdgesIfChanged | Slip::CommitsAgain)
    ) {
        return Err(Pause::Failed);
    }
    let now = turn.manifest(name)?;
    if now.state().live() == Some(incarnation) {
        return Ok(Some(Pushed::Live(incarnation)));
    }
    if slip == Some(Slip::CommitsAgain) {
        let again = now.state().pushed(incarnation);
        let swap = turn.swap(now, again)?;
        return Ok(swap.map(|_| Pushed::Live(incarnation)));
    }
    if slip == Some(Slip::ClearsEdgesAfterError) || now.value() != current.value() {
        clear(turn, incarnation, tag)?;
    }
    Ok(Some(Pushed::Refused))
}

/// Whether what the manifest refers to is there and stays there. To be called after its edges are
/// marked.
fn check(turn: &mut Turn<'_>, name: ManifestName) -> Flow<Checked> {
    if !turn.setting.refers_to_blob(name) {
        if name != ManifestName::Index {
            return Ok(Checked::Child); // it has none, and a subject need not be there
        }
        let child = live_manifest(turn, ManifestName::One)?;
        return Ok(child.map_or(Checked::Missing, |_| Checked::Child));
    }
    let Some((extent, home)) = live_extent(turn)? else { return Ok(Checked::Missing) };
    let is_visible = sees_for_good(turn, extent, home, name.repository())?;
    Ok(if is_visible { Checked::Blob(extent) } else { Checked::Missing })
}

/// The incarnation of a manifest that lives, with a pending decision taken back.
pub(super) fn live_manifest(turn: &mut Turn<'_>, name: ManifestName) -> Flow<Option<Incarnation>> {
    turn.until(|turn| {
        let manifest = turn.manifest(name)?;
        let state = manifest.state();
        if state == state.rescued() {
            return Ok(Some(state.live()));
        }
        Ok(turn.swap(manifest, state.rescued())?.map(|_| state.live()))
    })
}

fn clear(turn: &mut Turn<'_>, incarnation: Incarnation, tag: Option<TagLife>) -> Flow<()> {
    turn.unmark(turn.edge(incarnation))?;
    if let Some(life) = tag {
        turn.unmark(Marker::TagEdge(life))?;
    }
    Ok(())
}

impl Turn<'_> {
    /// The edge of an incarnation of a manifest.
    pub(super) fn edge(&self, incarnation: Incarnation) -> Marker {
        let mut incarnations = self.setting.incarnations.iter();
        if self.slips(Slip::EdgesWithoutIncarnation)
            && let Some((_, name)) = incarnations.find(|(id, _)| *id == incarnation)
            && let Some((first, _)) = self.setting.incarnations.iter().find(|(_, of)| of == name)
        {
            return Marker::Edge(*first);
        }
        Marker::Edge(incarnation)
    }
}

impl Word for (Pushed, u8) {
    fn word(self) -> u32 {
        let (pushed, attempt) = self;
        let incarnation = match pushed {
            Pushed::Refused => u8::MAX,
            Pushed::Live(incarnation) => incarnation.0,
        };
        u32::from(attempt) << 8 | u32::from(incarnation)
    }

    fn from_word(word: u32) -> Self {
        let pushed = match u8::from_word(word) {
            u8::MAX => Pushed::Refused,
            incarnation => Pushed::Live(Incarnation(incarnation)),
        };
        (pushed, u8::from_word(word >> 8))
    }
}

impl Word for Checked {
    fn word(self) -> u32 {
        match self {
            Self::Missing => 0,
            Self::Child => 1,
            Self::Blob(extent) => 2 + u32::from(extent.0),
        }
    }

    fn from_word(word: u32) -> Self {
        match u8::from_word(word) {
            0 => Self::Missing,
            1 => Self::Child,
            extent => Self::Blob(Extent(extent - 2)),
        }
    }
}

impl Word for Incarnation {
    fn word(self) -> u32 {
        u32::from(self.0)
    }

    fn from_word(word: u32) -> Self {
        Self(u8::from_word(word))
    }
}
