//! Locks that many threads of a process share: the first takes one of the operating system's for all
//! of them, and the last gives it back.
//!
//! Who wants one for himself comes next: those who come after him wait, or he would wait for ever
//! while others come and go. So whoever takes several takes them in ascending order, and none twice.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use orlop_backend::Result;

use crate::locks::PAUSE;

/// Locks with numbers, as the threads of this process hold them.
#[derive(Debug)]
pub(crate) struct Sharing<L>(Vec<Slot<L>>);

#[derive(Debug)]
struct Slot<L> {
    state: Mutex<State<L>>,
    freed: Condvar,
}

#[derive(Debug)]
struct State<L> {
    sharers: usize,
    /// Theirs, as long as there are any.
    lock: Option<L>,
    /// How many want it for themselves.
    wanted: usize,
}

/// Held until it is dropped, together with others.
#[derive(Debug)]
#[must_use = "a lock that is dropped is free"]
pub(crate) struct Shared<'s, L>(&'s Slot<L>);

/// Held until it is dropped, by nobody else.
#[derive(Debug)]
#[must_use = "a lock that is dropped is free"]
pub(crate) struct Sole<'s, L> {
    slot: &'s Slot<L>,
    _lock: L,
    /// Keeps the others of this process out.
    _state: MutexGuard<'s, State<L>>,
}

impl<L> Sharing<L> {
    pub(crate) fn new(count: u64) -> Self {
        Self((0..count).map(|_| Slot::free()).collect())
    }

    /// Those that are a multiple of their count apart are one.
    fn slot(&self, number: u64) -> &Slot<L> {
        let place = number % self.0.len() as u64;
        &self.0[usize::try_from(place).unwrap_or_default()]
    }

    /// Takes a lock together with the other threads, by `take` if none has it.
    pub(crate) fn share(
        &self,
        number: u64,
        take: impl FnOnce() -> Result<L>,
    ) -> Result<Shared<'_, L>> {
        let slot = self.slot(number);
        let mut state = slot.wait_while(slot.state(), |state| state.wanted > 0);
        if state.sharers == 0 {
            state.lock = Some(take()?);
        }
        state.sharers += 1;
        Ok(Shared(slot))
    }

    /// Takes a lock for this thread alone, by `try_take`, which gives none while another process has
    /// it. Those of this process do not wait for that one.
    pub(crate) fn take(
        &self,
        number: u64,
        try_take: impl Fn() -> Result<Option<L>>,
    ) -> Result<Sole<'_, L>> {
        let slot = self.slot(number);
        loop {
            let mut state = slot.state();
            state.wanted += 1;
            let mut state = slot.wait_while(state, |state| state.sharers > 0);
            state.wanted -= 1;
            let taken = try_take();
            if let Ok(Some(lock)) = taken {
                return Ok(Sole { slot, _lock: lock, _state: state });
            }
            drop(state);
            slot.freed.notify_all();
            taken?;
            thread::sleep(PAUSE);
        }
    }
}

impl<L> Slot<L> {
    fn free() -> Self {
        let state = State { sharers: 0, lock: None, wanted: 0 };
        Self { state: Mutex::new(state), freed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<L>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'s>(
        &self,
        state: MutexGuard<'s, State<L>>,
        is_waiting: impl Fn(&State<L>) -> bool,
    ) -> MutexGuard<'s, State<L>> {
        let waited = self.freed.wait_while(state, |state| is_waiting(state));
        waited.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L> Drop for Shared<'_, L> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.sharers -= 1;
        if state.sharers == 0 {
            state.lock = None;
            if state.wanted > 0 {
                self.0.freed.notify_all(); // nobody else waits for this
            }
        }
    }
}

impl<L> Drop for Sole<'_, L> {
    fn drop(&mut self) {
        self.slot.freed.notify_all(); // they wait for the state, which is free in a moment
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use orlop_backend::{Error, ErrorKind};

    use super::*;

    /// A lock of the operating system's: how many hold it.
    #[derive(Debug)]
    struct Held<'h>(&'h AtomicUsize);

    impl<'h> Held<'h> {
        fn new(holders: &'h AtomicUsize) -> Self {
            holders.fetch_add(1, Ordering::Relaxed);
            Self(holders)
        }
    }

    impl Drop for Held<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    const SOON: Duration = Duration::from_millis(30);

    #[test]
    fn the_first_takes_it_and_the_last_gives_it_back() {
        let (holders, sharing) = (AtomicUsize::new(0), Sharing::new(2));
        let share = |number| sharing.share(number, || Ok(Held::new(&holders))).unwrap();
        let (first, second, other) = (share(0), share(0), share(1));
        assert_eq!(holders.load(Ordering::Relaxed), 2);
        drop((first, other));
        assert_eq!(holders.load(Ordering::Relaxed), 1);
        drop(second);
        assert_eq!(holders.load(Ordering::Relaxed), 0);
        let refused = sharing.share(0, || Err(Error::new(ErrorKind::Full, "no room")));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Full);
        drop(share(0));
        assert_eq!(holders.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn who_wants_it_alone_comes_before_those_who_come_after_him() {
        let (holders, sharing) = (AtomicUsize::new(0), Sharing::new(1));
        let share = || sharing.share(0, || Ok(Held::new(&holders))).unwrap();
        let (tell, told) = mpsc::channel();
        let shared = share();
        thread::scope(|scope| {
            let first = tell.clone();
            scope.spawn(|| {
                let sole = sharing.take(0, || Ok(Some(Held::new(&holders)))).unwrap();
                first.send("alone").unwrap();
                thread::sleep(SOON);
                assert_eq!(holders.load(Ordering::Relaxed), 1);
                drop(sole);
                drop(first);
            });
            while sharing.slot(0).state().wanted == 0 {
                thread::yield_now();
            }
            scope.spawn(|| {
                let _shared = share();
                tell.send("later").unwrap();
                drop(tell);
            });
            assert!(told.recv_timeout(SOON).is_err(), "somebody did not wait");
            drop(shared);
            assert_eq!(told.iter().collect::<Vec<_>>(), ["alone", "later"]);
        });
        assert_eq!(holders.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn nobody_waits_for_who_waits_for_another_process() {
        let (holders, sharing) = (AtomicUsize::new(0), Sharing::new(1));
        let share = || sharing.share(0, || Ok(Held::new(&holders))).unwrap();
        let attempts = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                let try_take = || match attempts.fetch_add(1, Ordering::Relaxed) {
                    0..10 => Ok(None),
                    _ => Ok(Some(Held::new(&holders))),
                };
                drop(sharing.take(0, try_take).unwrap());
            });
            while attempts.load(Ordering::Relaxed) < 10 {
                drop(share());
            }
        });
        assert_eq!(holders.load(Ordering::Relaxed), 0);
        let refused = sharing.take(0, || Err(Error::new(ErrorKind::Full, "no room")));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Full);
        drop(share());
    }
}
