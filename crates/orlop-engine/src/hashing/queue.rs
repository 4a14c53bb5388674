//! What is waiting to be hashed.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;
use orlop_oci::Hasher;

use super::Threads;
use super::source::{self, Source};

/// What is waiting, in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    next: u64,
    /// How many threads are at work.
    workers: usize,
}

/// The next bytes of a stream, and what it has come to before them.
#[derive(Debug)]
struct Job {
    hasher: Hasher,
    bytes: Waiting,
}

/// Bytes that somebody holds a ticket for.
#[derive(Debug)]
struct Waiting {
    id: u64,
    source: Source,
    back: oneshot::Sender<io::Result<Hasher>>,
    behind: Arc<Behind>,
}

/// What is to be hashed behind some bytes, as soon as these are: whoever hashes them goes on with it,
/// and need not wait for anybody to bring it.
#[derive(Debug, Default)]
struct Behind(Mutex<Place>);

#[derive(Debug, Default)]
enum Place {
    #[default]
    Free,
    Taken(Waiting),
    /// The bytes before are hashed, or nobody will hash them.
    Closed,
}

/// What somebody holds whose bytes are in the queue, or behind others. They leave it with him.
#[derive(Debug)]
pub(super) struct Ticket {
    queue: Arc<Queue>,
    id: u64,
    /// Kept, in case that nobody comes to hash them.
    source: Source,
    answer: oneshot::Receiver<io::Result<Hasher>>,
    behind: Arc<Behind>,
}

impl Queue {
    pub(super) fn put(self: &Arc<Self>, hasher: &Hasher, source: Source) -> Ticket {
        let (ticket, bytes) = self.ticket(source);
        self.lock().jobs.push_back(Job { hasher: hasher.clone(), bytes });
        ticket
    }

    fn ticket(self: &Arc<Self>, source: Source) -> (Ticket, Waiting) {
        let (back, answer) = oneshot::channel();
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        drop(state);
        let behind = Arc::<Behind>::default();
        let waiting = Waiting { id, source: source.clone(), back, behind: behind.clone() };
        (Ticket { queue: self.clone(), id, source, answer, behind }, waiting)
    }

    /// Has one more thread hash until nothing is waiting, unless all of them are at it.
    pub(super) fn work_on(self: &Arc<Self>, threads: &Arc<dyn Threads>) {
        {
            let mut state = self.lock();
            if state.workers >= threads.count().max(1) {
                return;
            }
            state.workers += 1;
        }
        let worker = Worker { queue: self.clone(), threads: threads.clone(), is_done: false };
        threads.run(Box::new(move || worker.work()));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Never held while something is awaited or hashed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds to what is hashed together: three streams, but of four rather two and two.
    fn fill(&mut self, together: &mut Vec<Job>) {
        let streams = if together.len() + self.jobs.len() == 4 { 2 } else { 3usize };
        let more = streams.saturating_sub(together.len()).min(self.jobs.len());
        together.extend(self.jobs.drain(..more));
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.jobs.iter().position(|job| job.bytes.id == id)
    }
}

impl Ticket {
    /// How many bytes it is for.
    pub(super) fn len(&self) -> u64 {
        self.source.len()
    }

    /// Puts the next bytes of the stream behind these; gives them back if these are hashed already,
    /// or have others behind them.
    pub(super) fn put_behind(&self, source: Source) -> Result<Self, Source> {
        let mut place = self.behind.lock();
        if !matches!(*place, Place::Free) {
            return Err(source);
        }
        let (ticket, waiting) = self.queue.ticket(source);
        *place = Place::Taken(waiting);
        Ok(ticket)
    }

    /// Hashes the bytes on this thread, unless somebody else has taken them, and with them what
    /// has waited longest.
    pub(super) fn work(&self) {
        let mut state = self.queue.lock();
        let Some(at) = state.position(self.id) else {
            return;
        };
        state.jobs.make_contiguous()[..=at].rotate_right(1);
        let mut jobs = Vec::new();
        state.fill(&mut jobs);
        drop(state);
        drop(hash(jobs)); // whoever waits for what is behind hashes it himself
    }

    /// Waits until the bytes are hashed. If whoever took them did not come to it, hashes them.
    /// It must not be waited for again. Fails if they could not be read.
    pub(super) async fn end(&mut self, hasher: &mut Hasher) -> io::Result<()> {
        if let Ok(after) = (&mut self.answer).await {
            *hasher = after?;
            return Ok(());
        }
        let own = (hasher.clone(), self.source.clone());
        for after in source::hash(vec![own]) {
            *hasher = after?;
        }
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Who waits for what is behind hears of it, if these bytes were not hashed.
        drop(self.behind.close());
        let mut state = self.queue.lock();
        let job = state.position(self.id).and_then(|at| state.jobs.remove(at));
        drop(state);
        drop(job);
    }
}

impl Behind {
    /// What is there; from now on nothing can be.
    fn close(&self) -> Place {
        mem::replace(&mut *self.lock(), Place::Closed)
    }

    /// Never held while something is awaited or hashed.
    fn lock(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread at work, or on its way to it.
struct Worker {
    queue: Arc<Queue>,
    threads: Arc<dyn Threads>,
    /// Whether it has seen that nothing is waiting.
    is_done: bool,
}

impl Worker {
    fn work(mut self) {
        let mut jobs = Vec::new();
        while self.take(&mut jobs) {
            jobs = hash(jobs);
        }
    }

    /// What comes next: what was behind the last bytes, and what is waiting. Says whether there is
    /// anything.
    fn take(&mut self, jobs: &mut Vec<Job>) -> bool {
        let mut state = self.queue.lock();
        if jobs.len() > 1 && state.workers < self.threads.count() {
            // Or streams that met once would never part, with a thread for each of them idle.
            state.jobs.extend(jobs.drain(1..));
            drop(state);
            self.queue.work_on(&self.threads);
            return true;
        }
        state.fill(jobs);
        if jobs.is_empty() {
            // Under the same lock: what comes after it finds a thread missing.
            state.workers -= 1;
            drop(state);
            self.is_done = true;
        }
        !self.is_done
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        // It has panicked, or was dropped before it began.
        let mut state = self.queue.lock();
        state.workers -= 1;
        let is_last = state.workers == 0;
        let jobs = if is_last { mem::take(&mut state.jobs) } else { VecDeque::new() };
        drop(state);
        drop(jobs); // who waits for them hears of it
    }
}

/// Hashes, and says what is to be hashed behind.
fn hash(jobs: Vec<Job>) -> Vec<Job> {
    let (given, rest): (Vec<_>, Vec<_>) = jobs
        .into_iter()
        .map(|Job { hasher, bytes }| ((hasher, bytes.source), (bytes.back, bytes.behind)))
        .unzip();
    let mut next = Vec::new();
    // Sources are gone by now: their owners may count on being the last ones who have them.
    for (hashed, (back, behind)) in source::hash(given).into_iter().zip(rest) {
        // Before the answer: who has that lets go of his ticket, and what is behind goes with it.
        if let Place::Taken(bytes) = behind.close()
            && let Ok(hasher) = &hashed
        {
            next.push(Job { hasher: hasher.clone(), bytes });
        }
        let _ = back.send(hashed); // nobody may wait for it any more
    }
    next
}
