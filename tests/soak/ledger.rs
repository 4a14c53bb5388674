//! What was acknowledged, what may have happened, and what went wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

/// All that one worker, or all of them, can swear to.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Acknowledged blobs, each with its repository and digest.
    pub(crate) blobs: Vec<(String, String)>,
    /// Acknowledged tags that nobody else sets, each with its repository and its manifest.
    pub(crate) tags: Vec<(String, String, String)>,
    /// Every attempt to set a tag that others set too.
    pub(crate) moves: Vec<Move>,
    /// Every attempt to count on.
    pub(crate) increments: Vec<Increment>,
    /// How often something happened that only the sum says.
    counts: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

/// A tag set on a manifest, whatever it was on before.
#[derive(Debug)]
pub(crate) struct Move {
    pub(crate) tag: String,
    pub(crate) digest: String,
    pub(crate) began: Instant,
    /// `None` if it was not acknowledged: it may happen at any time.
    pub(crate) ended: Option<Instant>,
}

/// A tag moved from one manifest to the next.
#[derive(Debug)]
pub(crate) struct Increment {
    pub(crate) counter: String,
    pub(crate) digest: String,
    pub(crate) fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Acknowledged,
    Refused,
    Unknown,
}

impl Ledger {
    pub(crate) fn add(&mut self, other: Self) {
        self.blobs.extend(other.blobs);
        self.tags.extend(other.tags);
        self.moves.extend(other.moves);
        self.increments.extend(other.increments);
        self.wrong.extend(other.wrong);
        for (what, times) in other.counts {
            *self.counts.entry(what).or_default() += times;
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(crate) fn counted(&self, what: &str) -> usize {
        self.counts.get(what).copied().unwrap_or_default()
    }

    pub(crate) fn wrong(&mut self, what: String) {
        eprintln!("WRONG: {what}");
        self.wrong.push(what);
    }

    pub(crate) fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong(what());
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.wrong.is_empty()
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, times) in &self.counts {
            writeln!(f, "{times:>8} {what}")?;
        }
        for what in &self.wrong {
            writeln!(f, "WRONG: {what}")?;
        }
        write!(f, "{} things went wrong", self.wrong.len())
    }
}
