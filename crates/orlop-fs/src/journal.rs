//! What makes changes of records durable: one sync for all of those that are made at a moment.
//!
//! Each process has a journal of its own. A change is appended there, and once that is synced it is
//! made in its place, where it is never synced by itself: after a power cut it is made again, out
//! of the journal. So **what anybody can see is durable already**, readers need neither a lock nor
//! a sync (but for a record that is not whole, [`mending`]), and a change costs one flush, shared by
//! all who come while the one before is under way. Nobody waits for company: who finds no flush under
//! way makes one at once.
//!
//! A journal has two halves. When one is full the other one goes on, and a *checkpoint* syncs the
//! whole file system, after which the full one can be written anew ([`checkpoint`]).
//!
//! Two changes of a key are in order by their *stamps*: the epoch, which each checkpoint ends, and
//! within it a number that is counted under the key's lock. So several journals say together what
//! is the last word on a key ([`recovery`]).

pub(crate) mod batch;
pub(crate) mod checkpoint;
mod halves;
mod mending;
mod recovery;

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use orlop_backend::{Error, ErrorKind, Result};

pub(crate) use self::batch::{Entry, Stamp};
pub(crate) use self::checkpoint::Epoch;
use self::halves::Halves;
use crate::disk::DiskFile;
use crate::volume::Volume;

/// The journal of this process. Its file is locked as long as the process lives.
#[derive(Debug)]
pub(crate) struct Journal {
    queue: Mutex<Queue>,
    /// Held by the one who flushes.
    halves: Mutex<Halves>,
    /// The epoch, for all processes.
    epoch: Box<dyn DiskFile>,
    /// How many changes of a key there were, for all processes.
    numbers: Box<dyn DiskFile>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Entries that wait to be flushed, and the batch that they will be.
    waiting: Vec<u8>,
    batch: Arc<Batch>,
    /// Whether somebody is flushing.
    is_led: bool,
}

/// What all who wait for a batch share. Nobody is woken for another one.
#[derive(Debug, Default)]
struct Batch {
    outcome: OnceLock<Result<(), (ErrorKind, String)>>,
    /// That it is flushed, or that one of those who wait for it is to flush it.
    turned: Condvar,
}

impl Journal {
    fn new(halves: Halves, epoch: Box<dyn DiskFile>, numbers: Box<dyn DiskFile>) -> Self {
        Self { queue: Mutex::default(), halves: Mutex::new(halves), epoch, numbers }
    }

    /// Makes entries durable, together with those of everybody who asks at this moment. If it fails
    /// nobody may act on them, though they may be there after a power cut.
    pub(crate) fn append(&self, volume: &Volume, entries: &[Entry<'_>]) -> Result<()> {
        let mut queue = self.enqueue(entries);
        let batch = queue.batch.clone();
        while queue.is_led && batch.outcome.get().is_none() {
            queue = batch.turned.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if batch.outcome.get().is_none() {
            queue.is_led = true;
            let _lead = Lead { journal: self, batch: mem::take(&mut queue.batch) };
            let waiting = mem::take(&mut queue.waiting);
            drop(queue);
            let written = self.halves().write(volume, &waiting);
            let _ = batch.outcome.set(written.map_err(|error| (error.kind(), error.to_string())));
        } else {
            drop(queue);
        }
        match batch.outcome.get() {
            Some(Ok(())) => Ok(()),
            Some(Err((kind, message))) => Err(Error::new(*kind, message.clone())),
            None => Err(Error::new(ErrorKind::Unavailable, "the journal was not written")),
        }
    }

    /// Leaves entries for the next batch, whoever flushes that, and does not wait for it.
    pub(crate) fn append_later(&self, entries: &[Entry<'_>]) {
        drop(self.enqueue(entries));
    }

    fn enqueue(&self, entries: &[Entry<'_>]) -> MutexGuard<'_, Queue> {
        let mut queue = self.queue();
        for entry in entries {
            entry.encode(&mut queue.waiting);
        }
        queue
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn halves(&self) -> MutexGuard<'_, Halves> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever flushes a batch. However that ends, others go on.
struct Lead<'j> {
    journal: &'j Journal,
    batch: Arc<Batch>,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let message = "its writer died".to_owned();
        let outcome = Err((ErrorKind::Unavailable, message));
        let _ = self.batch.outcome.set(outcome); // unless it is written
        let mut queue = self.journal.queue();
        queue.is_led = false;
        queue.batch.turned.notify_one();
        self.batch.turned.notify_all();
    }
}
