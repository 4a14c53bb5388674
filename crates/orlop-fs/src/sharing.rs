//! The locks of a store, as the threads of this process hold them: the first of those who share one
//! takes it for all of them, and the last gives it back.
//!
//! Who wants one for himself comes next: those who come after him wait, or he would wait for ever
//! while others come and go. So whoever takes several takes them in ascending order, and none twice.

use std::collections::HashMap;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::disk::{DiskLocks, LockMode};
use crate::pool::aside;

/// Locks with numbers.
#[derive(Debug)]
pub(crate) struct Sharing {
    disk: Box<dyn DiskLocks>,
    stripes: [Stripe; STRIPES],
}

/// Some of the locks.
#[derive(Debug, Default)]
struct Stripe {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<u64, Held>,
    /// How many threads wait for one of them.
    waiting: usize,
}

/// A lock that somebody has, or wants.
#[derive(Debug, Default, PartialEq)]
struct Held {
    sharers: usize,
    /// Whether somebody has it for himself, or asks the disk for it.
    is_sole: bool,
    /// How many want it for themselves.
    wanted: usize,
}

/// Held until it is dropped.
#[derive(Debug)]
#[must_use = "a lock that is dropped is free"]
pub(crate) struct Lock<'s> {
    sharing: &'s Sharing,
    number: u64,
    mode: LockMode,
}

impl Sharing {
    pub(crate) fn new(disk: Box<dyn DiskLocks>) -> Self {
        Self { disk, stripes: std::array::from_fn(|_| Stripe::default()) }
    }

    /// Takes a lock together with others.
    pub(crate) fn share(&self, number: u64) -> io::Result<Lock<'_>> {
        let is_others = |held: &Held| held.is_sole || held.wanted > 0;
        let mut state = self.wait_while(self.state(number), number, is_others);
        let held = state.held(number);
        if held.sharers > 0 {
            held.sharers += 1;
        } else {
            held.is_sole = true;
            drop(state);
            let taken = self.take_from_disk(number, LockMode::Shared);
            self.change(number, |held| {
                held.is_sole = false;
                held.sharers = usize::from(taken.is_ok());
            });
            taken?;
        }
        Ok(Lock { sharing: self, number, mode: LockMode::Shared })
    }

    /// Takes a lock for the caller alone.
    pub(crate) fn take(&self, number: u64) -> io::Result<Lock<'_>> {
        self.claim(number);
        let taken = self.take_from_disk(number, LockMode::Exclusive);
        taken.inspect_err(|_| self.leave(number))?;
        Ok(Lock { sharing: self, number, mode: LockMode::Exclusive })
    }

    /// The same for one that others share all the time: as long as another process does, those of this
    /// one do not wait.
    pub(crate) fn take_shared(&self, number: u64) -> io::Result<Lock<'_>> {
        loop {
            self.claim(number);
            if let Some(lock) = self.try_claimed(number)? {
                return Ok(lock);
            }
            aside(|| thread::sleep(PAUSE));
        }
    }

    /// Takes a lock for the caller alone, unless somebody has it or waits for it.
    pub(crate) fn try_take(&self, number: u64) -> io::Result<Option<Lock<'_>>> {
        let mut state = self.state(number);
        let held = state.held(number);
        if *held != Held::default() {
            return Ok(None);
        }
        held.is_sole = true;
        drop(state);
        self.try_claimed(number)
    }

    /// Waits until no other thread has it.
    fn claim(&self, number: u64) {
        let mut state = self.state(number);
        state.held(number).wanted += 1;
        let has_others = |held: &Held| held.sharers > 0 || held.is_sole;
        state = self.wait_while(state, number, has_others);
        let held = state.held(number);
        held.wanted -= 1;
        held.is_sole = true;
    }

    fn try_claimed(&self, number: u64) -> io::Result<Option<Lock<'_>>> {
        let tried = self.disk.try_lock(number, LockMode::Exclusive);
        if !matches!(tried, Ok(true)) {
            self.leave(number);
        }
        Ok(tried?.then_some(Lock { sharing: self, number, mode: LockMode::Exclusive }))
    }

    fn take_from_disk(&self, number: u64, mode: LockMode) -> io::Result<()> {
        if self.disk.try_lock(number, mode)? {
            return Ok(());
        }
        aside(|| self.disk.lock(number, mode))
    }

    fn give_to_disk(&self, number: u64) {
        if let Err(error) = self.disk.unlock(number) {
            tracing::error!(number, %error, "a lock stays, and whoever wants it waits");
        }
    }

    fn leave(&self, number: u64) {
        self.change(number, |held| held.is_sole = false);
    }

    /// Changes what is held, and tells those who wait.
    fn change(&self, number: u64, change: impl FnOnce(&mut Held)) {
        let mut state = self.state(number);
        let held = state.held(number);
        change(held);
        if *held == Held::default() {
            state.held.remove(&number);
        }
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.stripe(number).freed.notify_all();
        }
    }

    fn wait_while<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
        number: u64,
        is_waiting: impl Fn(&Held) -> bool,
    ) -> MutexGuard<'s, State> {
        if !is_waiting(state.held(number)) {
            return state;
        }
        state.waiting += 1;
        let freed = &self.stripe(number).freed;
        let waited = aside(|| freed.wait_while(state, |state| is_waiting(state.held(number))));
        state = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state
    }

    fn state(&self, number: u64) -> MutexGuard<'_, State> {
        self.stripe(number).state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stripe(&self, number: u64) -> &Stripe {
        &self.stripes[usize::try_from(number).unwrap_or_default() % STRIPES]
    }
}

