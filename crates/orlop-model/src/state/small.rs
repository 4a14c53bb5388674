//! The smaller records: the tag, links, upload sessions, candidates.

use std::fmt;

use super::State;
use crate::ids::{Id, Incarnation, ManifestName, TagLife};
use crate::word::{Packer, Unpacker};

/// What the tag is on; an absent record is one without a target. It needs no fences: a tag that
/// is set on an incarnation that is over is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TagState {
    pub(crate) target: Option<TagTarget>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TagTarget {
    pub(crate) name: ManifestName,
    pub(crate) incarnation: Incarnation,
    pub(crate) life: TagLife,
}

/// That an extent is visible in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// It is not.
    Absent,
    Plain,
    /// It is, but somebody is about to take it away. Whoever relies on it makes it plain again.
    Leaving,
}

/// How far an upload has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// There is none (any more).
    Absent,
    Open,
    Sealed,
    Aborted,
}

/// What a collector should look at: an act that is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    /// This incarnation is about to be deleted.
    Delete(ManifestName, Incarnation),
    /// This one is about to begin.
    Push(ManifestName, Incarnation),
    /// This life of the tag, which is on that manifest, is about to end.
    Untag(ManifestName, TagLife),
}

/// That nothing may keep a manifest any more. It is stored again whenever there is a new reason to
/// believe so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry;

impl State for TagState {
    fn pack(self) -> u32 {
        let Some(target) = self.target else { return Packer::new().end() };
        Packer::new()
            .put(1, 1)
            .put(2, target.name.number())
            .put(3, target.incarnation.0)
            .put(3, target.life.0)
            .end()
    }

    fn unpack(value: u32) -> Self {
        let mut bits = Unpacker::new(value);
        let has_target = bits.take(1) != 0;
        let target = TagTarget {
            name: ManifestName::of(bits.take(2)),
            incarnation: Incarnation(bits.take(3)),
            life: TagLife(bits.take(3)),
        };
        Self { target: has_target.then_some(target) }
    }
}

impl State for Link {
    fn pack(self) -> u32 {
        match self {
            Self::Absent => 0,
            Self::Plain => 1,
            Self::Leaving => 3,
        }
    }

    fn unpack(value: u32) -> Self {
        match value {
            0 => Self::Absent,
            1 => Self::Plain,
            _ => Self::Leaving,
        }
    }
}

impl State for Session {
    fn pack(self) -> u32 {
        match self {
            Self::Absent => 0,
            Self::Open => 1,
            Self::Sealed => 3,
            Self::Aborted => 5,
        }
    }

    fn unpack(value: u32) -> Self {
        match value {
            0 => Self::Absent,
            1 => Self::Open,
            3 => Self::Sealed,
            _ => Self::Aborted,
        }
    }
}

impl State for Candidate {
    fn pack(self) -> u32 {
        let (kind, name, life) = match self {
            Self::Delete(name, incarnation) => (0, name, incarnation.0),
            Self::Push(name, incarnation) => (1, name, incarnation.0),
            Self::Untag(name, life) => (2, name, life.0),
        };
        Packer::new().put(2, kind).put(2, name.number()).put(3, life).end()
    }

    fn unpack(value: u32) -> Self {
        let mut bits = Unpacker::new(value);
        let (kind, name, life) = (bits.take(2), ManifestName::of(bits.take(2)), bits.take(3));
        match kind {
            0 => Self::Delete(name, Incarnation(life)),
            1 => Self::Push(name, Incarnation(life)),
            _ => Self::Untag(name, TagLife(life)),
        }
    }
}

impl fmt::Display for TagState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(target) = self.target else { return f.write_str("on nothing") };
        write!(f, "on {} {} as {}", target.name, target.incarnation, target.life)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "absent",
            Self::Plain => "plain",
            Self::Leaving => "leaving",
        })
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "absent",
            Self::Open => "open",
            Self::Sealed => "sealed",
            Self::Aborted => "aborted",
        })
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delete(name, incarnation) => write!(f, "delete {name} {incarnation}"),
            Self::Push(name, incarnation) => write!(f, "push {name} {incarnation}"),
            Self::Untag(name, life) => write!(f, "take {life} from {name}"),
        }
    }
}

impl State for Entry {
    fn pack(self) -> u32 {
        1
    }

    fn unpack(_: u32) -> Self {
        Self
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there")
    }
}
