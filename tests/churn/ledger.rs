//! What a process has done, or is about to do: a line each, in a file that outlives it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The ledger of one process.
#[derive(Debug)]
pub(crate) struct Ledger(File);

impl Ledger {
    pub(crate) fn open(ledgers: &Path, role: &str, id: usize) -> Self {
        let file = OpenOptions::new().append(true).create(true).open(place(ledgers, role, id));
        Self(file.expect("a ledger"))
    }

    /// Writes a line in one call, so that a kill leaves all of it or nothing.
    pub(crate) fn say(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).expect("a line in the ledger");
    }

    pub(crate) fn count(&mut self, what: &str) {
        self.say(&format!("count {what}"));
    }

    pub(crate) fn wrong(&mut self, what: &str) {
        eprintln!("WRONG: {what}");
        self.say(&format!("wrong {}", what.replace('\n', " ")));
    }

    pub(crate) fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong(&what());
        }
    }
}

/// Reads a ledger that others go on writing.
#[derive(Debug)]
pub(crate) struct Reader {
    path: PathBuf,
    file: Option<File>,
    half_line: String,
}

impl Reader {
    pub(crate) fn new(ledgers: &Path, role: &str, id: usize) -> Self {
        Self { path: place(ledgers, role, id), file: None, half_line: String::new() }
    }

    /// The lines that came since the last time.
    pub(crate) fn news(&mut self) -> Vec<String> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok(); // it may come later
        }
        if let Some(file) = &mut self.file {
            file.read_to_string(&mut self.half_line).expect("a readable ledger");
        }
        let end = self.half_line.rfind('\n').map_or(0, |end| end + 1);
        let rest = self.half_line.split_off(end);
        let lines = std::mem::replace(&mut self.half_line, rest);
        lines.lines().map(str::to_owned).collect()
    }
}

fn place(ledgers: &Path, role: &str, id: usize) -> PathBuf {
    ledgers.join(format!("{role}-{id}"))
}
