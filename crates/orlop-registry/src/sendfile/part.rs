//! Parts of files that are to be sent.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use super::kernel;
use super::piece::{PIECE_BYTES, Piece};

/// What is left to send of a part of a file.
#[derive(Debug)]
pub(super) struct Part {
    file: Arc<File>,
    at: u64,
    left: usize,
}

/// The parts that are to be sent by one connection, the next one first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    waiting: Arc<Mutex<VecDeque<Part>>>,
}

impl Parts {
    /// Takes a part off the front of a range, puts it behind those that wait, and gives the piece
    /// that stands for it; `None` at the end of the range.
    pub(super) fn push(&self, file: &Arc<File>, range: &mut Range<u64>) -> Option<Piece> {
        let at = range.start;
        let left = usize::try_from(range.end - at).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        range.start += left as u64;
        (left > 0).then(|| {
            let part = Part { file: file.clone(), at, left };
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(part);
            Piece::File(left)
        })
    }

    pub(super) fn next(&self) -> Option<Part> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Part {
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Whether it is in memory, as far as samples tell.
    pub(super) fn is_in_memory(&self) -> bool {
        self.samples().all(|at| kernel::is_in_memory(&self.file, at))
    }

    /// Gets it into memory. Waits for the medium.
    pub(super) fn fetch(&self) -> io::Result<()> {
        kernel::read_ahead(&self.file, self.at..self.at + AHEAD_BYTES);
        self.samples().try_for_each(|at| self.file.read_at(&mut [0], at).map(drop))
    }

    /// Sends as much of it as the socket takes, and says how much that was.
    pub(super) fn send(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let sent = kernel::send_file(socket, &self.file, self.at, self.left)?;
        if sent == 0 {
            let message =
                format!("a blob's file ends, {} bytes too early, at {}", self.left, self.at);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        self.at += sent as u64;
        self.left -= sent;
        Ok(sent)
    }

    /// Places in it, as far from each other as what the operating system reads at a time.
    fn samples(&self) -> impl Iterator<Item = u64> {
        let end = self.at + self.left as u64;
        (self.at..end).step_by(SAMPLE_BYTES).chain(end.checked_sub(1))
    }
}

const SAMPLE_BYTES: usize = 128 << 10;

/// How far the operating system reads ahead of what was not in memory.
const AHEAD_BYTES: u64 = 4 << 20;
