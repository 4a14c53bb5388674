//! Which sync it is, so that a test can leave it out.

use std::collections::BTreeSet;
use std::path::Path;

use super::machine::State;
use super::node::{Ino, Node};

/// A sync that a process made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs)] // made here, read by tests
pub struct Synced {
    /// Of what: `tmp/*`, `records/**`, `extents/?`, …
    pub place: String,
    /// What a power cut could have done before: `contents`, `new file`, `new directory`, `removed`,
    /// or `nothing` for all that this sync could know.
    pub risk: String,
}

/// A sync that does not do what it should, by its number since the machine came up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // what tests want
pub enum LeftOut {
    /// None.
    #[default]
    None,
    /// This one says that all is well and does nothing.
    One(usize),
    /// This one fails: what it was for is forgotten, and the next one says that all is well.
    Fails(usize),
}

/// What becomes of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    LeftOut,
    Failed,
}

impl State {
    /// Notes a sync, and says what becomes of it.
    pub(super) fn note_sync(&mut self, path: &Path, ino: Ino) -> Outcome {
        let risk = match &self.nodes[ino] {
            Node::File(file) if file.is_at_risk() => "contents".to_owned(),
            Node::File(_) => "nothing".to_owned(),
            Node::Dir(_) => {
                let risks: BTreeSet<_> = self
                    .names_at_risk(ino)
                    .map(|half| match half.ino.map(|ino| &self.nodes[ino]) {
                        Some(Node::Dir(_)) => "new directory",
                        Some(Node::File(_)) => "new file",
                        None => "removed",
                    })
                    .collect();
                let risks: Vec<_> = risks.into_iter().collect();
                if risks.is_empty() { "nothing".to_owned() } else { risks.join(" and ") }
            }
        };
        self.note(Synced { place: place(path), risk })
    }

    /// The same for a sync of all that there is.
    pub(super) fn note_sync_of_all(&mut self) -> Outcome {
        let risk = if self.is_at_risk() { "something" } else { "nothing" };
        self.note(Synced { place: "everything".to_owned(), risk: risk.to_owned() })
    }

    fn note(&mut self, synced: Synced) -> Outcome {
        let number = self.synced.len();
        self.synced.push(synced);
        match self.left_out {
            LeftOut::One(left_out) if left_out == number => Outcome::LeftOut,
            LeftOut::Fails(fails) if fails == number => Outcome::Failed,
            _ if self.trouble.syncs_fail => Outcome::Failed,
            _ => Outcome::Done,
        }
    }
}

/// The place of a path in a store, without the names that differ from store to store. A store is
/// the directory `store`.
fn place(path: &Path) -> String {
    let names: Vec<_> = path.iter().skip(1).map(|name| name.to_string_lossy()).collect();
    let Some(root) = names.iter().position(|name| name == "store") else {
        return "above the store".to_owned();
    };
    let inside: Vec<&str> = names[root + 1..].iter().map(AsRef::as_ref).collect();
    match inside.as_slice() {
        [] => "store".to_owned(),
        ["records", below @ ..] if below.contains(&".names") => {
            let from = below.iter().position(|name| *name == ".names").unwrap_or_default();
            format!("records/{}", below[from..].join("/"))
        }
        ["records", ..] => "records".to_owned(),
        ["extents"] => "extents".to_owned(),
        ["extents", _] => "extents/xx".to_owned(),
        ["extents", ..] => "extents/xx/part".to_owned(),
        [first, _, ..] => format!("{first}/file"),
        [first] => (*first).to_owned(),
    }
}
