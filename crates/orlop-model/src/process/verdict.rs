//! What comes of looking at something.

use crate::ids::{Incarnation, Set};
use crate::word::Word;

/// What comes of looking at a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There is nothing left to do about it.
    Resolved,
    /// Somebody may be about to rely on it. A later run has to look again.
    Later,
}

/// Whether an act that was announced has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// And nothing is left of it.
    Done,
    /// And it is not tidied up.
    DoneAndLeft,
    /// It has not, and now it cannot any more.
    Prevented,
    /// It has not, yet.
    Pending,
}

/// What edges come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edges {
    /// One is of a manifest that lives.
    Valid,
    /// None is, but one may be soon.
    InFlight,
    /// None, and none of those that are marked can become valid any more.
    None,
}

/// What edges came to so far, and which of them never count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) edges: Edges,
    pub(super) dead: Set<Incarnation>,
}

impl Word for Verdict {
    fn word(self) -> u32 {
        u32::from(self == Self::Later)
    }

    fn from_word(word: u32) -> Self {
        if word == 0 { Self::Resolved } else { Self::Later }
    }
}

impl Word for Act {
    fn word(self) -> u32 {
        match self {
            Self::Done => 0,
            Self::Prevented => 1,
            Self::Pending => 2,
            Self::DoneAndLeft => 3,
        }
    }

    fn from_word(word: u32) -> Self {
        match word {
            0 => Self::Done,
            1 => Self::Prevented,
            2 => Self::Pending,
            _ => Self::DoneAndLeft,
        }
    }
}

impl Word for Edges {
    fn word(self) -> u32 {
        match self {
            Self::None => 0,
            Self::InFlight => 1,
            Self::Valid => 2,
        }
    }

    fn from_word(word: u32) -> Self {
        match word {
            0 => Self::None,
            1 => Self::InFlight,
            _ => Self::Valid,
        }
    }
}

impl Word for Found {
    fn word(self) -> u32 {
        self.edges.word() << 8 | u32::from(self.dead.bits())
    }

    fn from_word(word: u32) -> Self {
        let dead = Set::from_bits(u8::from_word(word));
        Self { edges: Edges::from_word(word >> 8), dead }
    }
}
