//! Writing the end of an extent's file.
//!
//! Bytes are gathered to large batches, and one batch is written on a blocking thread while the
//! next one comes in: at most two of them are in memory, and no thread is held while a slow
//! client sends nothing.

use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use orlop_backend::{Appender, Checkpoint, ExtentId, Result};
use tokio::task::JoinHandle;

use crate::disk::DiskFile;
use crate::extents::blocking;
use crate::layout::parent;
use crate::volume::{Volume, failed};

/// Holds the file's lock until it is dropped.
#[derive(Debug)]
pub(crate) struct FsAppender {
    volume: Arc<Volume>,
    id: ExtentId,
    file: Arc<dyn DiskFile>,
    batch: Vec<Bytes>,
    batch_bytes: usize,
    /// Everything before is written or in `writing`.
    offset: u64,
    /// Whether what lies behind the first write's offset has been discarded.
    truncated: bool,
    writing: Option<JoinHandle<Result<()>>>,
}

impl FsAppender {
    pub(crate) fn new(
        volume: Arc<Volume>,
        id: ExtentId,
        file: Box<dyn DiskFile>,
        offset: u64,
    ) -> Self {
        Self {
            volume,
            id,
            file: file.into(),
            batch: Vec::new(),
            batch_bytes: 0,
            offset,
            truncated: false,
            writing: None,
        }
    }

    /// Hands the batch to a blocking thread, after the one before is done.
    async fn flush(&mut self) -> Result<()> {
        self.settle().await?;
        let batch = mem::take(&mut self.batch);
        let (at, truncate) = (self.offset, !mem::replace(&mut self.truncated, true));
        self.offset += mem::take(&mut self.batch_bytes) as u64;
        let (file, path) = (self.file.clone(), self.volume.layout.open_extent(self.id));
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let write = |error| failed("write", &path, error);
            if truncate {
                file.truncate(at).map_err(write)?;
            }
            let mut at = at;
            for bytes in batch {
                file.write_all_at(&bytes, at).map_err(write)?;
                at += bytes.len() as u64;
            }
            Ok(())
        }));
        Ok(())
    }

    /// Waits for the batch that is being written.
    async fn settle(&mut self) -> Result<()> {
        let Some(writing) = self.writing.take() else {
            return Ok(());
        };
        match writing.await {
            Ok(result) => result,
            Err(error) => blocking(move || std::panic::resume_unwind(error.into_panic())).await,
        }
    }

    /// Makes contents durable, then the name under which they are found.
    async fn sync(&mut self) -> Result<()> {
        self.flush().await?;
        self.settle().await?;
        let (volume, file, id) = (self.volume.clone(), self.file.clone(), self.id);
        blocking(move || {
            let path = volume.layout.open_extent(id);
            volume.sync_file(&*file, &path)?;
            volume.sync_dir(parent(&path))
        })
        .await
    }
}

#[async_trait]
impl Appender for FsAppender {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.batch_bytes += bytes.len();
        self.batch.push(bytes);
        if self.batch_bytes >= BATCH_BYTES || self.batch.len() >= BATCH_PIECES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint> {
        self.sync().await?;
        Ok(Checkpoint { len: self.offset, token: Bytes::new() })
    }

    async fn seal(mut self: Box<Self>) -> Result<()> {
        self.flush().await?;
        self.settle().await?;
        let (volume, file, id) = (self.volume.clone(), self.file.clone(), self.id);
        blocking(move || {
            let path = volume.layout.open_extent(id);
            // Contents before the name that makes them readable.
            volume.sync_file(&*file, &path)?;
            volume.install(&path, &volume.layout.extent(id))
        })
        .await
    }
}

/// Large enough that handing it to another thread costs little beside writing it.
const BATCH_BYTES: usize = 1 << 20;

/// A client that sends single bytes must not fill memory with what stands around them.
const BATCH_PIECES: usize = 1 << 12;
