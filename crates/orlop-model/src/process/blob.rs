//! Relying on a blob that is there: HEAD, mounts, and what uploads and pushes share.

use crate::ids::{Extent, Repository};
use crate::key::Key;
use crate::setting::Feature;
use crate::slip::Slip;
use crate::state::{BlobState, Link};
use crate::turn::{Flow, Turn};
use crate::word::Seen;

/// Whether the blob is there, which may then be relied on until its lease ends.
pub(super) fn head(turn: &mut Turn<'_>, repository: Repository) -> Flow<bool> {
    turn.until(|turn| {
        let blob = turn.blob()?;
        if !sees(turn, blob.state(), repository)? {
            return Ok(Some(false)); // what is not seen here is not kept from here
        }
        Ok(rely(turn, blob)?.map(|_| true))
    })
}

pub(super) fn mount(turn: &mut Turn<'_>, from: Repository, to: Repository) -> Flow<bool> {
    let Some(blob) = blob_to_rely_on(turn)? else { return Ok(false) };
    let is_there =
        sees(turn, blob.state(), to)? || turn.call(|turn| sees(turn, blob.state(), from))?;
    if is_there {
        link(turn, blob.state(), to)?;
    }
    Ok(is_there)
}

fn blob_to_rely_on(turn: &mut Turn<'_>) -> Flow<Option<Seen<BlobState>>> {
    turn.until(|turn| {
        let blob = turn.blob()?;
        if blob.state().extent().is_none() {
            return Ok(Some(None));
        }
        Ok(rely(turn, blob)?.map(Some))
    })
}

/// Takes a collector's pending decision back, and renews a lease; `None` if the record changed
/// meanwhile.
pub(super) fn rely(turn: &mut Turn<'_>, blob: Seen<BlobState>) -> Flow<Option<Seen<BlobState>>> {
    let state = blob.state();
    let is_old =
        turn.setting.has(Feature::Leases) && !state.is_young && !turn.slips(Slip::LeaseNotRenewed);
    if state.is_condemned() || is_old {
        return turn.swap(blob, state.rescued());
    }
    Ok(Some(blob))
}

/// The extent of a blob that has one, with a pending decision taken back. No lease is needed: an
/// edge is there already.
pub(super) fn live_extent(turn: &mut Turn<'_>) -> Flow<Option<(Extent, Option<Repository>)>> {
    let blob: Option<Seen<BlobState>> = turn.until(|turn| {
        let blob = turn.blob()?;
        let state = blob.state();
        if state.extent().is_none() {
            return Ok(Some(None));
        }
        if state.is_condemned() && !turn.slips(Slip::WithoutRescue) {
            return Ok(turn.swap(blob, state.rescued())?.map(Some));
        }
        Ok(Some(Some(blob)))
    })?;
    Ok(blob.and_then(|blob| Some((blob.state().extent()?, blob.state().home))))
}

/// Whether a blob is visible here: pushed here first, or linked.
pub(super) fn sees(turn: &mut Turn<'_>, blob: BlobState, repository: Repository) -> Flow<bool> {
    let Some(extent) = blob.extent() else { return Ok(false) };
    if blob.home == Some(repository) {
        return Ok(true);
    }
    Ok(turn.link(extent, repository)?.state() != Link::Absent)
}

/// Whether it is visible and stays so: a link that is about to leave is made plain again.
pub(super) fn sees_for_good(
    turn: &mut Turn<'_>,
    extent: Extent,
    home: Option<Repository>,
    repository: Repository,
) -> Flow<bool> {
    if home == Some(repository) {
        return Ok(true);
    }
    turn.until(|turn| {
        let link = turn.link(extent, repository)?;
        match link.state() {
            Link::Absent => Ok(Some(false)),
            Link::Plain => Ok(Some(true)),
            Link::Leaving => Ok(turn.swap(link, Link::Plain)?.map(|_| true)),
        }
    })
}

/// Makes a blob visible here.
pub(super) fn link(turn: &mut Turn<'_>, blob: BlobState, repository: Repository) -> Flow<()> {
    if let Some(extent) = blob.extent()
        && blob.home != Some(repository)
    {
        turn.create(Key::Link(extent, repository), Link::Plain)?; // or it is there already
    }
    Ok(())
}
