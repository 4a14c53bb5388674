//! What an upload, or a blob that is looked at, brings to be hashed.

use std::collections::VecDeque;
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use bytes::Bytes;
use orlop_oci::{Algorithm, Hasher};

use super::queue::Ticket;
use super::source::Source;
use super::{Hashing, Threads};

/// One of the streams that may meet, from its first bytes until it is dropped.
#[derive(Debug)]
pub(crate) struct Stream {
    hashing: Arc<Hashing>,
    /// Has seen all bytes but those that are under way.
    hasher: Hasher,
    /// What is hashed beside the caller, in its order.
    under_way: VecDeque<Ticket>,
    is_counted: bool,
}

impl Stream {
    pub(super) fn new(hashing: Arc<Hashing>, hasher: Hasher) -> Self {
        Self { hashing, hasher, under_way: VecDeque::new(), is_counted: false }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.hasher.algorithm()
    }

    /// How many bytes it was given.
    pub(crate) fn size(&self) -> u64 {
        self.hasher.size() + self.under_way.iter().map(Ticket::len).sum::<u64>()
    }

    /// Hashes the next bytes. Threads do it beside the caller, who waits only for what he brought
    /// before, and if there is a thread for each stream, only for what he brought before that: the
    /// thread goes on with these at once. When the future is dropped, the hash is of no more use.
    pub(crate) async fn update(&mut self, bytes: Bytes) {
        if !mem::replace(&mut self.is_counted, true) {
            self.hashing.streams.fetch_add(1, Ordering::Relaxed);
        }
        let streams = self.hashing.streams.load(Ordering::Relaxed);
        if let Some(threads) = self.hashing.threads.clone()
            && bytes.len() >= SHARED_BYTES_MIN
        {
            let ahead = if streams <= threads.count() { AHEAD_MAX } else { 1 };
            while self.under_way.len() >= ahead {
                self.settle_first().await;
            }
            self.put(Source::Bytes(bytes), &threads).await;
            return;
        }
        self.settle().await;
        let queue = &self.hashing.queue;
        let mut at = 0;
        while at < bytes.len() {
            let piece = at..bytes.len().min(at + PIECE_BYTES);
            at = piece.end;
            if piece.len() < SHARED_BYTES_MIN
                || self.hasher.algorithm() != Algorithm::Sha256
                || self.hashing.streams.load(Ordering::Relaxed) < 2
            {
                self.hasher.update(&bytes[piece]);
                if at < bytes.len() {
                    let_others_run().await;
                }
                continue;
            }
            let mut ticket = queue.put(&self.hasher, Source::Bytes(bytes.slice(piece)));
            let_others_run().await;
            ticket.work();
            let _ = ticket.end(&mut self.hasher).await; // nothing is read that could fail
        }
    }

    /// Hashes the next bytes, a part of a file, which threads read, if there are any. Says how many
    /// bytes it had. Fails if they cannot be read; then the hash is of no more use.
    pub(crate) async fn update_from(
        &mut self,
        file: &Arc<File>,
        part: Range<u64>,
    ) -> io::Result<u64> {
        self.settle().await;
        let before = self.hasher.size();
        let source = Source::File(file.clone(), part);
        let mut ticket = self.hashing.queue.put(&self.hasher, source);
        match &self.hashing.threads {
            Some(threads) => self.hashing.queue.work_on(threads),
            None => ticket.work(),
        }
        ticket.end(&mut self.hasher).await?;
        Ok(self.hasher.size() - before)
    }

    /// Has bytes hashed behind those that are under way, by the thread that has these, or else by
    /// whichever.
    async fn put(&mut self, source: Source, threads: &Arc<dyn Threads>) {
        let put = match self.under_way.back() {
            Some(before) => before.put_behind(source),
            None => Err(source),
        };
        let ticket = match put {
            Ok(ticket) => ticket,
            Err(source) => {
                self.settle().await;
                let ticket = self.hashing.queue.put(&self.hasher, source);
                self.hashing.queue.work_on(threads);
                ticket
            }
        };
        self.under_way.push_back(ticket);
    }

    /// The hash of all bytes, when they are hashed.
    pub(crate) async fn settle(&mut self) -> &Hasher {
        while !self.under_way.is_empty() {
            self.settle_first().await;
        }
        &self.hasher
    }

    async fn settle_first(&mut self) {
        if let Some(ticket) = self.under_way.front_mut() {
            let _ = ticket.end(&mut self.hasher).await; // nothing is read that could fail
            self.under_way.pop_front(); // its bytes may be wanted for others
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.is_counted {
            self.hashing.streams.fetch_sub(1, Ordering::Relaxed);
        }
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

/// So many pieces of a stream are under way at most: one is hashed, and one waits for that, so that
/// a thread need not wait until somebody has heard that it is done.
const AHEAD_MAX: usize = 2;

/// What is less is hashed faster than it is handed over.
const SHARED_BYTES_MIN: usize = 4 << 10;

/// As much of a stream is hashed before an executor can do something else: some 0.2 ms.
pub(super) const PIECE_BYTES: usize = 256 << 10;
