//! Uploads: from the session to the one attempt to install the extent.

use std::fmt;

use super::blob::{link, rely};
use crate::ids::{Extent, Repository};
use crate::key::Key;
use crate::slip::Slip;
use crate::state::{BlobState, Session};
use crate::turn::{Flow, Pause, Turn};
use crate::word::{Seen, Swap, Word};

/// When the session is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// After the blob's record was read.
    RecordThenSeal,
    /// Before.
    SealThenRecord,
    /// From the beginning: the digest was known.
    SealedFromTheStart,
}

/// What an upload finds where its blob is to be.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// No bytes; this is the record.
    Vacant(Seen<BlobState>),
    /// The blob. It is visible, and the extent that was uploaded beside it is gone.
    Taken,
    /// The upload was given up.
    Lost,
}

pub(super) fn upload(
    turn: &mut Turn<'_>,
    extent: Extent,
    repository: Repository,
    order: Order,
) -> Flow<bool> {
    let place = turn.call(|turn| {
        let Some(record) = write(turn, extent, order)? else { return Ok(Place::Lost) };
        // It was read before the extent was sealed: good enough to expect in a swap, and too old
        // to be relied on.
        match record.state().extent() {
            None => Ok(Place::Vacant(record)),
            Some(_) => take(turn, extent, repository),
        }
    })?;
    match place {
        Place::Vacant(record) => install(turn, extent, repository, record),
        Place::Taken => Ok(true),
        Place::Lost => Ok(false),
    }
}

/// The bytes, the session, and the blob's record as it was read; `None` if it was given up.
fn write(turn: &mut Turn<'_>, extent: Extent, order: Order) -> Flow<Option<Seen<BlobState>>> {
    let stage = match order {
        Order::SealedFromTheStart => Session::Sealed,
        _ => Session::Open,
    };
    let Some(session) = turn.create(Key::Session(extent), stage)? else {
        return Ok(None); // its name is random
    };
    turn.write(extent)?;
    let early = match order {
        Order::SealThenRecord => None,
        _ => Some(turn.blob()?),
    };
    if session.state() == Session::Open
        && !turn.slips(Slip::AbandonsByAge)
        && turn.swap(session, Session::Sealed)?.is_none()
    {
        return Ok(None);
    }
    if !turn.seal(extent)? {
        return Ok(None);
    }
    match early {
        Some(record) => Ok(Some(record)),
        None => Ok(Some(turn.blob()?)),
    }
}

/// The one attempt.
fn install(
    turn: &mut Turn<'_>,
    extent: Extent,
    repository: Repository,
    record: Seen<BlobState>,
) -> Flow<bool> {
    let state = record.state();
    if state.fenced.has(extent) && !turn.slips(Slip::IgnoresOwnFence) {
        // Never tried, and it cannot be any more.
        discard(turn, extent)?;
        return Ok(false);
    }
    match turn.try_swap(record, state.installed(extent, repository), |_, _| {})? {
        Swap::Stored(_) => Ok(true),
        Swap::Conflict => match take(turn, extent, repository)? {
            Place::Taken => Ok(true),
            Place::Vacant(_) | Place::Lost => Ok(false), // a collector's
        },
        Swap::Unknown if turn.slips(Slip::InstallsAgain) => {
            let Place::Vacant(record) = take(turn, extent, repository)? else { return Ok(true) };
            let again = record.state().installed(extent, repository);
            Ok(turn.swap(record, again)?.is_some())
        }
        Swap::Unknown if turn.slips(Slip::DiscardsAfterError) => {
            Ok(matches!(take(turn, extent, repository)?, Place::Taken))
        }
        Swap::Unknown => Err(Pause::Failed),
    }
}

/// An upload that its client gives up.
pub(super) fn cancel(turn: &mut Turn<'_>, extent: Extent) -> Flow<bool> {
    let Some(session) = turn.create(Key::Session(extent), Session::Open)? else { return Ok(false) };
    turn.write(extent)?;
    // First: whoever still writes must not be able to finish after the bytes are gone.
    if turn.swap(session, Session::Aborted)?.is_none() {
        return Ok(false);
    }
    turn.abandon(extent)?;
    turn.clear(Key::Session(extent))?;
    Ok(true)
}

/// Looks at what is there, and takes it if it is a blob.
fn take(turn: &mut Turn<'_>, extent: Extent, repository: Repository) -> Flow<Place> {
    turn.until(|turn| {
        let blob = turn.blob()?;
        match blob.state().extent() {
            None => Ok(Some(Place::Vacant(blob))),
            Some(own) if own == extent => Ok(Some(Place::Taken)),
            Some(_) => Ok(adopt(turn, blob, extent, repository)?.then_some(Place::Taken)),
        }
    })
}

/// Makes the blob that is there visible here, and drops the extent that was uploaded beside it;
/// `false` if the blob changed meanwhile.
fn adopt(
    turn: &mut Turn<'_>,
    blob: Seen<BlobState>,
    extent: Extent,
    repository: Repository,
) -> Flow<bool> {
    let Some(blob) = rely(turn, blob)? else { return Ok(false) };
    link(turn, blob.state(), repository)?;
    discard(turn, extent)?;
    Ok(true)
}

/// Deletes an extent that no record has, and then the session that names it.
fn discard(turn: &mut Turn<'_>, extent: Extent) -> Flow<()> {
    turn.delete(extent)?;
    turn.clear(Key::Session(extent))
}

impl Word for Place {
    fn word(self) -> u32 {
        match self {
            Self::Vacant(record) => record.word(),
            Self::Taken => Swap::<BlobState>::Conflict.word(),
            Self::Lost => Swap::<BlobState>::Unknown.word(),
        }
    }

    fn from_word(word: u32) -> Self {
        match Swap::from_word(word) {
            Swap::Stored(record) => Self::Vacant(record),
            Swap::Conflict => Self::Taken,
            Swap::Unknown => Self::Lost,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RecordThenSeal => "",
            Self::SealThenRecord => " (reads late)",
            Self::SealedFromTheStart => " (sealed at once)",
        })
    }
}
