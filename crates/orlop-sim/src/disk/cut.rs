//! What a machine finds after its power was cut.
//!
//! **Names.** What was done to names since their directory was synced came through or did not,
//! each change for itself: a journal (ext4, XFS) keeps the first of them, a log of trees (Btrfs)
//! or a bare disk any. A rename is one change, and comes through wholly or not at all; once the
//! directory that it led into is synced, the old name alone may come back beside the new one.
//!
//! **Contents** are another matter than names: a name may be there whose bytes are not, as with
//! the delayed allocation of ext4 and XFS.

use std::sync::Arc;

use super::SimDisk;
use super::machine::{Machine, Renamed, Renaming, State};
use super::node::{Dir, Ino, Node};
use crate::dice::Dice;
use crate::life::Life;

/// What comes through of all that was not synced.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_enums)] // what can happen
pub enum Unsynced<'d> {
    /// Nothing.
    Lost,
    /// All of it, as if there had been time enough.
    Kept,
    /// Whatever the dice say.
    Chance(&'d Dice),
}

/// How one kind of thing fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Luck {
    None,
    First(usize),
    Some,
    All,
}

impl SimDisk {
    /// The machine as it comes up again after its power was cut: nobody runs, no lock is held, and
    /// of what was not synced there is whatever came through. This one goes on as if nothing had
    /// happened.
    #[must_use]
    pub fn power_cut(&self, unsynced: Unsynced<'_>) -> Self {
        let state = self.machine.state();
        let mut after = State { trouble: state.trouble, ..State::default() };
        let (names, contents) = match unsynced {
            Unsynced::Lost => (Luck::None, Luck::None),
            Unsynced::Kept => (Luck::All, Luck::All),
            Unsynced::Chance(dice) => (Luck::of(dice, state.unsynced.len()), Luck::of(dice, 2)),
        };
        let is_lucky = |luck: Luck, number: usize| match (luck, unsynced) {
            (Luck::Some, Unsynced::Chance(dice)) => dice.one_in(2),
            (Luck::First(count), _) => number < count,
            (Luck::All, _) => true,
            _ => false,
        };
        after.nodes = state
            .nodes
            .iter()
            .map(|node| match (node, unsynced) {
                (Node::Dir(dir), _) => Node::Dir(dir.clone()),
                (Node::File(file), Unsynced::Chance(dice))
                    if file.is_at_risk() && matches!(contents, Luck::First(_) | Luck::Some) =>
                {
                    Node::File(file.torn(dice))
                }
                (Node::File(file), _) => Node::File(file.settled(contents == Luck::All)),
            })
            .collect();
        for (number, Renaming(renamed)) in state.unsynced.iter().enumerate() {
            if is_lucky(names, number) {
                after.keep(renamed);
            }
        }
        for node in &mut after.nodes {
            if let Node::Dir(dir) = node {
                dir.live = dir.durable.clone();
            }
        }
        drop(state);
        Self::on(Arc::new(Machine::new(after)), Arc::new(Life::default()))
    }

    /// A copy of the machine as it is, with all that is not synced, on which nobody runs.
    #[must_use]
    pub fn copied(&self) -> Self {
        let state = self.machine.state();
        let copy = State {
            nodes: state.nodes.clone(),
            unsynced: state.unsynced.clone(),
            trouble: state.trouble,
            ..State::default()
        };
        drop(state);
        Self::on(Arc::new(Machine::new(copy)), Arc::new(Life::default()))
    }
}

impl State {
    fn keep(&mut self, renamed: &[Renamed]) {
        for Renamed { dir, name, ino } in renamed {
            if let Some(Node::Dir(dir)) = self.nodes.get_mut::<Ino>(*dir) {
                Dir::set(&mut dir.durable, name, *ino);
            }
        }
    }
}

impl Luck {
    fn of(dice: &Dice, count: usize) -> Self {
        match dice.throw(5) {
            0 => Self::None,
            1 => Self::All,
            2 => Self::First(dice.throw(count + 1)),
            _ => Self::Some,
        }
    }
}
