//! The names in the model: few, small, and fixed before a run begins.

use std::fmt;
use std::marker::PhantomData;

/// A name that is a small number.
pub(crate) trait Id: Copy + Eq {
    fn number(self) -> u8;
    fn of(number: u8) -> Self;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $letter:literal)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) u8);

        impl Id for $name {
            fn number(self) -> u8 {
                self.0
            }

            fn of(number: u8) -> Self {
                Self(number)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $letter, self.0)
            }
        }
    )*};
}

ids! {
    /// Where bytes lie: one of four.
    Extent "x"
    /// One life of a manifest: one of eight, each belonging to one manifest.
    Incarnation "i"
    /// One life of the tag: one of eight, each for one manifest.
    TagLife "t"
    /// The name of a candidate: one of eight.
    CandidateId "q"
}

/// There are two repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repository {
    A,
    B,
}

impl Id for Repository {
    fn number(self) -> u8 {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    fn of(number: u8) -> Self {
        if number == 0 { Self::A } else { Self::B }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::A { "a" } else { "b" })
    }
}

/// There are four manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ManifestName {
    /// An image in repository `a` that refers to the blob.
    One,
    /// Another one in the same repository; in some runs it is about `One`.
    Two,
    /// One in repository `b`.
    Other,
    /// An index in repository `a` that refers to `One`.
    Index,
}

impl ManifestName {
    pub(crate) const ALL: [Self; 4] = [Self::One, Self::Two, Self::Other, Self::Index];

    pub(crate) fn repository(self) -> Repository {
        if self == Self::Other { Repository::B } else { Repository::A }
    }
}

impl Id for ManifestName {
    fn number(self) -> u8 {
        match self {
            Self::One => 0,
            Self::Two => 1,
            Self::Other => 2,
            Self::Index => 3,
        }
    }

    fn of(number: u8) -> Self {
        Self::ALL[usize::from(number)]
    }
}

impl fmt::Display for ManifestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "One",
            Self::Two => "Two",
            Self::Other => "Other",
            Self::Index => "Index",
        })
    }
}

/// A set of at most eight names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set<T> {
    bits: u8,
    of: PhantomData<T>,
}

impl<T: Id> Set<T> {
    pub(crate) const EMPTY: Self = Self { bits: 0, of: PhantomData };

    pub(crate) fn bits(self) -> u8 {
        self.bits
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        Self { bits, of: PhantomData }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.bits == 0
    }

    pub(crate) fn has(self, id: T) -> bool {
        self.bits & (1 << id.number()) != 0
    }

    pub(crate) fn with(self, id: T) -> Self {
        Self::from_bits(self.bits | 1 << id.number())
    }

    pub(crate) fn without(self, id: T) -> Self {
        Self::from_bits(self.bits & !(1 << id.number()))
    }

    /// This one, if it is in the set.
    pub(crate) fn only(self, id: T) -> Self {
        Self::from_bits(self.bits & 1 << id.number())
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = T> {
        (0..8).map(T::of).filter(move |id| self.has(*id))
    }
}

impl<T: Id + fmt::Display> fmt::Display for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.iter().map(|id| id.to_string()).collect();
        write!(f, "[{}]", names.join(" "))
    }
}
