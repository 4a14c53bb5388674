//! What no session and no candidate names, because two things went wrong at once: found by looking
//! at everything that there is. All of it means nothing to anybody, so there is no hurry.

use super::collector::judge;
use super::reason::Find;
use super::verdict::Edges;
use crate::ids::{Extent, Incarnation, Repository, TagLife};
use crate::key::Marker;
use crate::state::Link;
use crate::store::Bytes;
use crate::turn::{Flow, Turn};

/// One thing.
pub(super) fn audit(turn: &mut Turn<'_>) -> Flow<()> {
    let found = turn.next_find()?;
    look_at(turn, found)
}

/// Everything, once.
pub(super) fn audit_everything(turn: &mut Turn<'_>) -> Flow<()> {
    let all = Find::all(turn.setting, &turn.world.store);
    all.into_iter().try_for_each(|found| look_at(turn, found))
}

fn look_at(turn: &mut Turn<'_>, found: Find) -> Flow<()> {
    match found {
        Find::Bytes(extent) => bytes(turn, extent),
        Find::Link(extent, repository) => link(turn, extent, repository),
        Find::Tag => tag(turn),
        Find::TagEdge(life) => tag_edge(turn, life),
        Find::Edge(incarnation) => edge(turn, incarnation),
    }
}

/// An extent that was sealed after its session was given up. The session is there before the bytes
/// and goes after the record has them or never will: so who finds the bytes, then no session, and
/// then no record that has them, knows that there will be none.
fn bytes(turn: &mut Turn<'_>, extent: Extent) -> Flow<()> {
    if !turn.session(extent)?.is_absent() {
        return Ok(());
    }
    let blob = turn.blob()?.state();
    if blob.extent() != Some(extent) && !blob.trash.has(extent) {
        turn.delete(extent)?;
    }
    Ok(())
}

/// A link that was made after its extent died: bytes that are not there will never be there again.
fn link(turn: &mut Turn<'_>, extent: Extent, repository: Repository) -> Flow<()> {
    let link = turn.link(extent, repository)?;
    if link.state() != Link::Absent && turn.bytes(extent)? == Bytes::Absent {
        turn.remove(link, |_, _| {})?;
    }
    Ok(())
}

/// A tag on an incarnation that is over. The manifest is read after the tag.
fn tag(turn: &mut Turn<'_>) -> Flow<()> {
    let tag = turn.tag()?;
    if let Some(target) = tag.state().target
        && turn.manifest(target.name)?.state().live() != Some(target.incarnation)
    {
        turn.remove(tag, |_, _| {})?;
    }
    Ok(())
}

/// An edge of a life that the tag does not have. If it is on its way after all, then the tag has no
/// edge, and a delete of its manifest leaves a tag for the next audit.
fn tag_edge(turn: &mut Turn<'_>, life: TagLife) -> Flow<()> {
    let target = turn.tag()?.state().target;
    if target.is_none_or(|target| target.life != life) && !turn.is_young() {
        turn.unmark(Marker::TagEdge(life))?;
    }
    Ok(())
}

/// An edge of a push that crashed, on something that nobody else looks at.
fn edge(turn: &mut Turn<'_>, incarnation: Incarnation) -> Flow<()> {
    let mut incarnations = turn.setting.incarnations.iter();
    let Some((_, name)) = incarnations.find(|(id, _)| *id == incarnation) else { return Ok(()) };
    if judge(turn, *name, incarnation)? == Edges::None {
        turn.unmark(turn.edge(incarnation))?;
    }
    Ok(())
}
