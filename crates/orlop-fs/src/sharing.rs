//! The locks of a store, as the threads of this process hold them: the first of those who share one
//! takes it for all of them, and the last gives it back.
//!
//! A change that waits for another one of this process holds no thread meanwhile, or those that it
//! waits for would find none to go on. Who wants one that is shared for himself comes next: those who
//! come after him wait, or he would wait for ever while others come and go. So whoever takes several
//! takes them in ascending order, and none twice.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use orlop_backend::Result;

use crate::disk::{Disk, DiskLocks, LockMode};
use crate::pool::aside;
use crate::volume::failed;

/// Locks with numbers.
#[derive(Debug)]
pub(crate) struct Sharing {
    disk: Box<dyn DiskLocks>,
    /// Where they are, for errors.
    dir: PathBuf,
    stripes: [Mutex<HashMap<u64, Held>>; STRIPES],
}

/// A lock that somebody has, or wants.
#[derive(Debug, Default)]
struct Held {
    sharers: usize,
    /// Whether somebody has it for himself, or asks the disk for it.
    is_sole: bool,
    /// How many want it for themselves, before others share it again.
    wanted: usize,
    /// Who is to be told when that changes.
    waiting: VecDeque<Waker>,
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
    pub(crate) fn open(disk: &dyn Disk, dir: &Path) -> io::Result<Self> {
        let stripes = std::array::from_fn(|_| Mutex::default());
        Ok(Self { disk: disk.open_locks(dir)?, dir: dir.to_owned(), stripes })
    }

