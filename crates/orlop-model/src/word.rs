//! How everything is written down: in words of 32 bits.
//!
//! ```text
//! 31     a call that has not ended (memory only)
//! 30     fresh: the record still has the version that was read (memory only)
//! 25-29  the record that was read; 0 for any other answer (memory only)
//! 0-24   the value
//! ```
//!
//! There are no numbers for versions: a snapshot either is of the present version or it is not,
//! and whoever changes a record makes all snapshots of it stale.

use std::fmt;
use std::marker::PhantomData;

use crate::key::Key;
use crate::state::State;

/// Something that a process can remember.
pub(crate) trait Word: Copy {
    fn word(self) -> u32;
    fn from_word(word: u32) -> Self;
}

pub(crate) const OPEN: u32 = 1 << 31;
pub(crate) const FRESH: u32 = 1 << 30;
const KEY_SHIFT: u32 = 25;
pub(crate) const VALUE: u32 = (1 << KEY_SHIFT) - 1;
const NONE: u32 = VALUE;
const UNKNOWN: u32 = VALUE - 1;

/// The number of the record that a word is a snapshot of; 0 if it is none.
pub(crate) fn key_number(word: u32) -> u32 {
    (word & !(OPEN | FRESH)) >> KEY_SHIFT
}

/// A record as it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<T> {
    word: u32,
    of: PhantomData<T>,
}

impl<T: State> Seen<T> {
    pub(crate) fn new(key: Key, value: u32) -> Self {
        Self { word: FRESH | u32::from(key.number()) << KEY_SHIFT | value, of: PhantomData }
    }

    pub(crate) fn state(self) -> T {
        T::unpack(self.value())
    }

    pub(crate) fn value(self) -> u32 {
        self.word & VALUE
    }

    pub(crate) fn is_absent(self) -> bool {
        self.value() == 0
    }

    pub(crate) fn is_fresh(self) -> bool {
        self.word & FRESH != 0
    }

    pub(crate) fn key(self) -> Key {
        Key::of(key_number(self.word))
    }
}

impl<T: State> fmt::Display for Seen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_absent() { f.write_str("absent") } else { self.state().fmt(f) }
    }
}

/// The answer to a swap.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Swap<T> {
    Stored(Seen<T>),
    Conflict,
    /// An error: it is done, or will be done, or not.
    Unknown,
}

impl<T: State> Word for Seen<T> {
    fn word(self) -> u32 {
        self.word
    }

    fn from_word(word: u32) -> Self {
        Self { word, of: PhantomData }
    }
}

impl<T: State> Word for Swap<T> {
    fn word(self) -> u32 {
        match self {
            Self::Stored(seen) => seen.word,
            Self::Conflict => NONE,
            Self::Unknown => UNKNOWN,
        }
    }

    fn from_word(word: u32) -> Self {
        match word {
            NONE => Self::Conflict,
            UNKNOWN => Self::Unknown,
            word => Self::Stored(Seen::from_word(word)),
        }
    }
}

impl<W: Word> Word for Option<W> {
    fn word(self) -> u32 {
        self.map_or(NONE, Word::word)
    }

    fn from_word(word: u32) -> Self {
        (word != NONE).then(|| W::from_word(word))
    }
}

impl Word for () {
    fn word(self) -> u32 {
        0
    }

    fn from_word(_: u32) -> Self {}
}

impl Word for bool {
    fn word(self) -> u32 {
        u32::from(self)
    }

    fn from_word(word: u32) -> Self {
        word != 0
    }
}

impl Word for u8 {
    fn word(self) -> u32 {
        u32::from(self)
    }

    fn from_word(word: u32) -> Self {
        (word & 0xff) as u8
    }
}

/// Puts small numbers beside each other, the first one lowest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packer {
    bits: u32,
    at: u32,
}

impl Packer {
    /// Begins with a bit that tells a record that is there from one that is not.
    pub(crate) fn new() -> Self {
        Self { bits: 1, at: 1 }
    }

    pub(crate) fn put(self, width: u32, number: u8) -> Self {
        debug_assert!(u32::from(number) < 1 << width, "{number} has more than {width} bits");
        Self { bits: self.bits | u32::from(number) << self.at, at: self.at + width }
    }

    pub(crate) fn end(self) -> u32 {
        debug_assert!(self.at <= KEY_SHIFT, "{} bits are too many", self.at);
        self.bits
    }
}

/// Takes apart what a [`Packer`] put together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpacker {
    bits: u32,
}

impl Unpacker {
    pub(crate) fn new(value: u32) -> Self {
        Self { bits: value >> 1 }
    }

    pub(crate) fn take(&mut self, width: u32) -> u8 {
        let number = (self.bits & ((1 << width) - 1) & 0xff) as u8;
        self.bits >>= width;
        number
    }
}
