//! What an upload, or a blob that is looked at, brings to be hashed.

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

use super::Hashing;
use super::queue::Ticket;
use super::source::Source;

/// One of the streams that may meet, from its first bytes until it is dropped.
#[derive(Debug)]
pub(crate) struct Stream {
    hashing: Arc<Hashing>,
    /// Has seen all bytes but those that are under way.
    hasher: Hasher,
    /// What is hashed beside the caller.
    under_way: Option<Ticket>,
    is_counted: bool,
}

impl Stream {
    pub(super) fn new(hashing: Arc<Hashing>, hasher: Hasher) -> Self {
        Self { hashing, hasher, under_way: None, is_counted: false }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.hasher.algorithm()
    }

    /// How many bytes it was given.
    pub(crate) fn size(&self) -> u64 {
        self.hasher.size() + self.under_way.as_ref().map_or(0, Ticket::len)
    }

    /// Hashes the next bytes. Threads do it beside the caller, who waits only for what he brought
    /// before. When the future is dropped, the hash is of no more use.
    pub(crate) async fn update(&mut self, bytes: Bytes) {
        self.settle().await;
        if !mem::replace(&mut self.is_counted, true) {
            self.hashing.streams.fetch_add(1, Ordering::Relaxed);
        }
        let queue = &self.hashing.queue;
        if let Some(threads) = &self.hashing.threads
            && bytes.len() >= SHARED_BYTES_MIN
        {
            self.under_way = Some(queue.put(&self.hasher, Source::Bytes(bytes)));
            queue.work_on(&**threads);
            return;
        }
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
            Some(threads) => self.hashing.queue.work_on(&**threads),
            None => ticket.work(),
        }
        ticket.end(&mut self.hasher).await?;
        Ok(self.hasher.size() - before)
    }

    /// The hash of all bytes, when they are hashed.
    pub(crate) async fn settle(&mut self) -> &Hasher {
        if let Some(ticket) = &mut self.under_way {
            let _ = ticket.end(&mut self.hasher).await; // nothing is read that could fail
            self.under_way = None; // its bytes may be wanted for others
        }
        &self.hasher
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

/// What is less is hashed faster than it is handed over.
const SHARED_BYTES_MIN: usize = 4 << 10;

/// As much of a stream is hashed before an executor can do something else: some 0.2 ms.
pub(super) const PIECE_BYTES: usize = 256 << 10;
