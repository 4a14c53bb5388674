//! Many schedules, on several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::{Counts, Plan, Schedule, lock};

/// Seeds to run each of several plans with.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // made by hand
pub struct Many {
    /// The plans.
    pub plans: Vec<Plan>,
    /// The first seed.
    pub from: u64,
    /// How many seeds; none for as many as there is time for.
    pub seeds: Option<u64>,
    /// For how long; none for as long as it takes.
    pub time: Option<Duration>,
    /// How many at the same time.
    pub threads: usize,
}

/// A schedule in which something happened that must not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Its plan.
    pub plan: Plan,
    /// Its seed.
    pub seed: u64,
    /// What happened.
    pub violation: String,
}

/// What came of a plan.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ran {
    /// The plan.
    pub plan: Plan,
    /// What happened in all of its schedules.
    pub counts: Counts,
    /// How long they took, all threads together.
    pub time: Duration,
}

impl Many {
    /// Runs them, one plan after the other with each seed, until all are run or one has failed.
    /// `watch` is called now and then with what has happened so far.
    ///
    /// # Errors
    ///
    /// The first schedule that failed.
    pub fn run(&self, watch: impl Fn(&Counts) + Sync) -> Result<Vec<Ran>, Box<Failure>> {
        let begun = Instant::now();
        let next = AtomicU64::new(0);
        let is_over = AtomicBool::new(false);
        let failure = Mutex::new(None);
        let ran =
            |plan: &Plan| Ran { plan: *plan, counts: Counts::default(), time: Duration::ZERO };
        let all: Mutex<Vec<Ran>> = Mutex::new(self.plans.iter().map(ran).collect());
        let work = || {
            while !is_over.load(Ordering::Relaxed) {
                let (round, place) = self.round(next.fetch_add(1, Ordering::Relaxed));
                let is_late = self.time.is_some_and(|time| begun.elapsed() >= time);
                if is_late || self.seeds.is_some_and(|seeds| round >= seeds) {
                    return;
                }
                let (plan, seed) = (self.plans[place], self.from.wrapping_add(round));
                let started = Instant::now();
                let outcome = Schedule::new(plan, seed).run();
                let mut all = lock(&all);
                all[place].counts += outcome.counts;
                all[place].time += started.elapsed();
                if let Some(violation) = outcome.violation {
                    lock(&failure).get_or_insert(Box::new(Failure { plan, seed, violation }));
                    is_over.store(true, Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads.max(1)).map(|_| scope.spawn(work)).collect();
            while threads.iter().any(|thread| !thread.is_finished()) {
                std::thread::sleep(WATCH_EVERY);
                watch(&sum(&lock(&all)));
            }
        });
        match failure.into_inner().unwrap_or_default() {
            Some(failure) => Err(failure),
            None => Ok(all.into_inner().unwrap_or_default()),
        }
    }

    /// The seed, counted from the first one, and the plan.
    fn round(&self, number: u64) -> (u64, usize) {
        let plans = self.plans.len().max(1) as u64;
        (number / plans, usize::try_from(number % plans).unwrap_or_default())
    }
}

/// All of them together.
pub fn sum(all: &[Ran]) -> Counts {
    all.iter().fold(Counts::default(), |mut sum, ran| {
        sum += ran.counts;
        sum
    })
}

const WATCH_EVERY: Duration = Duration::from_millis(50);
