//! A machine: its file system, its locks, and what is wrong with its disk.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::mem;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::locks::Locks;
use super::node::{Dir, File, Ino, Node};
use super::sync::{LeftOut, Synced};

/// What all processes of a machine share.
#[derive(Debug)]
pub(super) struct Machine {
    state: Mutex<State>,
    pub(super) unlocked: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) nodes: Vec<Node>,
    /// What was done to names and may be taken back by a power cut, in order.
    pub(super) unsynced: Vec<Renaming>,
    pub(super) locks: Locks,
    pub(super) handles: u64,
    pub(super) processes: u64,
    pub(super) trouble: Trouble,
    /// Every sync that was made, and which of them are left out.
    pub(super) synced: Vec<Synced>,
    pub(super) left_out: LeftOut,
}

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // switched by tests
pub struct Trouble {
    /// How many bytes it still takes; `None` for any number. New names need a byte too.
    pub room: Option<u64>,
    /// It is mounted read-only.
    pub is_read_only: bool,
    /// Syncs fail, and what was to be synced is forgotten.
    pub syncs_fail: bool,
}

/// A change of names that happens in one step: one name that is set or removed, or two of them if
/// a file is renamed.
#[derive(Clone, Debug)]
pub(super) struct Renaming(pub(super) Vec<Renamed>);

/// A name and what it means from now on.
#[derive(Clone, Debug)]
pub(super) struct Renamed {
    pub(super) dir: Ino,
    pub(super) name: String,
    pub(super) ino: Option<Ino>,
}

impl Machine {
    pub(super) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), unlocked: Condvar::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody gave a lock back or died.
    pub(super) fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.unlocked.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A disk with nothing on it but its root.
    pub(super) fn empty() -> Self {
        Self { nodes: vec![Node::Dir(Dir::default())], ..Self::default() }
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Ino> {
        let mut at = ROOT;
        for name in path.iter().skip(1) {
            let name = name.to_str().ok_or(ErrorKind::InvalidInput)?;
            at = *self.dir(at)?.live.get(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    /// The directory of a path, and its last name.
    pub(super) fn place<'p>(&self, path: &'p Path) -> io::Result<(Ino, &'p str)> {
        let dir = self.find(path.parent().ok_or(ErrorKind::InvalidInput)?)?;
        self.dir(dir)?;
        let name = path.file_name().and_then(|name| name.to_str());
        Ok((dir, name.ok_or(ErrorKind::InvalidInput)?))
    }

    pub(super) fn dir(&self, ino: Ino) -> io::Result<&Dir> {
        match &self.nodes[ino] {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn file(&mut self, ino: Ino) -> io::Result<&mut File> {
        match &mut self.nodes[ino] {
            Node::Dir(_) => Err(ErrorKind::IsADirectory.into()),
            Node::File(file) => Ok(file),
        }
    }

    /// Makes a name for something new. Fails if it is taken.
    pub(super) fn add(&mut self, path: &Path, node: Node) -> io::Result<Ino> {
        let (dir, name) = self.place(path)?;
        if self.dir(dir)?.live.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.take_room(1)?;
        let ino = self.nodes.len();
        self.nodes.push(node);
        self.rename(vec![Renamed { dir, name: name.to_owned(), ino: Some(ino) }]);
        Ok(ino)
    }

    /// Changes names, for now only as processes see them.
    pub(super) fn rename(&mut self, renamed: Vec<Renamed>) {
        for Renamed { dir, name, ino } in &renamed {
            if let Node::Dir(dir) = &mut self.nodes[*dir] {
                Dir::set(&mut dir.live, name, *ino);
            }
        }
        self.unsynced.push(Renaming(renamed));
    }

    /// Makes the names of a directory durable. The other name of a file that was renamed out of it
    /// is durable with it: the file is never without a name. One that was renamed into it may keep
    /// its old name besides.
    pub(super) fn sync_names(&mut self, dir: Ino) {
        let mut unsynced = mem::take(&mut self.unsynced);
        for Renaming(renamed) in &mut unsynced {
            let leaves = renamed.iter().any(|half| half.dir == dir && half.ino.is_none());
            let (durable, rest) = renamed.drain(..).partition(|half| leaves || half.dir == dir);
            *renamed = rest;
            self.settle(durable);
        }
        unsynced.retain(|Renaming(renamed)| !renamed.is_empty());
        self.unsynced = unsynced;
    }

    fn settle(&mut self, renamed: Vec<Renamed>) {
        for Renamed { dir, name, ino } in renamed {
            if let Node::Dir(dir) = &mut self.nodes[dir] {
                Dir::set(&mut dir.durable, &name, ino);
            }
        }
    }

    /// Makes durable whatever there is.
    pub(super) fn sync_all(&mut self) {
        for Renaming(renamed) in mem::take(&mut self.unsynced) {
            self.settle(renamed);
        }
        for node in &mut self.nodes {
            if let Node::File(file) = node {
                file.sync();
            }
        }
    }

    pub(super) fn fail_syncs(&mut self) {
        for node in &mut self.nodes {
            if let Node::File(file) = node {
                file.fail_sync();
            }
        }
    }

    /// Whether a power cut could take anything from anybody.
    pub(super) fn is_at_risk(&self) -> bool {
        let is_at_risk = |node: &Node| matches!(node, Node::File(file) if file.is_at_risk());
        !self.unsynced.is_empty() || self.nodes.iter().any(is_at_risk)
    }

    /// Whether a power cut could take a name of this directory, or bring one back.
    pub(super) fn names_at_risk(&self, dir: Ino) -> impl Iterator<Item = &Renamed> {
        let halves = self.unsynced.iter().flat_map(|Renaming(renamed)| renamed);
        halves.filter(move |half| half.dir == dir)
    }

    pub(super) fn check_writable(&self) -> io::Result<()> {
        if self.trouble.is_read_only {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        Ok(())
    }

    /// Takes room for `bytes`. If there is less, nothing is taken.
    pub(super) fn take_room(&mut self, bytes: u64) -> io::Result<()> {
        if let Some(room) = &mut self.trouble.room {
            *room = room.checked_sub(bytes).ok_or(ErrorKind::StorageFull)?;
        }
        Ok(())
    }

    /// Every path that can be reached, with what it is.
    pub(super) fn paths(&self) -> BTreeMap<String, Ino> {
        let mut paths = BTreeMap::new();
        let mut below = vec![(String::new(), ROOT)];
        while let Some((path, ino)) = below.pop() {
            if let Node::Dir(dir) = &self.nodes[ino] {
                below.extend(dir.live.iter().map(|(name, ino)| (format!("{path}/{name}"), *ino)));
            }
            paths.insert(path, ino);
        }
        paths
    }
}

pub(super) const ROOT: Ino = 0;
