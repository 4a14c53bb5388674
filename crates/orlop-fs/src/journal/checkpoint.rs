//! Checkpoints: what journals say so far is in its place, and synced there.
//!
//! An *epoch* is what all processes are in at a time; a file that they share says which. A change
//! is made within one: from before its entry is stamped until it is in its place, its process
//! holds the epoch's lock, shared. To make a checkpoint is to begin another epoch, to wait until
//! nobody is in the last one any more, to sync the file system, and then to store, durably, that
//! the last epoch is *over*: no entry of it or of an earlier one counts any more.
//!
//! It must be stored, in one place for all journals: an entry that is written over is not there any
//! more to say that an older one of the same key, in a journal that nobody has written to for
//! hours, is out of date.

use orlop_backend::{Error, ErrorKind, Key, Result};

use super::mending::finish_for_the_dead;
use super::recovery::look;
use super::{Journal, Stamp};
use crate::disk::DiskFile;
use crate::locks::{CHECKPOINT, Lock, SHARDS, epoch_lock, key_shard, open_shared};
use crate::volume::{Volume, failed, found};

/// A change is being made in this epoch, which is not over before this is dropped.
#[derive(Debug)]
pub(crate) struct Epoch<'v> {
    pub(crate) number: u64,
    _lock: Lock<'v>,
}

impl Journal {
    /// Enters the present epoch.
    pub(crate) async fn enter<'v>(&self, volume: &'v Volume) -> Result<Epoch<'v>> {
        loop {
            let number = self.epoch(volume)?;
            let lock = volume.locks()?.share(epoch_lock(number)).await?;
            // It may have ended before it was locked.
            if self.epoch(volume)? == number {
                return Ok(Epoch { number, _lock: lock });
            }
        }
    }

    /// The next stamp of a key, whose lock the caller holds.
    pub(crate) fn stamp(&self, volume: &Volume, key: &Key, epoch: &Epoch<'_>) -> Result<Stamp> {
        let at = key_shard(key) * size_of::<u64>() as u64;
        let numbers = |verb| move |error| failed(verb, &volume.layout.numbers(), error);
        let mut number = [0; size_of::<u64>()];
        self.numbers.read_at(&mut number, at).map_err(numbers("read"))?;
        let number = match u64::from_be_bytes(number) {
            last if last < NUMBER_MAX => last + 1,
            _ => 1, // whatever a power cut has left there, in another epoch
        };
        self.numbers.write_all_at(&number.to_be_bytes(), at).map_err(numbers("write"))?;
        Ok(Stamp { epoch: epoch.number, number })
    }

    /// Makes a checkpoint if this process's journal needs one. To be called by who is in no epoch.
    /// A failure is no failure of what the caller has done.
    pub(crate) fn checkpoint_if_due(&self, volume: &Volume) {
        let Ok(halves) = self.halves.try_lock() else {
            return; // somebody is flushing, and will look
        };
        let (is_due, generation) = (halves.is_checkpoint_due(), halves.generation());
        drop(halves);
        if !is_due {
            return;
        }
        match checkpoint(volume, &*self.epoch) {
            Ok(true) => self.halves().free_other(generation),
            Ok(false) => self.halves().put_off(),
            Err(error) => {
                tracing::warn!(%error, "no checkpoint of the journal");
                self.halves().put_off();
            }
        }
    }

    fn epoch(&self, volume: &Volume) -> Result<u64> {
        read_epoch(volume, &*self.epoch)
    }
}

/// Ends the present epoch; `false` if somebody is in it who does not go on, because he was stopped,
/// if somebody else is at it, or if what the dead have left cannot be finished now.
pub(super) fn checkpoint(volume: &Volume, epoch: &dyn DiskFile) -> Result<bool> {
    let Some(_lock) = volume.try_lock(CHECKPOINT, 1)? else {
        return Ok(false);
    };
    let last = read_epoch(volume, epoch)?;
    // The last checkpoint may have given up on somebody. There are two locks: while he is in the
    // epoch before, no other one may begin.
    if !is_left(volume, last.wrapping_sub(1))? {
        return Ok(false);
    }
    write_epoch(volume, epoch, last + 1)?;
    if !is_left(volume, last)? {
        return Ok(false);
    }
    let Some(dead) = finish_for_the_dead(volume)? else {
        return Ok(false);
    };
    volume.sync_all()?;
    // Who died within the epoch may have freed its lock a moment before that of his journal.
    if look(volume)?.dead != dead {
        return Ok(false);
    }
    store_over(volume, last)?;
    Ok(true)
}

/// Waits until nobody is in an epoch that has ended. Nobody enters it any more.
fn is_left(volume: &Volume, number: u64) -> Result<bool> {
    Ok(volume.try_lock(epoch_lock(number), LEAVE_ATTEMPTS)?.is_some())
}

/// The last epoch that is over: no entry up to it counts.
pub(super) fn read_over(volume: &Volume) -> Result<u64> {
    let path = volume.layout.epochs_over();
    let read = |error| failed("read", &path, error);
    let Some(file) = found(volume.disk.open_read(&path)).map_err(read)? else {
        return Ok(0);
    };
    let mut text = [0; NUMBER_DIGITS_MAX];
    let len = file.read_at(&mut text, 0).map_err(read)?;
    str::from_utf8(&text[..len]).ok().and_then(|text| text.trim_end().parse().ok()).ok_or_else(
        || {
            let found = String::from_utf8_lossy(&text[..len]).into_owned();
            let message = format!("{} should be a number, found {found:?}", path.display());
            Error::new(ErrorKind::Corrupt, message)
        },
    )
}

pub(super) fn store_over(volume: &Volume, epoch: u64) -> Result<()> {
    volume.replace(&volume.layout.epochs_over(), format!("{epoch}\n").as_bytes())
}

pub(super) fn read_epoch(volume: &Volume, file: &dyn DiskFile) -> Result<u64> {
    let mut number = [0; 8];
    let read = file.read_at(&mut number, 0);
    read.map_err(|error| failed("read", &volume.layout.epoch(), error))?;
    Ok(u64::from_be_bytes(number))
}

/// Not synced: after a power cut nobody is in any epoch, and whoever comes first begins another.
pub(super) fn write_epoch(volume: &Volume, file: &dyn DiskFile, number: u64) -> Result<()> {
    let written = file.write_all_at(&number.to_be_bytes(), 0);
    written.map_err(|error| failed("write", &volume.layout.epoch(), error))
}

/// The numbers of all keys, laid out, so that a full disk takes each of them.
pub(super) fn open_numbers(volume: &Volume) -> Result<Box<dyn DiskFile>> {
    let path = volume.layout.numbers();
    let open = |error| failed("open", &path, error);
    let file = open_shared(&*volume.disk, &path).map_err(open)?;
    let whole = SHARDS * size_of::<u64>() as u64;
    if file.metadata().map_err(open)?.len < whole {
        let zeros = vec![0; usize::try_from(whole).unwrap_or_default()];
        file.write_all_at(&zeros, 0).map_err(|error| failed("write", &path, error))?;
    }
    Ok(file)
}

/// Changes within an epoch are fewer.
const NUMBER_MAX: u64 = 1 << 48;

const NUMBER_DIGITS_MAX: usize = 24;

/// A change takes as long as a flush.
const LEAVE_ATTEMPTS: u32 = 20;
