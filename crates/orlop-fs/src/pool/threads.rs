//! Which threads run, and which wait to be called.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::operation::Operation;

thread_local! {
    /// Whose thread this is.
    static OWN: RefCell<Option<Arc<Threads>>> = const { RefCell::new(None) };
}

/// Whether this thread runs nothing but operations, which may wait.
pub(crate) fn may_wait() -> bool {
    OWN.with_borrow(Option::is_some)
}

/// Waits for something, while another thread runs operations instead of this one.
pub(crate) fn aside<T>(wait: impl FnOnce() -> T) -> T {
    let Some(pool) = OWN.with_borrow(Option::clone) else {
        return wait();
    };
    let mut state = pool.state();
    state.running -= 1;
    if !state.ready.is_empty() {
        pool.call(&mut state);
    }
    drop(state);
    let _back = Back(&pool);
    wait()
}

struct Back<'p>(&'p Threads);

impl Drop for Back<'_> {
    fn drop(&mut self) {
        self.0.state().running += 1;
    }
}

#[derive(Debug)]
pub(super) struct Threads {
    state: Mutex<State>,
    called: Condvar,
    running_max: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Operations that can go on, in the order in which they came to.
    ready: VecDeque<Arc<Operation>>,
    /// How many were taken from there since the beginning.
    taken: u64,
    threads: usize,
    /// How many of the threads run an operation, and how many wait to be called. The others are aside.
    running: usize,
    idle: usize,
    /// How many of those that are idle were called and do not know it yet.
    called: usize,
    /// Whether one of them looks whether the others go on.
    is_watched: bool,
    is_closed: bool,
}

impl State {
    /// Whether there is more to do than those who run do in a moment.
    fn are_too_few(&self) -> bool {
        self.ready.len() > self.running + self.called
    }
}

impl Threads {
    pub(super) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let running_max = RUNNING_PER_CORE * cores;
        Self { state: Mutex::default(), called: Condvar::new(), running_max }
    }

    /// Lets the threads end when everything that can go on has.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.called.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(self: &Arc<Self>, operation: Arc<Operation>) {
        let is_own = OWN.with_borrow(|own| own.as_ref().is_some_and(|own| Arc::ptr_eq(own, self)));
        let mut state = self.state();
        state.ready.push_back(operation);
        if !is_own || state.are_too_few() {
            self.call(&mut state);
        }
        if state.threads == 0 {
            let never = mem::take(&mut state.ready);
            drop(state);
            drop(never); // and so their callers learn it
        }
    }

    /// Calls one more thread if too few run. If enough do, one of the others has to watch them.
    fn call(self: &Arc<Self>, state: &mut State) {
        let are_enough = !state.are_too_few() || state.running + state.called >= self.running_max;
        if are_enough && (state.is_watched || state.called > 0) {
            return;
        }
        if state.idle > state.called {
            self.called.notify_one();
        } else if state.running + state.idle < THREADS_MAX && self.start().is_ok() {
            state.threads += 1;
            state.idle += 1;
        } else {
            return; // it is left to those that there are
        }
        state.called += 1;
    }

    fn start(self: &Arc<Self>) -> io::Result<()> {
        let pool = self.clone();
        thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || pool.work()).map(drop)
    }

    fn work(self: Arc<Self>) {
        OWN.set(Some(self.clone()));
        let mut state = self.state();
        while let Some((needed, need)) = self.wait(state) {
            state = needed;
            state.idle -= 1;
            state.running += 1;
            let mut is_needed = true;
            while is_needed && let Some(operation) = state.ready.pop_front() {
                state.taken += 1;
                if !state.ready.is_empty() {
                    self.call(&mut state); // or nobody would look whether this one goes on
                }
                drop(state);
                operation.go_on();
                state = self.state();
                is_needed = need == Need::Thread && state.running <= self.running_max;
            }
            state.running -= 1;
            state.idle += 1;
        }
    }

    /// Waits until this thread is needed; `None` if it is not any more.
    fn wait<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
    ) -> Option<(MutexGuard<'s, State>, Need)> {
        loop {
            if state.called > 0 {
                state.called -= 1;
                if state.running < self.running_max {
                    return Some((state, Need::Thread));
                }
            }
            if state.ready.is_empty() && state.is_closed {
                break;
            }
            let is_busy = state.running > 0 || !state.ready.is_empty();
            let watches = is_busy && !mem::replace(&mut state.is_watched, true);
            let (taken, patience) = (state.taken, if watches { WATCH } else { STAY });
            let waited = self.called.wait_timeout(state, patience);
            let timeout;
            (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state.is_watched &= !watches;
            if !timeout.timed_out() || state.called > 0 {
                continue;
            }
            if !watches {
                break;
            }
            if state.taken == taken && !state.ready.is_empty() {
                return Some((state, Need::Help));
            }
        }
        state.idle -= 1;
        state.threads -= 1;
        None
    }
}

/// What a thread is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// To run operations, as one of those that do.
    Thread,
    /// To run one beside them, since they do not go on.
    Help,
}

/// Of two, one often waits in the kernel, for a directory that somebody else makes a file in.
const RUNNING_PER_CORE: usize = 2;

/// As many as tokio has at most for work that waits; besides those that are aside, for whom others may be
/// waiting that they wait for.
const THREADS_MAX: usize = 512;

/// How long a thread stays that has nothing to do.
const STAY: Duration = Duration::from_secs(10);

/// How long all that run may be busy with one file each before another one helps.
const WATCH: Duration = Duration::from_millis(1);

const THREAD_NAME: &str = "orlop-files";
