//! Writing the end of an extent's file.
//!
//! What is given at once is written on a blocking thread, while the caller brings more: he is never
//! further ahead than one write, and no thread is held while a slow client sends nothing.
//!
//! What must be durable and is large goes to the medium directly: it has to get there anyway, and
//! the operating system need not find memory for it first. Where that cannot be done, what is
//! written is synced beside the writing, every few MiB. So a commit has little left to wait for,
//! however large the blob is.

use std::io;
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use orlop_backend::{Appender, Checkpoint, ExtentId, Result};
use tokio::task::JoinHandle;

use crate::blocking::{blocking, ended};
use crate::disk::DiskFile;
use crate::volume::{Volume, failed};

/// Holds the file's lock until it is dropped.
#[derive(Debug)]
pub(crate) struct FsAppender {
    volume: Arc<Volume>,
    id: ExtentId,
    file: Arc<dyn DiskFile>,
    /// Everything before is written or in `writing`.
    offset: u64,
    /// The last checkpoint. Once there was one with bytes, the file's name is durable too.
    durable: u64,
    /// Whether the file has bytes behind the checkpoint, which the first write discards. Cutting
    /// off nothing is not free: ext4 takes it for a sign that the file is being replaced, and
    /// writes it out when it is closed.
    has_rest: bool,
    /// What was given last, on its way to the medium.
    writing: Option<JoinHandle<Result<()>>>,
    /// Bytes that the operating system has been given since a sync began.
    unsynced: Arc<AtomicUsize>,
    syncing: Option<JoinHandle<Result<()>>>,
}

impl FsAppender {
    pub(crate) fn new(
        volume: Arc<Volume>,
        id: ExtentId,
        file: Box<dyn DiskFile>,
        rest: Range<u64>,
    ) -> Self {
        Self {
            volume,
            id,
            file: file.into(),
            offset: rest.start,
            durable: rest.start,
            has_rest: !rest.is_empty(),
            writing: None,
            unsynced: Arc::default(),
            syncing: None,
        }
    }

    /// Cuts off what is behind the checkpoint, once.
    async fn discard_rest(&mut self) -> Result<()> {
        if !mem::take(&mut self.has_rest) {
            return Ok(());
        }
        let (file, at) = (self.file.clone(), self.offset);
        let path = self.volume.layout.open_extent(self.id);
        blocking(move || file.truncate(at).map_err(|error| failed("write", &path, error))).await
    }

    /// Begins to sync what is written, beside the writing, so that little is left at the end.
    async fn sync_ahead(&mut self) -> Result<()> {
        let is_idle = self.syncing.as_ref().is_none_or(JoinHandle::is_finished);
        let unsynced = self.unsynced.load(Ordering::Relaxed);
        if unsynced < SYNC_BYTES || !is_idle || !self.volume.is_durable() {
            return Ok(());
        }
        settle(self.syncing.take()).await?;
        self.unsynced.fetch_sub(unsynced, Ordering::Relaxed);
        let (volume, file) = (self.volume.clone(), self.file.clone());
        let path = volume.layout.open_extent(self.id);
        self.syncing = Some(tokio::task::spawn_blocking(move || volume.sync_file(&*file, &path)));
        Ok(())
    }

    /// Waits for what is under way. The failure of a sync would not be reported again by the next.
    async fn finish(&mut self) -> Result<()> {
        self.discard_rest().await?;
        settle(self.writing.take()).await?;
        settle(self.syncing.take()).await
    }

    /// Makes contents durable, then the name under which they are found.
    async fn sync(&mut self) -> Result<()> {
        self.finish().await?;
        let (volume, file, id) = (self.volume.clone(), self.file.clone(), self.id);
        let has_name = self.durable > 0;
        blocking(move || {
            let path = volume.layout.open_extent(id);
            volume.sync_file(&*file, &path)?;
            if has_name { Ok(()) } else { volume.sync_extent_name(&path) }
        })
        .await
    }
}

#[async_trait]
impl Appender for FsAppender {
    fn discards(&self) -> bool {
        self.has_rest
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.discard_rest().await?;
        settle(self.writing.take()).await?;
        self.sync_ahead().await?;
        let at = self.offset;
        self.offset += bytes.len() as u64;
        let (file, unsynced) = (self.file.clone(), self.unsynced.clone());
        let is_direct = self.volume.is_durable() && may_be_direct(&bytes, at);
        let (path, durable) = (self.volume.layout.open_extent(self.id), self.durable);
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let write = || {
                if !(is_direct && file.write_direct_at(&bytes, at)?) {
                    unsynced.fetch_add(bytes.len(), Ordering::Relaxed);
                    write_pieces(&*file, &bytes, at)?;
                }
                Ok(())
            };
            write().map_err(|error| {
                // What followed the last checkpoint is lost anyway; if the disk is full, others
                // can use the room.
                let _ = file.truncate(durable);
                failed("write", &path, error)
            })
        }));
        Ok(())
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint> {
        self.sync().await?;
        self.durable = self.offset;
        Ok(Checkpoint { len: self.offset, token: Bytes::new() })
    }

    async fn seal(mut self: Box<Self>) -> Result<()> {
        self.finish().await?;
        let (volume, file, id) = (self.volume.clone(), self.file.clone(), self.id);
        blocking(move || {
            let (open, sealed) = (volume.layout.open_extent(id), volume.layout.extent(id));
            // Contents before the name that makes them readable.
            volume.sync_file(&*file, &open)?;
            volume.rename(&open, &sealed)?;
            volume.sync_extent_name(&sealed)?;
            volume.forget_open(id);
            Ok(())
        })
        .await
    }
}

/// Whether a medium can take them as they are, and it is worth its while.
fn may_be_direct(bytes: &Bytes, at: u64) -> bool {
    bytes.len() >= DIRECT_BYTES_MIN
        && bytes.len().is_multiple_of(BLOCK_BYTES)
        && at.is_multiple_of(BLOCK_BYTES as u64)
        && bytes.as_ptr().align_offset(BLOCK_BYTES) == 0
}

fn write_pieces(file: &dyn DiskFile, bytes: &[u8], mut at: u64) -> io::Result<()> {
    for piece in bytes.chunks(WRITE_BYTES) {
        file.write_all_at(piece, at)?;
        at += piece.len() as u64;
    }
    Ok(())
}

/// Waits for work if there is any.
async fn settle(work: Option<JoinHandle<Result<()>>>) -> Result<()> {
    match work {
        Some(work) => ended(work).await,
        None => Ok(()),
    }
}

/// What is less is written sooner to the operating system's memory.
const DIRECT_BYTES_MIN: usize = 256 << 10;

/// What a medium writes at a time, at least: the size of a page is a multiple of any block's.
const BLOCK_BYTES: usize = 4096;

/// Given to the operating system at a time. A larger write gets its cache in one large block each,
/// and in a virtual machine that has given free memory back such a block must be fetched from the
/// host again: a write of 1 MiB was seen to cost up to nine times as much as 32 of these.
const WRITE_BYTES: usize = 32 << 10;

/// About what is left to be synced at the end of an upload.
const SYNC_BYTES: usize = 8 << 20;
