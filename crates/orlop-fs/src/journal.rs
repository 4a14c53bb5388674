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
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use orlop_backend::{Error, ErrorKind, Result};
use tokio::task::yield_now;

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

/// How a batch was flushed, for each of those who wait for it.
type Outcome = Result<(), (ErrorKind, String)>;

/// What all who wait for a batch share. Nobody is woken for another one.
#[derive(Debug, Default)]
struct Batch {
    outcome: OnceLock<Outcome>,
    /// Those who wait for it to be flushed, one of them to flush it.
    waiting: Mutex<Vec<Waker>>,
}

impl Batch {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    fn new(halves: Halves, epoch: Box<dyn DiskFile>, numbers: Box<dyn DiskFile>) -> Self {
        Self { queue: Mutex::default(), halves: Mutex::new(halves), epoch, numbers }
    }

    /// Makes entries durable, together with those of everybody who asks at this moment. If it fails
    /// nobody may act on them, though they may be there after a power cut.
    pub(crate) async fn append(&self, volume: &Volume, entries: &[Entry<'_>]) -> Result<()> {
        let batch = self.enqueue(entries).batch.clone();
        if let Some(lead) = poll_fn(|context| self.turn(&batch, context)).await {
            yield_now().await; // so that those who can come along do
            if lead.flush(volume) > 0 {
                yield_now().await; // so that another thread is called for them, if need be
            }
        }
        match batch.outcome.get() {
            Some(Ok(())) => Ok(()),
            Some(Err((kind, message))) => Err(Error::new(*kind, message.clone())),
            None => Err(Error::new(ErrorKind::Unavailable, "the journal was not written")),
        }
    }

    /// Waits until a batch is flushed, or is to be flushed by whoever asks.
    fn turn(&self, batch: &Batch, context: &Context<'_>) -> Poll<Option<Lead<'_>>> {
        let mut queue = self.queue();
        let mut waiting = batch.waiting();
        if batch.outcome.get().is_some() {
            return Poll::Ready(None);
        }
        if !mem::replace(&mut queue.is_led, true) {
            return Poll::Ready(Some(Lead(self)));
        }
        waiting.push(context.waker().clone());
        Poll::Pending
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
struct Lead<'j>(&'j Journal);

impl Lead<'_> {
    /// Flushes what is there; how many others waited for it.
    fn flush(self, volume: &Volume) -> usize {
        let mut queue = self.0.queue();
        let waiting = mem::take(&mut queue.waiting);
        let flushed = Flushed(mem::take(&mut queue.batch));
        drop(queue);
        let written = self.0.halves().write(volume, &waiting);
        flushed.end(written.map_err(|error| (error.kind(), error.to_string())))
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.is_led = false;
        let next = queue.batch.waiting().pop();
        drop(queue);
        if let Some(next) = next {
            next.wake();
        }
    }
}

/// Those who wait for a batch that is flushed hear of it, however that ends.
struct Flushed(Arc<Batch>);

impl Flushed {
    /// How many there are.
    fn end(&self, outcome: Outcome) -> usize {
        let _ = self.0.outcome.set(outcome); // by nobody else
        let waiting = mem::take(&mut *self.0.waiting());
        waiting.into_iter().map(Waker::wake).count()
    }
}

impl Drop for Flushed {
    fn drop(&mut self) {
        if self.0.outcome.get().is_none() {
            self.end(Err((ErrorKind::Unavailable, "its writer died".to_owned())));
        }
    }
}
