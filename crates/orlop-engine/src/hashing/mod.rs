//! Hashing what several streams bring, side by side.
//!
//! One stream leaves half of what a core can hash unused, and only other streams can use it
//! (`orlop-lanes`). So a stream that is not the only one puts its bytes into a queue and lets
//! others run for a moment, who may do the same. Whoever runs first after that takes what is
//! waiting, hashes it, and hands it back. Nobody waits for bytes that are not there yet: where
//! there is nobody else to run, the moment is over at once.
//!
//! The state of a hash is copied into the queue. Whoever is dropped takes his bytes out with him,
//! and if he has taken others' bytes, these hash them themselves.

mod queue;
#[cfg(test)]
mod tests;
mod threads;

use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use bytes::Bytes;
use orlop_oci::{Algorithm, Hasher};

use self::queue::Queue;
pub use self::threads::Threads;

/// Where streams meet.
#[derive(Debug, Default)]
pub(crate) struct Hashing {
    queue: Arc<Queue>,
    streams: AtomicUsize,
    /// Who hashes; without them, the streams do it themselves.
    threads: Option<Arc<dyn Threads>>,
}

/// One of the streams that may meet, as long as it is there.
#[derive(Debug)]
pub(crate) struct Stream {
    hashing: Arc<Hashing>,
}

impl Hashing {
    /// One where `threads` hash.
    pub(crate) fn on(threads: Option<Arc<dyn Threads>>) -> Self {
        Self { threads, ..Self::default() }
    }

    pub(crate) fn stream(self: &Arc<Self>) -> Stream {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Stream { hashing: self.clone() }
    }
}

impl Stream {
    /// Hashes the next bytes. When the future is dropped, `hasher` has not seen all of them.
    pub(crate) async fn update(&self, hasher: &mut Hasher, bytes: &Bytes) {
        let queue = &self.hashing.queue;
        if let Some(threads) = &self.hashing.threads
            && bytes.len() >= SHARED_BYTES_MIN
        {
            let ticket = queue.put(hasher, bytes);
            queue.work_on(&**threads);
            return ticket.end(hasher, bytes).await;
        }
        let mut at = 0;
        while at < bytes.len() {
            let piece = at..bytes.len().min(at + PIECE_BYTES);
            at = piece.end;
            if piece.len() < SHARED_BYTES_MIN
                || hasher.algorithm() != Algorithm::Sha256
                || self.hashing.streams.load(Ordering::Relaxed) < 2
            {
                hasher.update(&bytes[piece]);
                if at < bytes.len() {
                    let_others_run().await;
                }
                continue;
            }
            let piece = bytes.slice(piece);
            let ticket = queue.put(hasher, &piece);
            let_others_run().await;
            ticket.work();
            ticket.end(hasher, &piece).await;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.hashing.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Is ready the second time it is asked, so that an executor asks others in between.
async fn let_others_run() {
    let mut has_run = false;
    poll_fn(|context| {
        if mem::replace(&mut has_run, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What is less is hashed faster than it is handed over.
const SHARED_BYTES_MIN: usize = 4 << 10;

/// As much of a stream is hashed before an executor can do something else: some 0.2 ms.
const PIECE_BYTES: usize = 256 << 10;
