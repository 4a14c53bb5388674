//! What an audit found.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use orlop_backend::Key;
use serde::{Deserialize, Serialize};

use super::Inventory;
use crate::Unreadable;

/// What an audit found, and what it repaired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Audited {
    /// Extents, records and markers that were there at the beginning.
    pub items: u64,
    /// How many of them it has looked at.
    pub looked_at: u64,
    /// What the store holds.
    pub inventory: Inventory,
    /// What can be repaired, by kind; a kind of which there is none is not in it.
    pub faults: BTreeMap<Fault, Tally>,
    /// What cannot be repaired here: push it again.
    pub broken: Findings<Broken>,
    /// Records that could not be read. They stay, and so does what they may refer to.
    pub unreadable: Findings<Unreadable>,
    /// Keys that are none of this layout. They stay.
    pub foreign: Findings<Key>,
    /// References to what need not be there, and is not: the rest of a sparse index, and blobs
    /// where [`References::Unchecked`](crate::References::Unchecked) is the policy.
    pub absent: u64,
    /// Edges of pushes that are under way, or were when they died.
    pub in_flight: u64,
    /// Whether orphans were left because somebody may need them: something cannot be read that may
    /// name them, or a manifest lacks a blob whose bytes they may be.
    pub is_blind: bool,
}

/// Something that is not as it should be and can be repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// An extent that nothing names. Repaired by deleting it.
    Extent,
    /// Something of an upload that is over. Repaired by giving it up.
    Leftover,
    /// A blob to which nothing refers, or what one left behind, and no collection will look at it.
    /// Repaired by collecting it.
    Blob,
    /// A manifest that was deleted, is not tidied up, and no collection will look at it.
    Deleted,
    /// An edge that no manifest stands behind. Repaired by clearing it.
    Edge,
    /// A link to an extent that is gone. Repaired by clearing it.
    Link,
    /// A tag whose manifest is gone. Repaired by removing it.
    Tag,
    /// A reference without its edge, so that a collector would not see it. Repaired by marking it.
    Unmarked,
    /// A blob that is not visible in a repository that refers to it. Repaired by linking it.
    Unlinked,
    /// A repository that has manifests, and does not exist. Repaired by making it.
    Repository,
}

impl Fault {
    /// Its name, for reports: one lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Extent => "extent",
            Fault::Leftover => "leftover",
            Fault::Blob => "blob",
            Fault::Deleted => "deleted",
            Fault::Edge => "edge",
            Fault::Link => "link",
            Fault::Tag => "tag",
            Fault::Unmarked => "unmarked",
            Fault::Unlinked => "unlinked",
            Fault::Repository => "repository",
        }
    }
}

/// How often a fault was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tally {
    /// How many there were.
    pub found: u64,
    /// How many of them are repaired, durably.
    pub repaired: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.found += other.found;
        self.repaired += other.repaired;
    }
}

/// Something that is broken, and cannot be repaired with what is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broken {
    /// The record of the blob or the manifest.
    pub key: Key,
    /// What is wrong with it, and who needs it.
    pub reason: String,
}

/// What was found of a kind. The first of them, [`Findings::KEPT_MAX`] at most, are kept, the
/// others are counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Findings<T> {
    /// The first of them.
    pub kept: Vec<T>,
    /// How many there were in all.
    pub count: u64,
}

impl<T> Findings<T> {
    /// How many are kept.
    pub const KEPT_MAX: usize = 10_000;

    pub(crate) fn push(&mut self, finding: T) {
        self.push_up_to(Self::KEPT_MAX, finding);
    }

    /// The same where fewer are kept.
    pub(crate) fn push_up_to(&mut self, kept_max: usize, finding: T) {
        self.count += 1;
        if self.kept.len() < kept_max {
            self.kept.push(finding);
        }
    }

    pub(crate) fn add_up_to(&mut self, kept_max: usize, other: Self) {
        self.count += other.count;
        let room = kept_max.saturating_sub(self.kept.len());
        self.kept.extend(other.kept.into_iter().take(room));
    }
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), count: 0 }
    }
}

impl<T> AddAssign for Findings<T> {
    fn add_assign(&mut self, other: Self) {
        self.add_up_to(Self::KEPT_MAX, other);
    }
}

impl Audited {
    /// Whether the store is as it should be: all that was found is repaired, nothing is broken,
    /// and everything could be read.
    pub fn is_sound(&self) -> bool {
        let is_repaired = self.faults.values().all(|tally| tally.found == tally.repaired);
        is_repaired && self.broken.count == 0 && self.unreadable.count == 0
    }

    pub(super) fn fault(&mut self, fault: Fault, is_repaired: bool) {
        let tally = self.faults.entry(fault).or_default();
        tally.found += 1;
        tally.repaired += u64::from(is_repaired);
    }
}

impl AddAssign for Audited {
    fn add_assign(&mut self, other: Self) {
        self.items += other.items;
        self.looked_at += other.looked_at;
        self.inventory += other.inventory;
        for (fault, tally) in other.faults {
            *self.faults.entry(fault).or_default() += tally;
        }
        self.broken += other.broken;
        self.unreadable += other.unreadable;
        self.foreign += other.foreign;
        self.absent += other.absent;
        self.in_flight += other.in_flight;
        self.is_blind |= other.is_blind;
    }
}
