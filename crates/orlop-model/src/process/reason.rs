//! Why a collector or an auditor looks at something.

use std::fmt;

use crate::ids::{CandidateId, Extent, Id, Incarnation, ManifestName, Repository, TagLife};
use crate::key::{Key, Marker};
use crate::setting::{Feature, Setting};
use crate::store::{Bytes, Store};
use crate::turn::{Flow, Pause, Turn};
use crate::word::Word;

/// What a collector finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Session(Extent),
    Candidate(CandidateId),
    /// Bytes that are not sealed, without a session.
    Leftover(Extent),
    /// No reason to look at the blob, where a run has that.
    Blob,
    /// A manifest that nothing may keep any more.
    Entry(ManifestName),
}

/// What an auditor finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Find {
    Bytes(Extent),
    Link(Extent, Repository),
    Tag,
    TagEdge(TagLife),
    Edge(Incarnation),
}

impl Reason {
    fn all(setting: &Setting, store: &Store, is_alone: bool) -> Vec<Self> {
        let sessions = extents().filter(|extent| store.is_there(Key::Session(*extent)));
        let candidates = (0..8).map(CandidateId);
        let candidates = candidates.filter(|id| store.is_there(Key::Candidate(*id)));
        let leftovers = extents().filter(|extent| {
            store.bytes(*extent) == Bytes::Part && !store.is_there(Key::Session(*extent))
        });
        let mut all: Vec<Self> = sessions.map(Self::Session).collect();
        all.extend(candidates.map(Self::Candidate));
        all.extend(leftovers.map(Self::Leftover));
        if !is_alone && setting.has(Feature::Unprompted) {
            all.push(Self::Blob);
        }
        let entries = ManifestName::ALL.into_iter();
        let entries = entries.filter(|name| store.is_there(Key::Entry(*name)));
        all.extend(entries.map(Self::Entry));
        all
    }
}

impl Find {
    pub(super) fn all(setting: &Setting, store: &Store) -> Vec<Self> {
        let bytes = extents().filter(|extent| store.bytes(*extent) == Bytes::Whole);
        let mut all: Vec<Self> = bytes.map(Self::Bytes).collect();
        for extent in extents() {
            for repository in [Repository::A, Repository::B] {
                if store.is_there(Key::Link(extent, repository)) {
                    all.push(Self::Link(extent, repository));
                }
            }
        }
        if store.is_there(Key::Tag) {
            all.push(Self::Tag);
        }
        let lives = setting.tag_lives.iter().map(|(life, _)| *life);
        let lives = lives.filter(|life| store.is_marked(Marker::TagEdge(*life)));
        all.extend(lives.map(Self::TagEdge));
        let edges = setting.incarnations.iter().map(|(id, _)| *id);
        let edges = edges.filter(|id| store.is_marked(Marker::Edge(*id)));
        all.extend(edges.map(Self::Edge));
        all
    }
}

fn extents() -> impl Iterator<Item = Extent> {
    (0..4).map(Extent)
}

impl Turn<'_> {
    /// The next thing for a collector, whichever it comes across.
    pub(super) fn next_reason(&mut self) -> Flow<Reason> {
        self.request(|turn| {
            let all = Reason::all(turn.setting, &turn.world.store, turn.is_alone());
            turn.one_of(&all)
        })
    }

    /// The next thing for an auditor.
    pub(super) fn next_find(&mut self) -> Flow<Find> {
        self.request(|turn| {
            let all = Find::all(turn.setting, &turn.world.store);
            turn.one_of(&all)
        })
    }

    fn one_of<T: Copy + fmt::Display>(&mut self, all: &[T]) -> Flow<T> {
        let count = u8::try_from(all.len()).unwrap_or(u8::MAX);
        let choice = self.fate(count);
        let chosen = *all.get(usize::from(choice)).ok_or(Pause::Idle)?;
        self.tell(|| format!("finds {chosen}"));
        Ok(chosen)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(extent) => Key::Session(*extent).fmt(f),
            Self::Candidate(id) => Key::Candidate(*id).fmt(f),
            Self::Leftover(extent) => write!(f, "a part of {extent}"),
            Self::Blob => Key::Blob.fmt(f),
            Self::Entry(name) => Key::Entry(*name).fmt(f),
        }
    }
}

impl fmt::Display for Find {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(extent) => write!(f, "bytes of {extent}"),
            Self::Link(extent, repository) => Key::Link(*extent, *repository).fmt(f),
            Self::Tag => Key::Tag.fmt(f),
            Self::TagEdge(life) => Marker::TagEdge(*life).fmt(f),
            Self::Edge(incarnation) => Marker::Edge(*incarnation).fmt(f),
        }
    }
}

impl Word for Reason {
    fn word(self) -> u32 {
        let (kind, number) = match self {
            Self::Session(extent) => (0, extent.0),
            Self::Candidate(id) => (1, id.0),
            Self::Leftover(extent) => (2, extent.0),
            Self::Blob => (3, 0),
            Self::Entry(name) => (4, name.number()),
        };
        kind << 8 | u32::from(number)
    }

    fn from_word(word: u32) -> Self {
        let number = u8::from_word(word);
        match word >> 8 {
            0 => Self::Session(Extent(number)),
            1 => Self::Candidate(CandidateId(number)),
            2 => Self::Leftover(Extent(number)),
            3 => Self::Blob,
            _ => Self::Entry(ManifestName::of(number)),
        }
    }
}

impl Word for Find {
    fn word(self) -> u32 {
        let (kind, number) = match self {
            Self::Bytes(extent) => (0, extent.0),
            Self::Link(extent, repository) => (1 + u32::from(repository.number()), extent.0),
            Self::Tag => (3, 0),
            Self::TagEdge(life) => (4, life.0),
            Self::Edge(incarnation) => (5, incarnation.0),
        };
        kind << 8 | u32::from(number)
    }

    fn from_word(word: u32) -> Self {
        let number = u8::from_word(word);
        match word >> 8 {
            0 => Self::Bytes(Extent(number)),
            1 => Self::Link(Extent(number), Repository::A),
            2 => Self::Link(Extent(number), Repository::B),
            3 => Self::Tag,
            4 => Self::TagEdge(TagLife(number)),
            _ => Self::Edge(Incarnation(number)),
        }
    }
}
