//! Random histories, for settings that have too many states to see them all.

use std::time::Instant;

use crate::explorer::{Outcome, Verdict};
use crate::judge::{Failure, Judge};
use crate::setting::Setting;
use crate::successors::successors;
use crate::world::World;

/// Follows so many random histories to their ends, and looks at every state on the way.
pub fn walk(setting: &Setting, walks: usize, seed: u64) -> Outcome {
    let begun = Instant::now();
    let mut walker = Walker { setting, judge: Judge::new(setting), dice: Dice(seed | 1), steps: 0 };
    for _ in 0..walks {
        let dice = walker.dice.clone();
        if let Err(Failure { what, story }) = walker.walk(None) {
            let (steps, mut history) = (walker.steps, Vec::new());
            walker.dice = dice; // the same once more, to tell it
            walker.judge = Judge::new(setting);
            let _ = walker.walk(Some(&mut history));
            let verdict = Verdict::Violated { what, history, recovery: story };
            return Outcome { states: steps, verdict, elapsed: begun.elapsed() };
        }
    }
    Outcome { states: walker.steps, verdict: Verdict::Bounded, elapsed: begun.elapsed() }
}

struct Walker<'a> {
    setting: &'a Setting,
    judge: Judge<'a>,
    dice: Dice,
    steps: usize,
}

impl Walker<'_> {
    /// One history, until nobody can do anything any more.
    fn walk(&mut self, mut told: Option<&mut Vec<String>>) -> Result<(), Failure> {
        let mut world = World::new(self.setting);
        // For a while the same place among all possible steps is preferred, which often is the
        // same process: so others sleep for long.
        let (mut preferred, mut patience) = (0, 0);
        loop {
            let mut all = Vec::new();
            successors(self.setting, &world, told.is_some(), |next, what| all.push((next, what)));
            if all.is_empty() {
                return Ok(());
            }
            if patience == 0 {
                (preferred, patience) = (self.dice.roll(64), 1 + self.dice.roll(12));
            }
            patience -= 1;
            let is_preferred = self.dice.roll(16) < 9;
            let place = if is_preferred { preferred } else { self.dice.roll(64) } % all.len();
            let (next, what) = all.swap_remove(place);
            // Errors end processes, and would end most of them early.
            if next.ended() > world.ended() && self.dice.roll(8) != 0 {
                continue;
            }
            if let Some(told) = &mut told {
                told.push(what);
            }
            self.steps += 1;
            world = next;
            self.judge.check(&world)?;
        }
    }
}

/// Numbers that are as good as random, and the same in every run.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 20) % sides).unwrap_or_default()
    }
}
