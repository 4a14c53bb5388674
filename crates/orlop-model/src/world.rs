//! Everything at one moment: the store, requests on their way, processes, promises.

use crate::key::Key;
use crate::promises::Promises;
use crate::setting::Setting;
use crate::store::Store;
use crate::word::{FRESH, OPEN, VALUE, key_number};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) store: Store,
    /// Changes whose callers got an error and that may still be made.
    pub(crate) late: [u32; World::LATE_MAX],
    pub(crate) promises: Promises,
    pub(crate) memories: [Memory; World::PROCESSES_MAX],
}

/// What a process knows: the answers it got and still needs. Where it is follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Memory {
    pub(crate) len: u8,
    pub(crate) words: [u32; WORDS_MAX],
}

impl Memory {
    pub(crate) const EMPTY: Self = Self { len: 0, words: [0; WORDS_MAX] };

    /// That of a process that does nothing any more.
    pub(crate) const ENDED: Self = Self { len: u8::MAX, words: [0; WORDS_MAX] };

    pub(crate) fn has_ended(&self) -> bool {
        self.len == u8::MAX
    }

    pub(crate) fn used(&self) -> &[u32] {
        if self.has_ended() { &[] } else { &self.words[..usize::from(self.len)] }
    }

    /// How many words it has, or 31 if the process has ended.
    pub(crate) fn length(&self) -> u32 {
        if self.has_ended() { ENDED_LENGTH } else { u32::from(self.len) }
    }

    pub(crate) fn of_length(length: u32, mut next: impl FnMut() -> u32) -> Self {
        if length == ENDED_LENGTH {
            return Self::ENDED;
        }
        let mut memory = Self::EMPTY;
        (0..length).for_each(|_| memory.push(next()));
        memory
    }

    pub(crate) fn push(&mut self, word: u32) {
        self.words[usize::from(self.len)] = word;
        self.len += 1;
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        while usize::from(self.len) > len {
            self.len -= 1;
            self.words[usize::from(self.len)] = 0;
        }
    }
}

impl World {
    pub(crate) fn new(setting: &Setting) -> Self {
        assert!(setting.programs.len() <= Self::PROCESSES_MAX, "there are too many processes");
        let mut memories = [Memory::ENDED; Self::PROCESSES_MAX];
        memories[..setting.programs.len()].fill(Memory::EMPTY);
        let store = setting.start.clone();
        Self { store, late: [0; Self::LATE_MAX], promises: Promises::NONE, memories }
    }

    /// The same store after everybody crashed.
    pub(crate) fn crashed(&self) -> Self {
        let mut store = self.store.clone();
        store.end_leases();
        let memories = [Memory::ENDED; Self::PROCESSES_MAX];
        let mut promises = self.promises;
        promises.end_lease();
        Self { store, late: [0; Self::LATE_MAX], promises, memories }
    }

    /// How many processes do nothing any more.
    pub(crate) fn ended(&self) -> usize {
        self.memories.iter().filter(|memory| memory.has_ended()).count()
    }

    /// Changes a record: whoever has read it has a stale snapshot now.
    pub(crate) fn change(&mut self, key: Key, value: u32) {
        self.store.set_value(key, value);
        let number = u32::from(key.number());
        for memory in &mut self.memories {
            for word in &mut memory.words {
                if key_number(*word) == number {
                    *word &= !FRESH;
                }
            }
        }
        for late in &mut self.late {
            // It expects a version that will never be again.
            if key_number(*late) == number && *late & OPEN == 0 {
                *late = 0;
            }
        }
        self.late.sort_unstable();
    }

    /// Whether one more change can be kept for later.
    pub(crate) fn has_room(&self) -> bool {
        self.late.contains(&0)
    }

    /// Keeps a change for later, if there is room for it.
    pub(crate) fn delay(&mut self, key: Key, expects_absent: bool, value: u32) {
        if let Some(place) = self.late.iter_mut().find(|late| **late == 0) {
            let expects = if expects_absent { OPEN } else { FRESH };
            *place = expects | u32::from(key.number()) << VALUE.count_ones() | value;
            self.late.sort_unstable();
        }
    }

    /// Whether a change of this record may still be made.
    pub(crate) fn is_delayed(&self, key: Key) -> bool {
        self.late.iter().any(|late| key_number(*late) == u32::from(key.number()))
    }

    /// Every change that can be made now although its caller has given up, with its key.
    pub(crate) fn late_changes(&self) -> impl Iterator<Item = (usize, Key, u32)> {
        self.late.iter().enumerate().filter(|(_, late)| **late != 0).filter_map(|(place, late)| {
            let key = Key::of(key_number(*late));
            let can_be_made = *late & OPEN == 0 || !self.store.is_there(key);
            can_be_made.then_some((place, key, *late & VALUE))
        })
    }

    pub(crate) fn forget_late(&mut self, place: usize) {
        self.late[place] = 0;
        self.late.sort_unstable();
    }

    /// How many processes there can be.
    pub(crate) const PROCESSES_MAX: usize = 6;

    /// How many changes can be on their way.
    pub(crate) const LATE_MAX: usize = 2;
}

const WORDS_MAX: usize = 16;
const ENDED_LENGTH: u32 = 31;
