//! What a scrub found.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use orlop_backend::Key;
use orlop_oci::{Digest, RepositoryName, Tag};
use serde::{Deserialize, Serialize};

use crate::{Findings, Tally};

/// What a scrub found, and what it did about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Scrubbed {
    /// Records and markers that were looked at.
    pub records: u64,
    /// The bytes that they have.
    pub record_bytes: u64,
    /// Blobs whose bytes were read to the end and are what they should be.
    pub blobs: u64,
    /// Bytes of blobs that were read.
    pub bytes: u64,
    /// How much is damaged, by kind; a kind of which there is none is not in it.
    pub tallies: BTreeMap<DamageKind, Tally>,
    /// What is damaged. The first [`Scrubbed::DAMAGE_KEPT_MAX`] are kept.
    pub damage: Findings<Damage>,
    /// What may be damaged, or may have been left by somebody who died.
    pub doubts: Findings<Doubt>,
    /// Keys that are none of this layout.
    pub foreign: u64,
}

/// Something that is not as it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// The record that is damaged, or gone, or whose bytes are.
    #[serde(with = "key")]
    pub key: Key,
    /// What is wrong with it, in words.
    pub reason: String,
    /// Who needs it.
    pub affected: Affected,
    /// What was done about it.
    pub remedy: Option<Remedy>,
}

/// What a scrub does about a damage, if it is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Remedy {
    /// It is out of service, so that it is pushed again.
    Quarantined,
    /// It is as it was.
    Repaired,
}

impl Remedy {
    /// Its name, for reports: one lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Remedy::Quarantined => "quarantined",
            Remedy::Repaired => "repaired",
        }
    }
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DamageKind {
    /// The bytes of a blob have another digest, or there are too few or too many of them.
    Bytes,
    /// The bytes of a blob are gone.
    Gone,
    /// A record or a marker that something else needs is not there.
    Missing,
    /// A blob that an earlier scrub took out of service has not been pushed again.
    Quarantined,
    /// A record or a marker has other bytes than were stored.
    Record,
    /// The medium does not give the bytes. They may be there.
    Unread,
}

impl DamageKind {
    /// Its name, for reports: one lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            DamageKind::Bytes => "bytes",
            DamageKind::Gone => "gone",
            DamageKind::Missing => "missing",
            DamageKind::Quarantined => "quarantined",
            DamageKind::Record => "record",
            DamageKind::Unread => "unread",
        }
    }
}

/// Who needs what is damaged: the first [`Affected::KEPT_MAX`] of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Affected {
    /// Repositories in which something cannot be pulled.
    pub repositories: Findings<RepositoryName>,
    /// Manifests that refer to it, and the indexes that name these, and so on upwards.
    pub manifests: Findings<(RepositoryName, Digest)>,
    /// Tags on these manifests.
    pub tags: Findings<(RepositoryName, Tag)>,
    /// Whether there are so many that not all were counted.
    pub is_partial: bool,
}

/// Something that a loss leaves, and also somebody who dies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Doubt {
    /// The record that may be lost.
    #[serde(with = "key")]
    pub key: Key,
    /// Why, in words.
    pub reason: String,
}

impl Affected {
    /// How many of each kind are kept.
    pub const KEPT_MAX: usize = 20;
}

impl Scrubbed {
    /// How many damages, and how many doubts, are kept.
    pub const DAMAGE_KEPT_MAX: usize = 1000;

    /// Whether all was read and is as it was stored, or is again. A doubt is no damage.
    pub fn is_sound(&self) -> bool {
        self.tallies.values().all(|tally| tally.found == tally.repaired)
    }

    /// How much is damaged, repaired or not.
    pub fn damaged(&self) -> u64 {
        self.tallies.values().map(|tally| tally.found).sum()
    }

    pub(super) fn damage(&mut self, damage: Damage) {
        let tally = self.tallies.entry(damage.kind).or_default();
        tally.found += 1;
        tally.repaired += u64::from(damage.remedy == Some(Remedy::Repaired));
        self.damage.push_up_to(Self::DAMAGE_KEPT_MAX, damage);
    }

    pub(super) fn doubt(&mut self, key: Key, reason: String) {
        self.doubts.push_up_to(Self::DAMAGE_KEPT_MAX, Doubt { key, reason });
    }
}

impl AddAssign for Scrubbed {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.record_bytes += other.record_bytes;
        self.blobs += other.blobs;
        self.bytes += other.bytes;
        for (kind, tally) in other.tallies {
            *self.tallies.entry(kind).or_default() += tally;
        }
        self.damage.add_up_to(Self::DAMAGE_KEPT_MAX, other.damage);
        self.doubts.add_up_to(Self::DAMAGE_KEPT_MAX, other.doubts);
        self.foreign += other.foreign;
    }
}

/// A key as text.
mod key {
    use orlop_backend::Key;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::layout;

    pub(super) fn serialize<S: Serializer>(key: &Key, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(key.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Key, D::Error> {
        let text = String::deserialize(source)?;
        layout::parse(&text).map_err(serde::de::Error::custom)
    }
}
