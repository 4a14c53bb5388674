//! Taking a blob out of a repository, which is not to free it.

use super::blob::sees;
use crate::ids::{Extent, Repository};
use crate::key::Key;
use crate::promises::Promises;
use crate::slip::Slip;
use crate::state::{BlobState, Link};
use crate::store::Store;
use crate::turn::{Flow, Turn};

/// `false` if it was not there, or if a manifest of this repository refers to it.
///
/// As a collector does with a blob: the intention is made known in the link, then edges are looked
/// for, then the link is removed if nobody has taken the intention back. So the blob is visible up
/// to the moment at which nothing refers to it.
pub(super) fn delete_blob(turn: &mut Turn<'_>, repository: Repository) -> Flow<bool> {
    if turn.slips(Slip::HidesBeforeLooking) {
        return hide_and_look(turn, repository);
    }
    turn.until(|turn| {
        let blob = turn.blob()?;
        let state = blob.state();
        let Some(extent) = state.extent() else { return Ok(Some(false)) };
        if !sees(turn, state, repository)? || is_referred_to(turn, repository)? {
            return Ok(Some(false));
        }
        if state.home == Some(repository) {
            // A link in place of the home, so that it is visible all the time.
            turn.create(Key::Link(extent, repository), Link::Plain)?;
            if turn.swap(blob, BlobState { home: None, ..state })?.is_none() {
                return Ok(None);
            }
        }
        unlink(turn, extent, repository)
    })
}

/// Removes the link, unless a manifest refers to the blob; `None` if it changed meanwhile.
fn unlink(turn: &mut Turn<'_>, extent: Extent, repository: Repository) -> Flow<Option<bool>> {
    let link = turn.link(extent, repository)?;
    if link.state() == Link::Absent {
        return Ok(Some(true));
    }
    let Some(leaving) = turn.swap(link, Link::Leaving)? else { return Ok(None) };
    if is_referred_to(turn, repository)? {
        turn.swap(leaving, Link::Plain)?;
        return Ok(Some(false));
    }
    let breaks = |promises: &mut Promises, _: &Store| promises.hide_blob(repository);
    let is_gone = if turn.slips(Slip::LinksUnconditionally) {
        turn.remove_anyway(link.key(), breaks)?
    } else {
        turn.remove(leaving, breaks)?
    };
    Ok(is_gone.then_some(true))
}

/// Whether any edge of this repository names the blob, also one that a crash left behind.
fn is_referred_to(turn: &mut Turn<'_>, repository: Repository) -> Flow<bool> {
    let setting = turn.setting;
    let edges = setting
        .incarnations
        .iter()
        .filter(|(_, name)| setting.refers_to_blob(*name) && name.repository() == repository);
    let found = turn
        .each(edges.map(|(id, _)| *id), |turn, id| Ok(turn.lists(turn.edge(id))?.then_some(())))?;
    Ok(found.is_some())
}

/// The other way round: out of sight first, and back again if that was wrong.
fn hide_and_look(turn: &mut Turn<'_>, repository: Repository) -> Flow<bool> {
    turn.until(|turn| {
        let blob = turn.blob()?;
        let state = blob.state();
        let Some(extent) = state.extent() else { return Ok(Some(false)) };
        if is_referred_to(turn, repository)? {
            return Ok(Some(false));
        }
        let breaks = |promises: &mut Promises, _: &Store| promises.hide_blob(repository);
        if state.home == Some(repository) {
            let homeless = BlobState { home: None, ..state };
            if turn.swap_breaking(blob, homeless, breaks)?.is_none() {
                return Ok(None);
            }
        }
        let link = turn.link(extent, repository)?;
        if link.state() != Link::Absent && !turn.remove(link, breaks)? {
            return Ok(None);
        }
        if is_referred_to(turn, repository)? {
            turn.create(Key::Link(extent, repository), Link::Plain)?;
            return Ok(Some(false));
        }
        Ok(Some(true))
    })
}
