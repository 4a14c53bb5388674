//! What goes on in one connection, so that one in which nothing goes on can be ended.
//!
//! A body that comes in is watched where it is read ([`crate::body`]): there a client can be told.
//! Here it is the rest: a client that sends no request, and one that does not take its answer.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep};

use crate::Limits;

/// What goes on in one connection.
#[derive(Debug)]
pub(crate) struct Traffic {
    limits: Limits,
    /// Bytes that the client's side has taken.
    written: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Requests whose answers are not wholly on their way.
    requests: usize,
    /// How many of them have an answer.
    answers: usize,
    /// When there was last a request.
    quiet_since: Instant,
    /// Since when it is counted what is taken of the answers.
    counted_since: Instant,
    /// How much had been written by then.
    counted_from: u64,
}

impl Traffic {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        let now = Instant::now();
        let state = State {
            requests: 0,
            answers: 0,
            quiet_since: now,
            counted_since: now,
            counted_from: 0,
        };
        Arc::new(Self { limits, written: AtomicU64::new(0), state: Mutex::new(state) })
    }

    /// A request has come in.
    pub(crate) fn begin(self: &Arc<Self>) -> Exchange {
        self.state().requests += 1;
        Exchange { traffic: self.clone(), is_answered: false }
    }

    /// Comes when the client has used up its time, and says with what.
    pub(crate) async fn overdue(&self) -> &'static str {
        let shortest = self.limits.head_time_max.min(self.limits.idle_time_max);
        loop {
            sleep(shortest / 4).await;
            if let Some(reason) = self.is_overdue(Instant::now()) {
                return reason;
            }
        }
    }

    /// Counts what was written, if anything was.
    pub(crate) fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.written.fetch_add(*bytes as u64, Ordering::Relaxed);
        }
        written
    }

    fn is_overdue(&self, now: Instant) -> Option<&'static str> {
        let limits = &self.limits;
        let written = self.written.load(Ordering::Relaxed);
        let mut state = self.state();
        if state.requests == 0 {
            if written - state.counted_from > PINGS_BYTES_MAX {
                state.quiet_since = now; // the end of an answer is on its way still
            }
            (state.counted_since, state.counted_from) = (now, written);
            let is_over = now - state.quiet_since > limits.head_time_max;
            return is_over.then_some("no request came");
        }
        let time = now - state.counted_since;
        if state.answers == 0 || time <= limits.idle_time_max {
            return None;
        }
        let expected = limits.bytes_per_second_min.saturating_mul(time.as_secs()).max(1);
        if written - state.counted_from < expected {
            return Some("the answer was not taken");
        }
        (state.counted_since, state.counted_from) = (now, written);
        None
    }

    /// Never held while something is awaited.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, until its answer is on its way or nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct Exchange {
    traffic: Arc<Traffic>,
    is_answered: bool,
}

impl Exchange {
    /// The body of its answer, which ends it.
    pub(crate) fn answer<B>(mut self, body: B) -> Answer<B> {
        {
            let mut state = self.traffic.state();
            if state.answers == 0 {
                state.counted_since = Instant::now();
                state.counted_from = self.traffic.written.load(Ordering::Relaxed);
            }
            state.answers += 1;
        }
        self.is_answered = true;
        Answer { body, _exchange: self }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.traffic.state();
        state.requests -= 1;
        state.answers -= usize::from(self.is_answered);
        state.quiet_since = Instant::now();
    }
}

/// The body of an answer, which whoever sends it drops when it is sent.
#[derive(Debug)]
pub(crate) struct Answer<B> {
    body: B,
    _exchange: Exchange,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What is written between two looks where nothing goes on but HTTP/2 itself.
const PINGS_BYTES_MAX: u64 = 1 << 10;
