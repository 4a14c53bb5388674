//! `flock`: who holds which file.

use std::collections::BTreeMap;

use orlop_fs::disk::LockMode;

use super::node::Ino;

/// An opening of a file. A lock belongs to it, and ends with it or with its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Handle {
    pub(super) process: u64,
    pub(super) number: u64,
}

/// All locks of a machine.
#[derive(Debug, Default)]
pub(super) struct Locks {
    holders: BTreeMap<Ino, BTreeMap<Handle, LockMode>>,
}

impl Locks {
    /// Whether `handle` holds the file now: at once or not at all. Asking again changes the mode.
    pub(super) fn try_lock(&mut self, file: Ino, handle: Handle, mode: LockMode) -> bool {
        let holders = self.holders.entry(file).or_default();
        let is_free = holders.iter().all(|(other, held)| {
            *other == handle || (mode, *held) == (LockMode::Shared, LockMode::Shared)
        });
        if is_free {
            holders.insert(handle, mode);
        }
        is_free
    }

    pub(super) fn release(&mut self, file: Ino, handle: Handle) {
        if let Some(holders) = self.holders.get_mut(&file) {
            holders.remove(&handle);
        }
    }

    pub(super) fn release_all(&mut self, process: u64) {
        for holders in self.holders.values_mut() {
            holders.retain(|handle, _| handle.process != process);
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
        assert!(locks.try_lock(7, one, LockMode::Shared));
        assert!(locks.try_lock(7, two, LockMode::Shared));
        assert!(!locks.try_lock(7, three, LockMode::Exclusive));
        assert!(locks.try_lock(8, three, LockMode::Exclusive));
        locks.release(7, one);
        locks.release_all(2);
        assert!(locks.try_lock(7, three, LockMode::Exclusive));
        assert!(!locks.try_lock(7, one, LockMode::Shared));
    }
}
