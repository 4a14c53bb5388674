//! Reading the file of an extent, piece by piece.
//!
//! What is in memory is read where it is asked for. What is not is read on a thread that may wait,
//! and the operating system is told what will be asked for next, so that it reads that while this
//! piece is on its way. Buffers come back when whoever got them lets go.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use orlop_backend::{ByteStream, Error, ErrorKind, ExtentId, Result};

use crate::blocking::{Wait, reading};
use crate::disk::DiskFile;
use crate::volume::{Volume, failed};

/// A range of an open extent.
#[derive(Debug)]
pub(crate) struct Reader {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    at: u64,
    end: u64,
    /// What was read already.
    ready: Option<Bytes>,
    /// Buffers that were given away, the oldest first.
    given: VecDeque<Bytes>,
}

impl Volume {
    /// Opens a sealed extent, and says how long it is; `None` if it is not there.
    pub(crate) fn open_extent(
        &self,
        id: ExtentId,
        wait: Wait,
    ) -> Result<Option<(Box<dyn DiskFile>, u64)>> {
        let opened = self.open_to_read(&self.layout.extent(id), wait)?;
        Ok(opened.map(|(file, metadata)| (file, metadata.len)))
    }
}

/// What there is of a range in something of that length.
pub(crate) fn cut(range: &Range<u64>, len: u64) -> Range<u64> {
    let end = range.end.min(len);
    range.start.min(end)..end
}

impl Reader {
    /// Opens a range of an extent and reads its first piece, so that a small one takes one step.
    pub(crate) fn open(
        volume: &Volume,
        id: ExtentId,
        range: &Range<u64>,
        wait: Wait,
    ) -> Result<Option<Self>> {
        let Some((file, len)) = volume.open_extent(id, wait)? else {
            return Ok(None);
        };
        let range = cut(range, len);
        let mut reader = Self {
            file: file.into(),
            path: volume.layout.extent(id),
            at: range.start,
            end: range.end,
            ready: None,
            given: VecDeque::new(),
        };
        if reader.at < reader.end {
            reader.ready = Some(reader.read(wait)?);
        }
        Ok(Some(reader))
    }

    /// Its bytes.
    pub(crate) fn stream(self) -> ByteStream {
        stream::try_unfold(self, Self::next).boxed()
    }

    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        if let Some(piece) = self.ready.take() {
            return Ok(Some((piece, self)));
        }
        if self.at >= self.end {
            return Ok(None);
        }
        let mut reader = Some(self);
        reading(move |wait| {
            let Some(own) = &mut reader else { return Ok(None) };
            let piece = own.read(wait)?;
            Ok(reader.take().map(|own| (piece, own)))
        })
        .await
    }

    /// The next piece.
    fn read(&mut self, wait: Wait) -> Result<Bytes> {
        let len = usize::try_from(self.end - self.at).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let mut buffer = self.buffer(len);
        let read = match wait {
            Wait::Never => self.file.read_cached_at(&mut buffer, self.at),
            Wait::Long => self.file.read_at(&mut buffer, self.at),
        };
        let read = read.map_err(|error| failed("read", &self.path, error))?;
        if read == 0 {
            let (path, at, end) = (self.path.display(), self.at, self.end);
            let message = format!("{path} ends at byte {at}, expected {end}");
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        self.at += read as u64;
        if wait == Wait::Long {
            self.file.read_ahead(self.at..self.end.min(self.at + AHEAD_BYTES));
        }
        buffer.truncate(read);
        let piece = buffer.freeze();
        if self.at < self.end {
            self.given.push_back(piece.clone());
        }
        Ok(piece)
    }

    /// A buffer that was used and is free again, or a new one.
    fn buffer(&mut self, len: usize) -> BytesMut {
        let free = match self.given.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(free)) => Some(free),
            Some(Err(taken)) if self.given.len() < GIVEN_MAX => {
                self.given.push_front(taken);
                None
            }
            _ => None,
        };
        let mut buffer = free.unwrap_or_default();
        buffer.resize(len, 0);
        buffer
    }
}

/// Read at a time: enough that a step does not count, and so little that others need not wait.
const PIECE_BYTES: usize = 256 << 10;

/// How far the operating system reads ahead of what was not in memory.
const AHEAD_BYTES: u64 = 1 << 20;

/// Whoever sends pieces holds some of them; one who collects them keeps them all, and there is no
/// use in looking out for so many.
const GIVEN_MAX: usize = 3;