    /// Takes a lock for the caller alone, who runs on the pool: another process is waited for aside.
    pub(crate) async fn take(&self, number: u64) -> Result<Lock<'_>> {
        self.wait(number, Held::claim).await;
        self.claimed(number)
    }

    /// The same for who has a thread to wait on.
    pub(crate) fn take_blocking(&self, number: u64) -> Result<Lock<'_>> {
        self.wait_blocking(number, Held::claim);
        self.claimed(number)
    }

    /// Takes a lock together with others, likewise.
    pub(crate) async fn share(&self, number: u64) -> Result<Lock<'_>> {
        let joined = self.wait(number, Held::join).await;
        self.joined(number, joined)
    }

    /// The same for who has a thread to wait on.
    pub(crate) fn share_blocking(&self, number: u64) -> Result<Lock<'_>> {
        let joined = self.wait_blocking(number, Held::join);
        self.joined(number, joined)
    }

    /// Takes a lock for the caller alone that others share all the time: they wait for him. As long as
    /// another process has it, those of this one do not wait.
    pub(crate) fn take_shared(&self, number: u64) -> Result<Lock<'_>> {
        loop {
            self.change(number, |held| held.wanted += 1);
            self.wait_blocking(number, Held::claim);
            let lock = self.try_claimed(number);
            self.change(number, |held| held.wanted -= 1);
            if let Some(lock) = lock? {
                return Ok(lock);
            }
            aside(|| thread::sleep(PAUSE));
        }
    }

    /// Takes a lock for the caller alone, unless somebody has it.
    pub(crate) fn try_take(&self, number: u64) -> Result<Option<Lock<'_>>> {
        match self.attempt(number, Held::claim, None) {
            Some(()) => self.try_claimed(number),
            None => Ok(None),
        }
    }

    async fn wait<T>(&self, number: u64, attempt: fn(&mut Held) -> Option<T>) -> T {
        poll_fn(|context| match self.attempt(number, attempt, Some(context.waker())) {
            Some(done) => Poll::Ready(done),
            None => Poll::Pending,
        })
        .await
    }

    fn wait_blocking<T>(&self, number: u64, attempt: fn(&mut Held) -> Option<T>) -> T {
        loop {
            if let Some(done) = self.attempt(number, attempt, None) {
                return done;
            }
            aside(|| thread::sleep(PAUSE));
        }
    }

    /// Whoever cannot have it now is told when he may.
    fn attempt<T>(
        &self,
        number: u64,
        attempt: fn(&mut Held) -> Option<T>,
        waker: Option<&Waker>,
    ) -> Option<T> {
        let mut stripe = self.stripe(number);
        let held = stripe.entry(number).or_default();
        let done = attempt(held);
        if done.is_none() {
            held.waiting.extend(waker.cloned());
        }
        done
    }

    /// After no thread has it but this one: takes it from other processes.
    fn claimed(&self, number: u64) -> Result<Lock<'_>> {
        let taken = self.take_from_disk(number, LockMode::Exclusive);
        taken.inspect_err(|_| self.leave(number))?;
        Ok(self.lock(number, LockMode::Exclusive))
    }

    /// The same, unless one of them has it.
    fn try_claimed(&self, number: u64) -> Result<Option<Lock<'_>>> {
        let tried = self.disk.try_lock(number, LockMode::Exclusive);
        if !matches!(tried, Ok(true)) {
            self.leave(number);
        }
        let is_taken = tried.map_err(|error| failed("lock", &self.dir, error))?;
        Ok(is_taken.then(|| self.lock(number, LockMode::Exclusive)))
    }

    /// The first takes it from other processes.
    fn joined(&self, number: u64, joined: Joined) -> Result<Lock<'_>> {
        if joined == Joined::First {
            let taken = self.take_from_disk(number, LockMode::Shared);
            self.change(number, |held| {
                held.is_sole = false;
                held.sharers = usize::from(taken.is_ok());
            });
            taken?;
        }
        Ok(self.lock(number, LockMode::Shared))
    }

    fn lock(&self, number: u64, mode: LockMode) -> Lock<'_> {
        Lock { sharing: self, number, mode }
    }

    fn take_from_disk(&self, number: u64, mode: LockMode) -> Result<()> {
        let taken = match self.disk.try_lock(number, mode) {
            Ok(false) => aside(|| self.disk.lock(number, mode)),
            tried => tried.map(drop),
        };
        taken.map_err(|error| failed("lock", &self.dir, error))
    }

    fn give_to_disk(&self, number: u64) {
        if let Err(error) = self.disk.unlock(number) {
            tracing::error!(number, %error, "a lock stays, and whoever wants it waits");
        }
    }

    fn leave(&self, number: u64) {
        self.change(number, |held| held.is_sole = false);
    }

    /// Changes what is held, and tells those who wait for that.
    fn change(&self, number: u64, change: impl FnOnce(&mut Held)) {
        let mut stripe = self.stripe(number);
        let held = stripe.entry(number).or_default();
        change(held);
        let told = held.told();
        if held.is_nobodys() {
            stripe.remove(&number);
        }
        drop(stripe);
        told.into_iter().for_each(Waker::wake);
    }

    fn stripe(&self, number: u64) -> MutexGuard<'_, HashMap<u64, Held>> {
        let stripe = &self.stripes[usize::try_from(number).unwrap_or_default() % STRIPES];
        stripe.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who shares a lock with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joined {
    /// With nobody yet, and nobody else has it until the disk has been asked.
    First,
    Others,
}

impl Held {
    fn is_free(&self) -> bool {
        self.sharers == 0 && !self.is_sole
    }

    fn is_nobodys(&self) -> bool {
        self.is_free() && self.wanted == 0 && self.waiting.is_empty()
    }

    fn claim(&mut self) -> Option<()> {
        self.is_free().then(|| self.is_sole = true)
    }

    fn join(&mut self) -> Option<Joined> {
        if self.is_sole || self.wanted > 0 {
            return None;
        }
        if self.sharers == 0 {
            self.is_sole = true;
            return Some(Joined::First);
        }
        self.sharers += 1;
        Some(Joined::Others)
    }

    /// Who is told of a change: all who may share it now, or the first if one may have it.
    fn told(&mut self) -> VecDeque<Waker> {
        if self.sharers > 0 && self.wanted == 0 {
            return mem::take(&mut self.waiting);
        }
        let first = if self.is_free() { self.waiting.pop_front() } else { None };
        first.into_iter().collect()
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
mod tests;
