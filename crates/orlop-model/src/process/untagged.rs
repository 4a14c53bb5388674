//! A policy that the engine does not have yet: manifests without a tag, and not in an index, go.
//! What writers do already is enough for it.

use super::collector::judge;
use super::verdict::Edges;
use crate::ids::{Incarnation, ManifestName};
use crate::key::Marker;
use crate::slip::Slip;
use crate::state::ManifestLife;
use crate::turn::{Flow, Turn};

/// Decides about a manifest, as the collector does about the blob.
pub(super) fn review(turn: &mut Turn<'_>, name: ManifestName) -> Flow<()> {
    turn.until(|turn| {
        let manifest = turn.manifest(name)?;
        let state = manifest.state();
        let Some(incarnation) = state.live() else { return Ok(Some(())) };
        let found = turn.call(|turn| edges(turn, name, incarnation))?;
        let is_condemned = matches!(state.life, ManifestLife::Condemned(_));
        match (found, is_condemned) {
            (Edges::None, true) => turn.swap(manifest, state.deleted())?,
            (Edges::None, false) if turn.slips(Slip::UntaggedWithoutCondemning) => {
                turn.swap(manifest, state.deleted())?
            }
            (Edges::None, false) => turn.swap(manifest, state.condemned())?,
            (_, true) => turn.swap(manifest, state.rescued())?,
            (_, false) => return Ok(Some(())),
        };
        Ok(None) // look again
    })
}

fn edges(turn: &mut Turn<'_>, name: ManifestName, incarnation: Incarnation) -> Flow<Edges> {
    let setting = turn.setting;
    let tags = setting.tag_lives.iter().filter(|(_, of)| *of == name).map(|(life, _)| *life);
    let is_tagged = turn.each(tags, |turn, life| {
        if !turn.lists(Marker::TagEdge(life))? {
            return Ok(None);
        }
        let target = turn.tag()?.state().target.filter(|target| target.life == life);
        if target.is_some_and(|target| target.is_on(name, incarnation)) {
            return Ok(Some(()));
        }
        // On its way, perhaps: then its setter looks at the manifest after he has set it, and takes
        // the decision back or sees that it is final. But he must not lose his edge.
        if turn.slips(Slip::UntaggedClearsEdges) {
            turn.unmark(Marker::TagEdge(life))?;
        }
        Ok(None)
    })?;
    if is_tagged.is_some() {
        return Ok(Edges::Valid);
    }
    let indexes = setting.incarnations.iter().filter(|(_, of)| *of == ManifestName::Index);
    let found = turn.each(indexes.copied(), |turn, (id, index)| {
        if !turn.lists(turn.edge(id))? {
            return Ok(None);
        }
        let found = judge(turn, index, id)?;
        Ok(Some(found).filter(|found| *found != Edges::None))
    })?;
    Ok(found.unwrap_or(Edges::None))
}
