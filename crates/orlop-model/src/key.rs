//! Where records and markers are.

use std::fmt;

use crate::ids::{CandidateId, Extent, Id, Incarnation, ManifestName, Repository, TagLife};

/// The key of a record. There is one blob and one tag; the tag is in repository `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Blob,
    Manifest(ManifestName),
    Tag,
    Link(Extent, Repository),
    Session(Extent),
    Candidate(CandidateId),
    /// That nothing may keep a manifest any more.
    Entry(ManifestName),
}

impl Key {
    /// One more than the greatest number of a key.
    pub(crate) const COUNT: usize = 31;

    /// A number from 1.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Blob => 1,
            Self::Manifest(name) => 2 + name.number(),
            Self::Tag => 6,
            Self::Link(extent, repository) => 7 + 2 * extent.0 + repository.number(),
            Self::Session(extent) => 15 + extent.0,
            Self::Candidate(id) => 19 + id.0,
            Self::Entry(name) => 27 + name.number(),
        }
    }

    pub(crate) fn of(number: u32) -> Self {
        let number = (number & 0x1f) as u8;
        match number {
            0..2 => Self::Blob,
            2..6 => Self::Manifest(ManifestName::of(number - 2)),
            6 => Self::Tag,
            7..15 => Self::Link(Extent((number - 7) / 2), Repository::of((number - 7) % 2)),
            15..19 => Self::Session(Extent(number - 15)),
            19..27 => Self::Candidate(CandidateId(number - 19)),
            _ => Self::Entry(ManifestName::of(number - 27)),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blob => f.write_str("the blob"),
            Self::Manifest(name) => write!(f, "manifest {name}"),
            Self::Tag => f.write_str("the tag"),
            Self::Link(extent, repository) => write!(f, "link {extent} in {repository}"),
            Self::Session(extent) => write!(f, "session {extent}"),
            Self::Candidate(id) => write!(f, "candidate {id}"),
            Self::Entry(name) => write!(f, "entry {name}"),
        }
    }
}

/// A fact without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// What this incarnation of a manifest refers to: the blob, or the child of an index.
    Edge(Incarnation),
    /// This life of the tag is on a manifest.
    TagEdge(TagLife),
}

impl Marker {
    pub(crate) fn bit(self) -> u16 {
        match self {
            Self::Edge(incarnation) => 1 << incarnation.0,
            Self::TagEdge(life) => 0x100 << life.0,
        }
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edge(incarnation) => write!(f, "edge {incarnation}"),
            Self::TagEdge(life) => write!(f, "edge {life}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_from_numbers() {
        for number in 1..31 {
            assert_eq!(u32::from(Key::of(number).number()), number);
        }
        assert_eq!(usize::from(Key::of(30).number()) + 1, Key::COUNT);
    }
}
