//! Extents in memory.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::lock;
use crate::{
    Appender, ByteStream, Checkpoint, Claim, Clock, Error, ErrorKind, ExtentEntry, ExtentId,
    ExtentState, Extents, FileRange, Result,
};

/// Extents in this process's memory.
#[derive(Clone, Debug)]
pub struct MemoryExtents {
    extents: Arc<Mutex<BTreeMap<ExtentId, Extent>>>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Extent {
    /// In pieces as they were written, so that nothing is copied again.
    pieces: Vec<Bytes>,
    len: u64,
    sealed: bool,
    claimed: bool,
    modified: SystemTime,
}

impl MemoryExtents {
    /// An empty place.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { extents: Arc::default(), clock }
    }

    /// What there is at this moment.
    fn entries(
        &self,
        is_wanted: impl Fn(ExtentState) -> bool,
    ) -> BoxStream<'_, Result<ExtentEntry>> {
        let entries: Vec<_> = lock(&self.extents)
            .iter()
            .map(|(id, extent)| ExtentEntry {
                id: *id,
                state: extent.state(),
                modified: extent.modified,
            })
            .filter(|entry| is_wanted(entry.state))
            .map(Ok)
            .collect();
        stream::iter(entries).boxed()
    }
}

#[async_trait]
impl Extents for MemoryExtents {
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        let mut extents = lock(&self.extents);
        let extent = extents.entry(id).or_insert_with(Extent::empty);
        if extent.claimed {
            return Ok(Claim::Busy);
        }
        if extent.sealed || extent.len < from.len {
            let message = format!(
                "cannot write extent {id} from byte {}: it has {} and is {}",
                from.len,
                extent.len,
                if extent.sealed { "sealed" } else { "open" },
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        extent.claimed = true;
        Ok(Claim::Granted(Box::new(MemoryAppender {
            extents: self.extents.clone(),
            clock: self.clock.clone(),
            id,
            base: from.len,
            discards: extent.len > from.len,
            unwritten: Vec::new(),
            len: from.len,
        })))
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        let extents = lock(&self.extents);
        let Some(extent) = extents.get(&id).filter(|extent| extent.sealed) else {
            return Ok(None);
        };
        let pieces = cut(&extent.pieces, range);
        Ok(Some(stream::iter(pieces.into_iter().map(Ok)).boxed()))
    }

    async fn presign(&self, _id: ExtentId, _ttl: Duration) -> Result<Option<String>> {
        Ok(None) // there is no way to this memory but through this process
    }

    async fn file(&self, _id: ExtentId, _range: Range<u64>) -> Result<Option<FileRange>> {
        Ok(None) // it is in no file
    }

    async fn delete(&self, id: ExtentId) -> Result<()> {
        lock(&self.extents).remove(&id);
        Ok(())
    }

    async fn abandon(&self, id: ExtentId, _at: &Checkpoint) -> Result<()> {
        let mut extents = lock(&self.extents);
        if extents.get(&id).is_some_and(|extent| !extent.sealed) {
            extents.remove(&id);
        }
        Ok(())
    }

    fn walk_open(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        self.entries(|state| state == ExtentState::Open)
    }

    fn walk(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        self.entries(|_| true)
    }
}

impl Extent {
    fn empty() -> Self {
        Self {
            pieces: Vec::new(),
            len: 0,
            sealed: false,
            claimed: false,
            modified: SystemTime::UNIX_EPOCH,
        }
    }

    fn state(&self) -> ExtentState {
        if self.sealed { ExtentState::Sealed { len: self.len } } else { ExtentState::Open }
    }
}

/// The part of `pieces` that lies in `range`.
fn cut(pieces: &[Bytes], range: Range<u64>) -> Vec<Bytes> {
    let mut at = 0;
    let mut parts = Vec::new();
    for piece in pieces {
        let end = at + piece.len() as u64;
        let offset = |byte: u64| usize::try_from(byte.clamp(at, end) - at).unwrap_or(piece.len());
        let (from, to) = (offset(range.start), offset(range.end));
        if from < to {
            parts.push(piece.slice(from..to));
        }
        at = end;
    }
    parts
}

#[derive(Debug)]
struct MemoryAppender {
    extents: Arc<Mutex<BTreeMap<ExtentId, Extent>>>,
    clock: Arc<dyn Clock>,
    id: ExtentId,
    /// Where `unwritten` begins.
    base: u64,
    /// Whether there is something behind.
    discards: bool,
    unwritten: Vec<Bytes>,
    len: u64,
}

impl MemoryAppender {
    fn flush(&mut self, seal: bool) -> Result<()> {
        let mut extents = lock(&self.extents);
        let Some(extent) = extents.get_mut(&self.id) else {
            let message = format!("extent {} was given up while it was written", self.id);
            return Err(Error::new(ErrorKind::Unavailable, message));
        };
        if extent.len > self.base {
            extent.pieces = cut(&extent.pieces, 0..self.base);
        }
        extent.pieces.append(&mut mem::take(&mut self.unwritten));
        extent.len = self.len;
        extent.sealed = seal;
        extent.modified = self.clock.now();
        self.base = self.len;
        Ok(())
    }
}

#[async_trait]
impl Appender for MemoryAppender {
    fn discards(&self) -> bool {
        self.discards
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.len += bytes.len() as u64;
        // What it lies in is needed for the next bytes, and may be much larger.
        self.unwritten.push(Bytes::copy_from_slice(&bytes));
        Ok(())
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint> {
        self.flush(false)?;
        Ok(Checkpoint { len: self.len, token: Bytes::new() })
    }

    async fn seal(mut self: Box<Self>) -> Result<()> {
        self.flush(true)
    }
}

impl Drop for MemoryAppender {
    fn drop(&mut self) {
        if let Some(extent) = lock(&self.extents).get_mut(&self.id) {
            extent.claimed = false;
        }
    }
}
