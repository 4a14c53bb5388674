//! Every order of all steps, breadth first, so that what is found first is the shortest history.

use std::time::{Duration, Instant};

use crate::fingerprint::{Map, fingerprint};
use crate::judge::{Failure, Judge};
use crate::packed::{Queue, pack};
use crate::setting::Setting;
use crate::successors::successors;
use crate::world::World;

/// What an exploration came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// States that were seen; of random walks, steps that were taken.
    pub states: usize,
    /// How it ended.
    pub verdict: Verdict,
    /// How long it took.
    pub elapsed: Duration,
}

/// How an exploration ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Every state that can be reached was seen, and nothing was lost.
    Exhausted,
    /// Nothing was lost in all that was seen.
    Bounded,
    /// Something was lost.
    Violated {
        /// What was lost.
        what: String,
        /// The steps that lead there.
        history: Vec<String>,
        /// What a collector did after them, if it was the collector that failed.
        recovery: Vec<String>,
    },
}

/// Looks at every state that can be reached, up to `states_max` of them.
pub fn explore(setting: &Setting, states_max: usize) -> Outcome {
    let begun = Instant::now();
    let mut explorer = Explorer::new(setting);
    let verdict = explorer.run(states_max);
    Outcome { states: explorer.seen.len(), verdict, elapsed: begun.elapsed() }
}

struct Explorer<'a> {
    setting: &'a Setting,
    /// The fingerprint of each state that was seen, and of the one before it.
    seen: Map,
    queue: Queue,
    packed: Vec<u32>,
    judge: Judge<'a>,
}

impl<'a> Explorer<'a> {
    fn new(setting: &'a Setting) -> Self {
        let (seen, queue, judge) = (Map::default(), Queue::default(), Judge::new(setting));
        Self { setting, seen, queue, packed: Vec::new(), judge }
    }

    fn run(&mut self, states_max: usize) -> Verdict {
        let mut violation = self.meet(&World::new(self.setting), 0);
        while violation.is_none()
            && let Some(world) = self.queue.pop()
        {
            if self.seen.len() >= states_max {
                return Verdict::Bounded;
            }
            let from = self.print(&world);
            successors(self.setting, &world, false, |next, _| {
                if violation.is_none() {
                    violation = self.meet(&next, from);
                }
            });
        }
        let Some((print, Failure { what, story })) = violation else { return Verdict::Exhausted };
        Verdict::Violated { what, history: self.history(print), recovery: story }
    }

    /// Looks at a state, if it was not seen before.
    fn meet(&mut self, world: &World, from: u64) -> Option<(u64, Failure)> {
        let print = self.print(world);
        if self.seen.contains_key(&print) {
            return None;
        }
        self.seen.insert(print, from);
        self.queue.push(&self.packed);
        self.judge.check(world).err().map(|failure| (print, failure))
    }

    fn print(&mut self, world: &World) -> u64 {
        pack(self.setting, world, &mut self.packed);
        fingerprint(&self.packed)
    }

    /// The steps from the start to a state that was seen.
    fn history(&mut self, last: u64) -> Vec<String> {
        let mut path = vec![last];
        while let Some(before) = self.seen.get(&path[path.len() - 1]).filter(|print| **print != 0) {
            path.push(*before);
        }
        path.pop(); // the start
        let mut world = World::new(self.setting);
        let mut history = Vec::with_capacity(path.len());
        for print in path.into_iter().rev() {
            let mut found = None;
            successors(self.setting, &world, true, |next, what| {
                if self.print(&next) == print {
                    found = Some((next, what));
                }
            });
            let Some((next, what)) = found else { break };
            history.push(what);
            world = next;
        }
        history
    }
}
