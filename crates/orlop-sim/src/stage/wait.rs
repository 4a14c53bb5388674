//! Waiting until it is one's turn.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use super::{Event, Moment, Process, Stage};
use crate::lock;

/// Waits; in a process that sleeps, for as long as that.
#[derive(Debug)]
pub(crate) struct Wait<'s> {
    stage: &'s Stage,
    process: Option<&'s Process>,
    delay: u64,
    until: Option<Moment>,
}

impl Stage {
    /// Thinks for a while, in milliseconds.
    pub(crate) fn think(&self, delay: u64) -> Wait<'_> {
        Wait { stage: self, process: None, delay, until: None }
    }

    /// Waits for an answer of the store.
    pub(crate) fn latency<'s>(&'s self, process: &'s Process) -> Wait<'s> {
        let delay = if self.dice.one_in(self.plan.faults.slow) {
            self.dice.spread(QUICK_MAX, SLOW_MAX)
        } else {
            // Some take as long as a hundred others, so that there is all kinds of overtaking.
            self.dice.spread(1, QUICK_MAX)
        };
        Wait { stage: self, process: Some(process), delay, until: None }
    }
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (stage, now) = (self.stage, self.stage.now());
        let mut queue = lock(&stage.queue);
        let at = match self.until {
            None => now + self.delay,
            Some(until) if queue.last < until => {
                // Asked too early, by somebody who has several things to wait for.
                queue.events.insert(until, Event::Wake(context.waker().clone()));
                return Poll::Pending;
            }
            Some(_) => {
                let sleeps = |process: &Process| process.sleeps_until.load(Ordering::Relaxed);
                let awake = self.process.map_or(0, sleeps);
                if awake <= now {
                    self.until = None;
                    return Poll::Ready(());
                }
                awake
            }
        };
        let moment = queue.moment(at);
        queue.events.insert(moment, Event::Wake(context.waker().clone()));
        self.until = Some(moment);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(until) = self.until {
            lock(&self.stage.queue).events.remove(&until);
        }
    }
}

/// Most calls take less than this, in milliseconds.
const QUICK_MAX: u64 = 500;

/// Twenty seconds.
const SLOW_MAX: u64 = 20_000;
