//! The requests that a process can make: those of the backend contract.

use crate::change::{Change, Expected};
use crate::ids::{CandidateId, Extent, ManifestName, Repository};
use crate::key::{Key, Marker};
use crate::promises::Promises;
use crate::setting::Feature;
use crate::state::{BlobState, Candidate, Entry, Link, ManifestState, Session, State, TagState};
use crate::store::{Bytes, Store};
use crate::turn::{Flow, Pause, Turn};
use crate::word::{Seen, Swap};

impl Turn<'_> {
    pub(crate) fn blob(&mut self) -> Flow<Seen<BlobState>> {
        self.get(Key::Blob)
    }

    pub(crate) fn manifest(&mut self, name: ManifestName) -> Flow<Seen<ManifestState>> {
        self.get(Key::Manifest(name))
    }

    pub(crate) fn tag(&mut self) -> Flow<Seen<TagState>> {
        self.get(Key::Tag)
    }

    pub(crate) fn link(&mut self, extent: Extent, repository: Repository) -> Flow<Seen<Link>> {
        self.get(Key::Link(extent, repository))
    }

    pub(crate) fn session(&mut self, extent: Extent) -> Flow<Seen<Session>> {
        self.get(Key::Session(extent))
    }

    pub(crate) fn candidate(&mut self, id: CandidateId) -> Flow<Seen<Candidate>> {
        self.get(Key::Candidate(id))
    }

    pub(crate) fn entry(&mut self, name: ManifestName) -> Flow<Seen<Entry>> {
        self.get(Key::Entry(name))
    }

    fn get<T: State>(&mut self, key: Key) -> Flow<Seen<T>> {
        self.request(|turn| {
            let seen = Seen::<T>::new(key, turn.world.store.value(key));
            turn.tell(|| format!("reads {key}: {seen}"));
            turn.note_lease(key);
            Ok(seen)
        })
    }

    /// Stores `state` if the record is still the one that was seen; `None` if it is not.
    pub(crate) fn swap<T: State>(&mut self, seen: Seen<T>, state: T) -> Flow<Option<Seen<T>>> {
        self.swap_breaking(seen, state, |_, _| {})
    }

    /// The same, with what is no longer promised when it is done.
    pub(crate) fn swap_breaking<T: State>(
        &mut self,
        seen: Seen<T>,
        state: T,
        breaks: impl FnOnce(&mut Promises, &Store),
    ) -> Flow<Option<Seen<T>>> {
        match self.try_swap(seen, state, breaks)? {
            Swap::Stored(seen) => Ok(Some(seen)),
            Swap::Conflict => Ok(None),
            Swap::Unknown => Err(Pause::Failed), // the caller hears of it, and that is all
        }
    }

    /// The same for those who go on after an error.
    pub(crate) fn try_swap<T: State>(
        &mut self,
        seen: Seen<T>,
        state: T,
        breaks: impl FnOnce(&mut Promises, &Store),
    ) -> Flow<Swap<T>> {
        let key = seen.key();
        let expected = Expected::of(seen);
        self.request(|turn| {
            let value = turn.as_written(key, state.pack());
            let change = turn.change(key, expected, value, breaks);
            turn.tell(|| format!("swaps {key} to {state}{change}"));
            turn.note_lease(key);
            Ok(match change {
                Change::Made => Swap::Stored(Seen::new(key, value)),
                Change::Conflict => Swap::Conflict,
                Change::Unknown => Swap::Unknown,
            })
        })
    }

    /// Stores a record where there is none, without looking; `None` if there is one.
    pub(crate) fn create<T: State>(&mut self, key: Key, state: T) -> Flow<Option<Seen<T>>> {
        self.request(|turn| {
            let value = turn.as_written(key, state.pack());
            let change = turn.change(key, Expected::Absent, value, |_, _| {});
            turn.tell(|| format!("creates {key}: {state}{change}"));
            match change {
                Change::Made => Ok(Some(Seen::new(key, value))),
                Change::Conflict => Ok(None),
                Change::Unknown => Err(Pause::Failed),
            }
        })
    }

    /// Removes a record if it is still the one that was seen.
    pub(crate) fn remove<T: State>(
        &mut self,
        seen: Seen<T>,
        breaks: impl FnOnce(&mut Promises, &Store),
    ) -> Flow<bool> {
        self.remove_if(seen.key(), Expected::of(seen), breaks)
    }

    /// Removes a record, whatever it is by now.
    pub(crate) fn remove_anyway(
        &mut self,
        key: Key,
        breaks: impl FnOnce(&mut Promises, &Store),
    ) -> Flow<bool> {
        self.remove_if(key, Expected::Anything, breaks)
    }

    fn remove_if(
        &mut self,
        key: Key,
        expected: Expected,
        breaks: impl FnOnce(&mut Promises, &Store),
    ) -> Flow<bool> {
        self.request(|turn| {
            let change = turn.change(key, expected, 0, breaks);
            turn.tell(|| format!("removes {key}{change}"));
            match change {
                Change::Made => Ok(true),
                Change::Conflict => Ok(false),
                Change::Unknown => Err(Pause::Failed),
            }
        })
    }

    /// Deletes a record whose key is never used again, whatever it holds.
    pub(crate) fn clear(&mut self, key: Key) -> Flow<()> {
        self.request(|turn| {
            turn.world.change(key, 0);
            turn.tell(|| format!("clears {key}"));
            Ok(())
        })
    }

    pub(crate) fn mark(&mut self, marker: Marker) -> Flow<()> {
        self.request(|turn| {
            turn.world.store.mark(marker);
            turn.tell(|| format!("marks {marker}"));
            Ok(())
        })
    }

    pub(crate) fn unmark(&mut self, marker: Marker) -> Flow<()> {
        self.request(|turn| {
            turn.world.store.clear(marker);
            turn.tell(|| format!("clears {marker}"));
            Ok(())
        })
    }

    /// One step of a list: whether this marker is there.
    pub(crate) fn lists(&mut self, marker: Marker) -> Flow<bool> {
        self.request(|turn| {
            let is_there = turn.world.store.is_marked(marker);
            turn.tell(|| format!("lists {marker}: {}", if is_there { "there" } else { "absent" }));
            Ok(is_there)
        })
    }

    /// Writes bytes of an extent.
    pub(crate) fn write(&mut self, extent: Extent) -> Flow<()> {
        let extent = self.setting.place(extent);
        self.request(|turn| {
            if turn.world.store.bytes(extent) == Bytes::Absent {
                turn.world.store.set_bytes(extent, Bytes::Part);
            }
            turn.tell(|| format!("writes bytes of {extent}"));
            Ok(())
        })
    }

    /// Ends an extent; `false` if it was given up meanwhile and the store knows.
    pub(crate) fn seal(&mut self, extent: Extent) -> Flow<bool> {
        let extent = self.setting.place(extent);
        self.request(|turn| {
            let is_there = turn.world.store.bytes(extent) != Bytes::Absent;
            let is_sealed = is_there || turn.setting.has(Feature::LateSeals);
            if is_sealed {
                turn.world.store.set_bytes(extent, Bytes::Whole);
            }
            turn.tell(|| format!("seals {extent}{}", if is_sealed { "" } else { ": given up" }));
            Ok(is_sealed)
        })
    }

    /// Gives up what is not sealed of an extent.
    pub(crate) fn abandon(&mut self, extent: Extent) -> Flow<()> {
        let extent = self.setting.place(extent);
        self.request(|turn| {
            if turn.world.store.bytes(extent) == Bytes::Part {
                turn.world.store.set_bytes(extent, Bytes::Absent);
            }
            turn.tell(|| format!("abandons {extent}"));
            Ok(())
        })
    }

    /// Deletes a sealed extent.
    pub(crate) fn delete(&mut self, extent: Extent) -> Flow<()> {
        let extent = self.setting.place(extent);
        self.request(|turn| {
            if turn.world.store.bytes(extent) == Bytes::Whole {
                turn.world.store.set_bytes(extent, Bytes::Absent);
            }
            turn.tell(|| format!("deletes {extent}"));
            Ok(())
        })
    }

    /// Looks for the bytes of an extent.
    pub(crate) fn bytes(&mut self, extent: Extent) -> Flow<Bytes> {
        self.request(|turn| {
            let bytes = turn.world.store.bytes(extent);
            turn.tell(|| format!("looks for {extent}: {bytes:?}"));
            Ok(bytes)
        })
    }
}
