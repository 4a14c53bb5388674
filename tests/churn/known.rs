//! What all ledgers together say of every image.
//!
//! An image is pushed, deleted, and perhaps pushed again: these are its lives, counted from 1. A
//! life begins only after the one before has ended for sure, so that no request of an earlier one
//! may still take it away.

use std::collections::BTreeMap;
use std::path::Path;

use crate::image::Name;
use crate::ledger::Reader;
use crate::setting::{DELETERS, PUSHERS};

/// How far an image has come, in lives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    /// Somebody began to push it.
    pub(crate) began: u64,
    /// Its push was acknowledged.
    pub(crate) pushed: u64,
    /// Somebody is about to take its tag away.
    pub(crate) untagging: u64,
    /// Somebody is about to delete it.
    pub(crate) deleting: u64,
    /// Its delete was acknowledged.
    pub(crate) deleted: u64,
    /// Whether no request for it was ever left without an answer: none may still come.
    pub(crate) is_certain: bool,
}

impl Fate {
    /// Whether it must be there.
    pub(crate) fn is_there(&self) -> bool {
        self.pushed > self.deleting
    }

    /// Whether it must not be there.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_certain && self.deleted == self.began && self.pushed == self.began
    }

    pub(crate) fn has_tag(&self) -> bool {
        self.is_there() && self.pushed > self.untagging
    }
}

#[derive(Debug)]
pub(crate) struct Known {
    readers: Vec<Reader>,
    pub(crate) fates: BTreeMap<Name, Fate>,
}

impl Known {
    pub(crate) fn new(ledgers: &Path) -> Self {
        let pushers = (0..PUSHERS).map(|id| Reader::new(ledgers, "pusher", id));
        let deleters = (0..DELETERS).map(|id| Reader::new(ledgers, "deleter", id));
        Self { readers: pushers.chain(deleters).collect(), fates: BTreeMap::new() }
    }

    pub(crate) fn refresh(&mut self) {
        for reader in &mut self.readers {
            for line in reader.news() {
                let words: Vec<&str> = line.split(' ').collect();
                let [act, pusher, number, life] = words[..] else { continue };
                let (Ok(pusher), Ok(number), Ok(life)) =
                    (pusher.parse(), number.parse(), life.parse::<u64>())
                else {
                    continue;
                };
                let fate = self.fates.entry(Name { pusher, number });
                let fate = fate.or_insert(Fate { is_certain: true, ..Fate::default() });
                match act {
                    "began" => fate.began = life,
                    "pushed" => fate.pushed = life,
                    "untagging" => fate.untagging = life,
                    "deleting" => fate.deleting = life,
                    "deleted" => fate.deleted = life,
                    "uncertain" => fate.is_certain = false,
                    _ => {}
                }
            }
        }
    }

    pub(crate) fn fate(&self, name: Name) -> Fate {
        self.fates.get(&name).copied().unwrap_or_default()
    }

    pub(crate) fn all_there(&self) -> Vec<Name> {
        let there = self.fates.iter().filter(|(_, fate)| fate.is_there());
        there.map(|(name, _)| *name).collect()
    }
}

/// A line of a ledger.
pub(crate) fn line(act: &str, name: Name, life: u64) -> String {
    format!("{act} {} {} {life}", name.pusher, name.number)
}
