//! Simulated time: what happens next, and to whom.
//!
//! Whoever calls the store, or thinks, waits for a moment that the dice choose. The stage takes
//! these moments one after the other. So between two calls of one process every other one can do
//! anything, and time passes as fast as it can be computed.

mod clock;
mod process;
mod tasks;
mod wait;
mod weather;

pub(crate) use self::clock::StageClock;
pub(crate) use self::process::Process;
pub(crate) use self::tasks::{Task, Tasks};
pub(crate) use self::weather::Fate;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::dice::Dice;
use crate::history::History;
use crate::{Counts, Plan, lock};

/// When something happens: the time in milliseconds, and a number that tells what happens at the
/// same time apart.
type Moment = (u64, u64);

/// What all calls share.
pub(crate) struct Stage {
    pub(crate) plan: Plan,
    pub(crate) dice: Dice,
    pub(crate) history: History,
    queue: Mutex<Queue>,
    counts: Mutex<Counts>,
    /// What must not have happened.
    violation: Mutex<Option<String>>,
    /// Whose turn it is.
    actor: AtomicUsize,
    names: Vec<String>,
    now: AtomicU64,
    /// How far the store's clock goes ahead, in milliseconds.
    store_skew: AtomicI64,
    /// Until when the disk is full.
    full_until: AtomicU64,
    /// Until when the store refuses most calls.
    throttled_until: AtomicU64,
}

#[derive(Default)]
struct Queue {
    events: BTreeMap<Moment, Event>,
    last: Moment,
    number: u64,
    /// How many late requests of each actor are on their way.
    late: Vec<usize>,
}

enum Event {
    /// Somebody's wait is over.
    Wake(Waker),
    /// A request arrives whose caller has been told that it failed.
    Late { actor: usize, request: BoxFuture<'static, ()> },
}

impl Stage {
    pub(crate) fn new(plan: Plan, seed: u64, names: Vec<String>, is_recorded: bool) -> Self {
        let queue = Queue { late: vec![0; names.len() + 1], ..Queue::default() };
        let dice = Dice::new(seed);
        Self {
            plan: Plan { faults: plan.faults.some(&dice), ..plan },
            dice,
            history: History::new(is_recorded),
            queue: Mutex::new(queue),
            counts: Mutex::default(),
            violation: Mutex::default(),
            actor: AtomicUsize::new(names.len()),
            names,
            now: AtomicU64::new(0),
            store_skew: AtomicI64::new(0),
            full_until: AtomicU64::new(0),
            throttled_until: AtomicU64::new(0),
        }
    }

    /// Milliseconds since the beginning.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Whose turn it is.
    pub(crate) fn actor(&self) -> usize {
        self.actor.load(Ordering::Relaxed)
    }

    fn set_actor(&self, actor: usize) {
        self.actor.store(actor, Ordering::Relaxed);
    }

    /// Goes on to what happens next; `false` if nothing ever does.
    pub(crate) fn go_on(&self) -> bool {
        let event = {
            let mut queue = lock(&self.queue);
            let Some((moment, event)) = queue.events.pop_first() else {
                return false;
            };
            queue.last = moment;
            self.now.store(moment.0, Ordering::Relaxed);
            event
        };
        match event {
            Event::Wake(waker) => waker.wake(),
            Event::Late { actor, request } => {
                self.set_actor(actor);
                let arrived = request.now_or_never();
                assert!(arrived.is_some(), "a late request waits for something");
                lock(&self.queue).late[actor] -= 1;
            }
        }
        true
    }

    /// Lets a request arrive later.
    pub(crate) fn send_late(&self, request: BoxFuture<'static, ()>) {
        let actor = self.actor();
        let delay = self.dice.spread(10, LATE_MAX);
        let mut queue = lock(&self.queue);
        queue.late[actor] += 1;
        let moment = queue.moment(self.now() + delay);
        queue.events.insert(moment, Event::Late { actor, request });
    }

    /// How many late requests of an actor are on their way.
    pub(crate) fn late_of(&self, actor: usize) -> usize {
        lock(&self.queue).late[actor]
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut lock(&self.counts));
    }

    pub(crate) fn counts(&self) -> Counts {
        *lock(&self.counts)
    }

    /// Something happened that must not. The first of all counts.
    pub(crate) fn violate(&self, what: String) {
        self.note("", || format!("VIOLATION: {what}"));
        lock(&self.violation).get_or_insert(what);
    }

    pub(crate) fn violation(&self) -> Option<String> {
        lock(&self.violation).clone()
    }

    /// Adds a line to the history.
    pub(crate) fn note(&self, process: &str, what: impl FnOnce() -> String) {
        if self.history.is_kept() {
            let actor = self.names.get(self.actor()).map_or("", String::as_str);
            self.history.line(self.now(), process, actor, &what());
        }
    }
}

impl Queue {
    fn moment(&mut self, at: u64) -> Moment {
        self.number += 1;
        (at, self.number)
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("plan", &self.plan.name).finish_non_exhaustive()
    }
}

/// Two hours: longer than the lease.
const LATE_MAX: u64 = 2 * 3_600_000;
