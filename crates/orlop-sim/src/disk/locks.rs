//! Who holds which lock.

use std::collections::BTreeMap;
use std::io;

use orlop_fs::disk::{DiskLocks, LockMode};

use super::node::Ino;
use super::{SimDisk, dead};

/// An opening of a file. A lock belongs to it, and ends with it or with its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Handle {
    pub(super) process: u64,
    pub(super) number: u64,
}

/// What is locked: a file, or what has a number in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    File(Ino),
    Number(Ino, u64),
}

/// All locks of a machine.
#[derive(Debug, Default)]
pub(super) struct Locks {
    holders: BTreeMap<Place, BTreeMap<Handle, LockMode>>,
}

impl Locks {
    /// Whether `handle` holds it now: at once or not at all. Asking again changes the mode.
    pub(super) fn try_lock(&mut self, place: Place, handle: Handle, mode: LockMode) -> bool {
        let holders = self.holders.entry(place).or_default();
        let is_free = holders.iter().all(|(other, held)| {
            *other == handle || (mode, *held) == (LockMode::Shared, LockMode::Shared)
        });
        if is_free {
            holders.insert(handle, mode);
        }
        is_free
    }

    pub(super) fn release(&mut self, place: Place, handle: Handle) {
        if let Some(holders) = self.holders.get_mut(&place) {
            holders.remove(&handle);
        }
    }

    /// When what was opened is closed.
    pub(super) fn close(&mut self, handle: Handle) {
        for holders in self.holders.values_mut() {
            holders.remove(&handle);
        }
    }

    pub(super) fn release_all(&mut self, process: u64) {
        for holders in self.holders.values_mut() {
            holders.retain(|handle, _| handle.process != process);
        }
    }
}

/// The locks of a directory, as one process has opened them.
#[derive(Debug)]
pub(super) struct SimLocks {
    pub(super) disk: SimDisk,
    pub(super) dir: Ino,
    pub(super) handle: Handle,
}

impl DiskLocks for SimLocks {
    fn try_lock(&self, number: u64, mode: LockMode) -> io::Result<bool> {
        let mut state = self.disk.running()?;
        Ok(state.locks.try_lock(Place::Number(self.dir, number), self.handle, mode))
    }

    fn lock(&self, number: u64, mode: LockMode) -> io::Result<()> {
        let mut state = self.disk.running()?;
        while !state.locks.try_lock(Place::Number(self.dir, number), self.handle, mode) {
            state = self.disk.machine.wait(state);
            if self.disk.life.is_over() {
                return Err(dead());
            }
        }
        Ok(())
    }

    fn unlock(&self, number: u64) -> io::Result<()> {
        if !self.disk.is_stopped() {
            let place = Place::Number(self.dir, number);
            self.disk.machine.state().locks.release(place, self.handle);
            self.disk.machine.unlocked.notify_all();
        }
        Ok(())
    }
}

impl Drop for SimLocks {
    fn drop(&mut self) {
        if !self.disk.is_stopped() {
            self.disk.machine.state().locks.close(self.handle);
            self.disk.machine.unlocked.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_or_several_who_share() {
        let mut locks = Locks::default();
        let [one, two, three] = [1, 2, 3].map(|process| Handle { process, number: process });
        assert!(locks.try_lock(Place::File(7), one, LockMode::Shared));
        assert!(locks.try_lock(Place::File(7), two, LockMode::Shared));
        assert!(!locks.try_lock(Place::File(7), three, LockMode::Exclusive));
        assert!(locks.try_lock(Place::Number(7, 0), three, LockMode::Exclusive));
        locks.release(Place::File(7), one);
        locks.release_all(2);
        assert!(locks.try_lock(Place::File(7), three, LockMode::Exclusive));
        assert!(!locks.try_lock(Place::File(7), one, LockMode::Shared));
    }
}