impl State {
    fn held(&mut self, number: u64) -> &mut Held {
        self.held.entry(number).or_default()
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        let Self { sharing, number, mode } = *self;
        // The disk first: who takes it next in this process has it there already, and would lose it.
        match mode {
            LockMode::Exclusive => {
                sharing.give_to_disk(number);
                sharing.leave(number);
            }
            LockMode::Shared => sharing.change(number, |held| {
                held.sharers -= 1;
                if held.sharers == 0 {
                    sharing.give_to_disk(number);
                }
            }),
        }
    }
}

const STRIPES: usize = 64;

/// Between two attempts to take what others have.
pub(crate) const PAUSE: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::disk::{Disk, OsDisk};

    const SOON: Duration = Duration::from_millis(30);

    /// The same locks, as two processes have them.
    fn processes() -> (tempfile::TempDir, Sharing, Sharing) {
        let dir = tempfile::tempdir().unwrap();
        let open = || Sharing::new(OsDisk.open_locks(dir.path()).unwrap());
        let (one, other) = (open(), open());
        (dir, one, other)
    }

    #[test]
    fn the_first_takes_it_and_the_last_gives_it_back() {
        let (_dir, one, other) = processes();
        let (first, second) = (one.share(0).unwrap(), one.share(0).unwrap());
        let _theirs = other.share(1).unwrap();
        assert!(other.try_take(0).unwrap().is_none());
        drop(first);
        assert!(other.try_take(0).unwrap().is_none());
        assert!(one.try_take(0).unwrap().is_none());
        drop(second);
        let sole = other.try_take(0).unwrap().expect("nobody has it");
        assert!(one.try_take(0).unwrap().is_none());
        drop(sole);
        assert!(one.stripes.iter().all(|stripe| stripe.state.lock().unwrap().held.is_empty()));
        drop(one.share(0).unwrap());
    }

    #[test]
    fn one_at_a_time_has_it_for_himself() {
        let (_dir, one, other) = processes();
        let (inside, most) = (Mutex::new((0, 0)), 200);
        thread::scope(|scope| {
            for process in [&one, &one, &other, &other] {
                let inside = &inside;
                scope.spawn(move || {
                    for _ in 0..most {
                        let _lock = process.take(5).unwrap();
                        {
                            let mut inside = inside.lock().unwrap();
                            inside.0 += 1;
                            assert_eq!(inside.0, 1);
                        }
                        thread::yield_now();
                        let mut inside = inside.lock().unwrap();
                        *inside = (inside.0 - 1, inside.1 + 1);
                    }
                });
            }
        });
        assert_eq!(*inside.lock().unwrap(), (0, 4 * most));
    }

    #[test]
    fn who_wants_it_alone_comes_before_those_who_come_after_him() {
        let (_dir, sharing, _other) = processes();
        let (tell, told) = mpsc::channel();
        let shared = sharing.share(0).unwrap();
        thread::scope(|scope| {
            let first = tell.clone();
            scope.spawn(|| {
                let sole = sharing.take_shared(0).unwrap();
                first.send("alone").unwrap();
                thread::sleep(SOON);
                drop((sole, first));
            });
            while sharing.state(0).held(0).wanted == 0 {
                thread::yield_now();
            }
            scope.spawn(|| {
                let _shared = sharing.share(0).unwrap();
                tell.send("later").unwrap();
                drop(tell);
            });
            assert!(told.recv_timeout(SOON).is_err(), "somebody did not wait");
            drop(shared);
            assert_eq!(told.iter().collect::<Vec<_>>(), ["alone", "later"]);
        });
    }

    #[test]
    fn nobody_waits_for_who_waits_for_another_process() {
        let (_dir, one, other) = processes();
        let theirs = other.share(0).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(one.take_shared(0).unwrap()));
            for _ in 0..10 {
                drop(one.share(0).unwrap());
                thread::sleep(PAUSE);
            }
            assert!(!waiting.is_finished());
            drop(theirs);
        });
        assert!(other.try_take(0).unwrap().is_some());
    }
}
