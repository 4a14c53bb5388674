//! The two files of a journal, of which one is written.

use std::mem;

use orlop_backend::{ErrorKind, Result};

use super::batch;
use crate::disk::DiskFile;
use crate::volume::{Volume, failed};

/// Written by one at a time.
#[derive(Debug)]
pub(super) struct Halves {
    name: String,
    /// The one that is written, and the other one.
    active: Half,
    other: Half,
    /// Grows with each change of halves.
    generation: u64,
    /// Where the next batch begins.
    at: u64,
    /// Whether what the other one says is still needed after a power cut.
    is_other_needed: bool,
    /// Where the next batch begins when a checkpoint that was given up is tried again.
    retry_at: u64,
}

#[derive(Debug)]
struct Half {
    number: usize,
    file: Box<dyn DiskFile>,
    /// As much as is laid out on the disk already, so that a sync need not write where it is.
    len: u64,
}

impl Halves {
    /// Makes the files of a new journal, durably. The first is locked before anybody sees it: its
    /// process is alive.
    pub(super) fn make(volume: &Volume, name: String) -> Result<Self> {
        let [active, other] = [0, 1].map(|number| Half::make(volume, &name, number));
        let (mut active, mut other) = (active?, other?);
        for half in [&mut active, &mut other] {
            match half.lay_out(volume, &name, BYTES_MIN) {
                // Whoever comes to a full disk may want to look, or to make room elsewhere.
                Err(error) if error.kind() == ErrorKind::Full => {}
                laid_out => laid_out?,
            }
        }
        volume.sync_dir(&volume.layout.journals())?;
        Ok(Self { name, active, other, generation: 0, at: 0, is_other_needed: false, retry_at: 0 })
    }

    /// Writes a batch of entries and syncs it.
    pub(super) fn write(&mut self, volume: &Volume, entries: &[u8]) -> Result<()> {
        volume.check_writable()?;
        let len = batch::sealed_len(entries.len()) as u64;
        if self.at + len > self.active.len {
            self.make_room(volume, len)?;
        }
        let path = volume.layout.journal(&self.name, self.active.number);
        let batch = batch::seal(self.generation, self.at, entries);
        let written = self.active.file.write_all_at(&batch, self.at);
        written.map_err(|error| failed("write", &path, error))?;
        self.at += len;
        volume.sync_file(&*self.active.file, &path)
    }

    /// Whether a checkpoint would free the other half.
    pub(super) fn is_checkpoint_due(&self) -> bool {
        self.is_other_needed && self.at >= self.retry_at
    }

    /// To be called after a checkpoint that began when the halves had this generation.
    pub(super) fn free_other(&mut self, generation: u64) {
        self.is_other_needed &= self.generation != generation;
    }

    /// To be called when a checkpoint was given up: not everybody who comes shall try it.
    pub(super) fn put_off(&mut self) {
        self.retry_at = self.at + (self.active.len / 4).max(BYTES_MIN);
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Goes on in the other half, or, if what that one says is still needed, behind the end of
    /// this one: no writer waits for a checkpoint.
    fn make_room(&mut self, volume: &Volume, len: u64) -> Result<()> {
        if self.is_other_needed {
            let more = self.at + len.max(BYTES_MIN);
            return self.active.lay_out(volume, &self.name, more);
        }
        let wanted = (2 * self.at).clamp(BYTES_MIN, BYTES_MAX).max(len);
        if self.other.len < wanted {
            match self.other.lay_out(volume, &self.name, wanted) {
                // On a full disk it must be possible to remove something.
                Err(error) if error.kind() == ErrorKind::Full && self.other.len >= len => {}
                laid_out => laid_out?,
            }
        }
        mem::swap(&mut self.active, &mut self.other);
        self.generation += 1;
        (self.at, self.retry_at) = (0, 0);
        self.is_other_needed = true;
        Ok(())
    }
}

impl Half {
    fn make(volume: &Volume, name: &str, number: usize) -> Result<Self> {
        let path = volume.layout.journal(name, number);
        let make = |error| failed("make", &path, error);
        let tmp = volume.layout.tmp().join(format!("{name}.{number}"));
        let file = volume.disk.create(&tmp).map_err(make)?;
        if number == 0 {
            file.try_lock().map_err(make)?;
        }
        volume.disk.rename(&tmp, &path).map_err(make)?;
        Ok(Self { number, file, len: 0 })
    }

    /// Makes the file longer, by zeros, so that the disk has room for what will be written. The
    /// next sync makes it durable, and those after that need not.
    fn lay_out(&mut self, volume: &Volume, name: &str, len: u64) -> Result<()> {
        let path = volume.layout.journal(name, self.number);
        let zeros = vec![0; usize::try_from(len - self.len).unwrap_or(ZEROS).min(ZEROS)];
        let mut at = self.len;
        while at < len {
            let piece = usize::try_from(len - at).unwrap_or(ZEROS).min(ZEROS);
            let written = self.file.write_all_at(&zeros[..piece], at);
            written.map_err(|error| failed("write", &path, error))?;
            at += piece as u64;
        }
        self.len = len;
        Ok(())
    }
}

/// A store of a few records has a small journal.
const BYTES_MIN: u64 = 16 << 10;

/// As much as a process that writes a lot has before a checkpoint.
const BYTES_MAX: u64 = 32 << 20;

const ZEROS: usize = 1 << 20;
