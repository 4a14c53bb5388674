//! How a record is changed, and what can come between a change and its answer.

use std::fmt;

use crate::key::Key;
use crate::promises::Promises;
use crate::setting::Feature;
use crate::slip::Slip;
use crate::state::{BlobState, State};
use crate::store::Store;
use crate::turn::Turn;
use crate::word::Seen;

/// What is asked of a record that is to be changed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    Absent,
    /// That it has this version.
    Version {
        is_fresh: bool,
        value: u32,
    },
    /// Nothing. The contract has no such request; it is for those who would do without versions.
    Anything,
}

impl Expected {
    pub(crate) fn of<T: State>(seen: Seen<T>) -> Self {
        if seen.is_absent() {
            Self::Absent
        } else {
            Self::Version { is_fresh: seen.is_fresh(), value: seen.value() }
        }
    }
}

/// What the caller hears of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Made,
    Conflict,
    /// An error.
    Unknown,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Made => "",
            Self::Conflict => ": conflict",
            Self::Unknown => ": error",
        })
    }
}

/// What really happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Made,
    Refused,
    /// Made, and the caller gets an error.
    AnswerLost,
    /// Made, and the caller is told that there was a conflict.
    Echoed,
    /// The caller gets an error, and it may be made at any time from now on.
    Late,
}

impl Turn<'_> {
    /// Changes a record, if it is as `expected`. Whatever `breaks` takes away from the promises is
    /// no longer promised if the change is made or may still be made.
    pub(crate) fn change(
        &mut self,
        key: Key,
        expected: Expected,
        value: u32,
        breaks: impl FnOnce(&mut Promises, &Store),
    ) -> Change {
        let fits = self.fits(key, expected);
        let fate = self.fate_of_change(expected, fits);
        let expects_absent = matches!(expected, Expected::Absent);
        if fate != Fate::Refused {
            breaks(&mut self.world.promises, &self.world.store);
        }
        match fate {
            Fate::Made | Fate::AnswerLost | Fate::Echoed => self.world.change(key, value),
            Fate::Late => self.world.delay(key, expects_absent, value),
            Fate::Refused => {}
        }
        if fits && expects_absent && self.setting.slips(Slip::CreatesTwice) {
            self.world.delay(key, true, value);
        }
        match fate {
            Fate::Made => Change::Made,
            Fate::Refused | Fate::Echoed => Change::Conflict,
            Fate::AnswerLost | Fate::Late => Change::Unknown,
        }
    }

    fn fits(&self, key: Key, expected: Expected) -> bool {
        let stored = self.world.store.value(key);
        let by_content = self.is_alone() || self.setting.slips(Slip::VersionsFromContent);
        let age = if key == Key::Blob { BlobState::YOUNG } else { 0 };
        match expected {
            Expected::Anything => true,
            Expected::Absent => stored == 0,
            // Nobody else changes anything, so whoever finds the value finds the version.
            Expected::Version { value, .. } if by_content => stored | age == value | age,
            Expected::Version { is_fresh, .. } => is_fresh,
        }
    }

    fn fate_of_change(&mut self, expected: Expected, fits: bool) -> Fate {
        let plain = if fits { Fate::Made } else { Fate::Refused };
        // A record that is there may be gone when a late request to create it arrives.
        let can_be_late = fits || matches!(expected, Expected::Absent);
        let fates = [
            (Fate::AnswerLost, fits && self.setting.has(Feature::LostAnswers)),
            (Fate::Echoed, fits && self.setting.slips(Slip::TellsConflictsThatWereNone)),
            (
                Fate::Late,
                can_be_late && self.setting.has(Feature::LateChanges) && self.world.has_room(),
            ),
        ];
        let possible = fates.iter().filter(|(_, is_possible)| *is_possible);
        let count = possible.clone().fold(1, |count, _| count + 1);
        let choice = usize::from(self.fate(count));
        choice.checked_sub(1).and_then(|n| possible.clone().nth(n)).map_or(plain, |(fate, _)| *fate)
    }

    /// The value as the store has it when it was written just now.
    pub(crate) fn as_written(&self, key: Key, value: u32) -> u32 {
        let has_age = key == Key::Blob && self.setting.has(Feature::Leases) && !self.is_alone();
        if has_age { value | BlobState::YOUNG } else { value }
    }

    /// Whether the lease of a blob that was read so still runs.
    pub(crate) fn has_lease(&self, blob: BlobState) -> bool {
        blob.is_young && !self.is_alone()
    }
}
