//! Opening a store: what the journals of the dead say is made again, if nobody is alive to whom it
//! would be news.
//!
//! As long as one process is alive that has the store open, the machine has not gone down, and
//! everything that was acknowledged is in its place.

use std::collections::{BTreeMap, BTreeSet};

use orlop_backend::{Error, ErrorKind, Key, Result};

use super::Journal;
use super::batch::{Stamp, batches, entries};
use super::checkpoint::{checkpoint, open_numbers, read_epoch, read_over, store_over, write_epoch};
use super::halves::Halves;
use crate::blocking::Wait;
use crate::disk::DiskFile;
use crate::locks::{CHECKPOINT, RECOVERY, open_shared};
use crate::records::read_whole;
use crate::volume::{Volume, failed, found};

/// The last word on a key.
pub(super) type Last = (Stamp, Option<Vec<u8>>);

impl Journal {
    /// Opens a journal of this process's own. Costs what the journals of the dead hold, which does
    /// not depend on the size of the store.
    pub(crate) fn open(volume: &Volume) -> Result<Self> {
        let path = volume.layout.epoch();
        let epoch = open_shared(&*volume.disk, &path);
        let epoch = epoch.map_err(|error| failed("open", &path, error))?;
        let mut found = look(volume)?;
        // Nobody waits for who is stopped while he opens the store, unless he is recovering it.
        let mut recovering = None;
        if found.living.is_empty() {
            recovering = Some(volume.locks()?.take_blocking(RECOVERY)?);
            found = look(volume)?;
        }
        let Journals { dead, living } = found;
        let is_over = if living.is_empty() {
            recover(volume, &dead, &*epoch)?
        } else {
            dead.is_empty() || checkpoint(volume, &*epoch)?
        };
        if is_over {
            for name in &dead {
                remove(volume, name)?;
            }
        }
        let halves = Halves::make(volume, volume.random_id()?.to_string())?;
        // From here on others see that this process is alive. Who has not seen it, and makes again
        // what those said who have died since, must be done before this one changes anything.
        if recovering.take().is_none() {
            drop(volume.locks()?.take_blocking(RECOVERY)?);
        }
        Ok(Self::new(halves, epoch, open_numbers(volume)?))
    }
}

/// The names of all journals.
#[derive(Debug, Default)]
pub(super) struct Journals {
    pub(super) dead: Vec<String>,
    pub(super) living: Vec<String>,
}

/// Finds all journals, and which of them are those of the dead.
pub(super) fn look(volume: &Volume) -> Result<Journals> {
    let dir = volume.layout.journals();
    let read = |error| failed("read", &dir, error);
    let mut names = BTreeSet::new();
    for entry in volume.disk.read_dir(&dir).map_err(read)? {
        let name = entry.map_err(read)?.name;
        if let Some((name, "0" | "1")) = name.split_once('.') {
            names.insert(name.to_owned());
        }
    }
    let mut journals = Journals::default();
    for name in names {
        let path = volume.layout.journal(&name, 0);
        let lock = |error| failed("lock", &path, error);
        match found(volume.disk.open(&path)).map_err(lock)? {
            // Shared, so that nobody who looks at the same time takes it for a living one's.
            Some(file) if !file.try_lock_shared().map_err(lock)? => journals.living.push(name),
            _ => journals.dead.push(name),
        }
    }
    Ok(journals)
}

/// Makes again what may not have come through, in whatever order it was made; whether the journals
/// have done their duty.
fn recover(volume: &Volume, dead: &[String], epoch: &dyn DiskFile) -> Result<bool> {
    // Somebody may be ending an epoch who opened the store when one was alive who has died since.
    let _checkpoint = volume.locks()?.take_blocking(CHECKPOINT)?;
    let over = read_over(volume)?;
    let (last, newest) = last_words(volume, dead, over)?;
    for (key, (_, content)) in &last {
        volume.make_again(key, content.as_deref())?;
    }
    let mut is_over = true;
    if !last.is_empty() {
        volume.sync_all()?;
        match store_over(volume, newest) {
            // Then the next one makes it again; what comes in this epoch is later.
            Err(error) if error.kind() == ErrorKind::Full => is_over = false,
            stored => stored?,
        }
    }
    // After a power cut it may be any number. One that is too great does no harm.
    let present = Some(read_epoch(volume, epoch)?).filter(|present| *present < EPOCH_MAX);
    write_epoch(volume, epoch, newest.max(present.unwrap_or_default()) + 1)?;
    Ok(is_over)
}

/// The last word on each key that these journals say something of since the epoch that is over, and
/// the newest epoch.
pub(super) fn last_words(
    volume: &Volume,
    journals: &[String],
    over: u64,
) -> Result<(BTreeMap<Key, Last>, u64)> {
    let (mut last, mut newest) = (BTreeMap::new(), over);
    for name in journals {
        for number in [0, 1] {
            let half = read_half(volume, name, number)?;
            for entry in batches(&half).flat_map(entries) {
                let Some(entry) = entry else {
                    let message = format!("journal {name} has an entry that is none");
                    return Err(Error::new(ErrorKind::Corrupt, message));
                };
                newest = newest.max(entry.stamp.epoch);
                if entry.stamp.epoch > over {
                    let key = Key::new(entry.key.split('/'))?;
                    let word: Last = (entry.stamp, entry.content.map(<[u8]>::to_vec));
                    let known: &mut Last = last.entry(key).or_insert_with(|| word.clone());
                    if known.0 < word.0 {
                        *known = word;
                    }
                }
            }
        }
    }
    Ok((last, newest))
}

fn read_half(volume: &Volume, name: &str, number: usize) -> Result<Vec<u8>> {
    let path = volume.layout.journal(name, number);
    let Some((file, metadata)) = volume.open_to_read(&path, Wait::Long)? else {
        return Ok(Vec::new());
    };
    let half = read_whole(&*file, metadata.len, Wait::Long);
    Ok(half.map_err(|error| failed("read", &path, error))?.into())
}

/// Not synced: one that a power cut brings back says nothing that counts.
fn remove(volume: &Volume, name: &str) -> Result<()> {
    for number in [1, 0] {
        let path = volume.layout.journal(name, number);
        found(volume.disk.remove_file(&path)).map_err(|error| failed("delete", &path, error))?;
    }
    Ok(())
}

/// There are fewer epochs.
const EPOCH_MAX: u64 = 1 << 48;
