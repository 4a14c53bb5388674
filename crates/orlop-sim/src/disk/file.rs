//! An open file on a simulated disk.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::MutexGuard;

use orlop_fs::disk::{DiskFile, LockMode, Metadata};

use super::locks::{Handle, Place};
use super::machine::State;
use super::node::Ino;
use super::sync::Outcome;
use super::{SimDisk, broken, dead};
use crate::life::Step;

#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) disk: SimDisk,
    pub(super) ino: Ino,
    pub(super) handle: Handle,
    /// Under which name it was opened.
    pub(super) path: PathBuf,
    pub(super) is_writable: bool,
}

impl SimFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        self.disk.running()
    }

    fn writable(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state()?;
        state.check_writable()?;
        if !self.is_writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        Ok(state)
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state()?;
        let content = &state.file(self.ino)?.live;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
        let len = buffer.len().min(content.len() - from);
        buffer[..len].copy_from_slice(&content[from..from + len]);
        Ok(len)
    }

    fn read_cached_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read_at(buffer, offset)
    }

    fn read_ahead(&self, _range: Range<u64>) {}

    fn to_os(&self) -> io::Result<Option<std::fs::File>> {
        Ok(None)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.writable()?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let parts = usize::from(bytes.len() > 1);
        let (len, result) = match self.disk.step(&mut state, "write", &self.path, parts) {
            Step::Whole => {
                // What is written over needs no room.
                let over = state.file(self.ino)?.live.len().saturating_sub(at).min(bytes.len());
                match state.take_room((bytes.len() - over) as u64) {
                    Ok(()) => (bytes.len(), Ok(())),
                    Err(error) => {
                        let room = state.trouble.room.take().unwrap_or_default();
                        state.trouble.room = Some(0);
                        (over + usize::try_from(room).map_err(io::Error::other)?, Err(error))
                    }
                }
            }
            Step::Part(_) => (bytes.len() / 2, Err(dead())),
            Step::Never => return Err(dead()),
        };
        let now = self.disk.now();
        state.file(self.ino)?.write(at, &bytes[..len], now);
        result
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut state = self.writable()?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.disk.whole(&mut state, "truncate", &self.path)?;
        let now = self.disk.now();
        state.file(self.ino)?.truncate(len, now);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state()?;
        self.disk.sync_step(&mut state, &self.path)?;
        let outcome = state.note_sync(&self.path, self.ino);
        let file = state.file(self.ino)?;
        match outcome {
            Outcome::LeftOut => {}
            Outcome::Done => file.sync(),
            Outcome::Failed => {
                file.fail_sync();
                return Err(broken());
            }
        }
        Ok(())
    }

    fn metadata(&self) -> io::Result<Metadata> {
        let mut state = self.state()?;
        let file = state.file(self.ino)?;
        Ok(Metadata { len: file.live.len() as u64, modified: file.modified })
    }

    fn try_lock(&self) -> io::Result<bool> {
        let mut state = self.state()?;
        Ok(state.locks.try_lock(Place::File(self.ino), self.handle, LockMode::Exclusive))
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        let mut state = self.state()?;
        Ok(state.locks.try_lock(Place::File(self.ino), self.handle, LockMode::Shared))
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if self.disk.is_stopped() {
            return; // it holds what it holds
        }
        self.disk.machine.state().locks.release(Place::File(self.ino), self.handle);
        self.disk.machine.unlocked.notify_all();
    }
}
