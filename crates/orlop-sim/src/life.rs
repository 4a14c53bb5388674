//! The life of a process: every change that it makes outside of itself is counted, and at one of
//! them it may end.
//!
//! A call that only reads leaves nothing behind, so dying before it is the same as dying before
//! the next change: a list of all changes, each with its parts, is a list of all deaths.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures::future::poll_fn;
use futures::task::AtomicWaker;

use crate::dice::Dice;

/// A process, as the places that it writes to see it.
#[derive(Debug, Default)]
pub struct Life {
    state: Mutex<State>,
    /// Who waits for the death.
    waker: AtomicWaker,
    /// Says before each call how long others go first.
    pauses: Option<Arc<Dice>>,
}

#[derive(Debug, Default)]
struct State {
    made: Vec<Change>,
    ends_at: Option<Moment>,
    is_over: bool,
}

/// A change that a process made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // made here, read by tests
pub struct Change {
    /// What it was, for reports.
    pub what: String,
    /// In how many ways it can have happened in part.
    pub parts: usize,
    /// Whether it changes nothing but what a power cut can take away.
    pub is_sync: bool,
}

/// When a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // chosen by tests
pub struct Moment {
    /// At which of its changes, counted from 0.
    pub change: usize,
    /// 0 for before it; otherwise which of the parts of it happens.
    pub part: usize,
}

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It happens.
    Whole,
    /// This part of it happens, counted from 1, and then the process is dead.
    Part(usize),
    /// The process is dead.
    Never,
}

impl Life {
    /// Lets it end at a moment, which is counted from now on.
    pub fn end_at(&self, moment: Moment) {
        let mut state = self.state();
        let change = state.made.len() + moment.change;
        state.ends_at = Some(Moment { change, ..moment });
    }

    /// The same one, letting others go first as the dice say.
    #[must_use]
    pub fn with_pauses(self, dice: Arc<Dice>) -> Self {
        Self { pauses: Some(dice), ..self }
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.state().is_over
    }

    /// Ends it.
    pub fn end(&self) {
        self.state().is_over = true;
        self.waker.wake();
    }

    /// The changes that were made so far.
    pub fn made(&self) -> Vec<Change> {
        self.state().made.clone()
    }

    /// What `work` comes to; `None` if the process dies before, and the work is dropped.
    pub async fn live<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        poll_fn(|context| {
            self.waker.register(context.waker());
            if self.is_over() {
                return Poll::Ready(None);
            }
            let polled = work.as_mut().poll(context).map(Some);
            if self.is_over() { Poll::Ready(None) } else { polled }
        })
        .await
    }

    /// To be awaited before each call: others may go first, and the dead never come back.
    pub(crate) async fn turn(&self) {
        poll_fn(|context| {
            if self.is_over() {
                return Poll::Pending;
            }
            if self.pauses.as_ref().is_some_and(|dice| dice.one_in(2)) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }

    /// The same before a change, which then happens wholly or in part.
    pub(crate) async fn act(&self, what: String, parts: usize) -> Option<usize> {
        self.turn().await;
        match self.change(what, parts, false) {
            Step::Whole => None,
            Step::Part(part) => Some(part),
            Step::Never => self.gone().await,
        }
    }

    /// Where the dead are.
    pub(crate) async fn gone<T>(&self) -> T {
        std::future::pending().await
    }

    pub(crate) fn change(&self, what: String, parts: usize, is_sync: bool) -> Step {
        let mut state = self.state();
        if state.is_over {
            return Step::Never;
        }
        let now = state.made.len();
        state.made.push(Change { what, parts, is_sync });
        let step = match state.ends_at {
            Some(Moment { change, part }) if change == now => match part {
                part if part > 0 && part <= parts => Step::Part(part),
                _ => Step::Never,
            },
            _ => Step::Whole,
        };
        if step != Step::Whole {
            state.is_over = true;
            drop(state);
            self.waker.wake();
        }
        step
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every moment at which a process can die that makes these changes: before each of them, and with
/// each part of each. Without syncs, where nothing that they keep can be lost.
pub fn moments(made: &[Change], with_syncs: bool) -> impl Iterator<Item = Moment> + '_ {
    made.iter()
        .enumerate()
        .filter(move |(_, change)| with_syncs || !change.is_sync)
        .flat_map(|(change, made)| (0..=made.parts).map(move |part| Moment { change, part }))
}

/// How many parts a change of `count` things has: the first of them, or the last, some but not all.
pub(crate) fn parts_of(count: usize) -> usize {
    2 * count.saturating_sub(1)
}

/// The things that a part of a change reaches.
pub(crate) fn part_of<T>(things: &[T], part: usize) -> &[T] {
    if part < things.len() { &things[..part] } else { &things[2 * things.len() - 1 - part..] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_some_of_the_things_and_not_all() {
        let things = [1, 2, 3];
        let parts: Vec<_> = (1..=parts_of(3)).map(|part| part_of(&things, part)).collect();
        assert_eq!(parts, [&[1][..], &[1, 2], &[3], &[2, 3]]);
        assert_eq!((parts_of(0), parts_of(1)), (0, 0));
    }

    #[test]
    fn a_life_ends_at_its_moment_and_stays_over() {
        let life = Life::default();
        life.end_at(Moment { change: 1, part: 1 });
        assert_eq!(life.change("one".into(), 0, false), Step::Whole);
        assert_eq!(life.change("two".into(), 2, false), Step::Part(1));
        assert_eq!(life.change("three".into(), 0, false), Step::Never);
        assert!(life.is_over());
        assert_eq!(moments(&life.made(), true).count(), 4);
    }
}
