//! Extents as files.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use orlop_backend::{
    ByteStream, Checkpoint, Claim, Error, ErrorKind, ExtentEntry, ExtentId, ExtentState, Extents,
    FileRange, Result,
};

use crate::appender::FsAppender;
use crate::blocking::{blocking, reading};
use crate::disk::DiskFile;
use crate::layout::OPEN_EXTENSION;
use crate::pool::aside;
use crate::reader::{Reader, cut};
use crate::volume::{Volume, failed, found};

/// Extents in a directory.
#[derive(Clone, Debug)]
pub(crate) struct FsExtents {
    volume: Arc<Volume>,
}

impl FsExtents {
    pub(crate) fn new(volume: Arc<Volume>) -> Self {
        Self { volume }
    }
}

#[async_trait]
impl Extents for FsExtents {
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        let (volume, len) = (self.volume.clone(), from.len);
        let Some((file, found)) = blocking(move || volume.claim_extent(id, len)).await? else {
            return Ok(Claim::Busy);
        };
        let appender = FsAppender::new(self.volume.clone(), id, file, len..found);
        Ok(Claim::Granted(Box::new(appender)))
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        let volume = self.volume.clone();
        let opened = reading(move |wait| Reader::open(&volume, id, &range, wait));
        Ok(opened.await?.map(Reader::stream))
    }

    async fn file(&self, id: ExtentId, range: Range<u64>) -> Result<Option<FileRange>> {
        let volume = self.volume.clone();
        reading(move |wait| {
            let Some((file, len)) = volume.open_extent(id, wait)? else {
                return Ok(None);
            };
            let range = cut(&range, len);
            file.read_ahead(range.start..range.end.min(range.start + FILE_AHEAD_BYTES));
            let file =
                file.to_os().map_err(|error| failed("open", &volume.layout.extent(id), error));
            Ok(file?.map(|file| FileRange { file, range }))
        })
        .await
    }

    async fn presign(&self, _id: ExtentId, _ttl: Duration) -> Result<Option<String>> {
        Ok(None) // a directory speaks no HTTP
    }

    async fn delete(&self, id: ExtentId) -> Result<()> {
        let volume = self.volume.clone();
        let layout = &self.volume.layout;
        let paths = vec![layout.open_extent(id), layout.extent(id)];
        blocking(move || {
            volume.delete_files(paths)?;
            volume.forget_open(id);
            Ok(())
        })
        .await
    }

    async fn abandon(&self, id: ExtentId, _at: &Checkpoint) -> Result<()> {
        // A writer that is still at it goes on into a file without a name, and cannot seal it.
        let volume = self.volume.clone();
        let path = self.volume.layout.open_extent(id);
        blocking(move || {
            volume.delete_files(vec![path])?;
            volume.forget_open(id);
            Ok(())
        })
        .await
    }

    fn walk_open(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        let volume = self.volume.clone();
        stream::once(blocking(move || volume.open_extents()))
            .map_ok(|entries| stream::iter(entries.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    fn walk(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        let volume = self.volume.clone();
        stream::once(blocking(move || volume.extent_dirs()))
            .map_ok(|dirs| stream::iter(dirs.into_iter().map(Ok)))
            .try_flatten()
            .and_then(|dir| {
                let volume = self.volume.clone();
                blocking(move || volume.extents_in(&dir))
            })
            .map_ok(|entries| stream::iter(entries.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }
}

impl Volume {
    /// Opens the extent's file, locks it, and says how long it is; `None` if somebody else holds it.
    fn claim_extent(&self, id: ExtentId, len: u64) -> Result<Option<(Box<dyn DiskFile>, u64)>> {
        self.check_writable()?;
        let path = self.layout.open_extent(id);
        let open = |error| failed("open", &path, error);
        let file = loop {
            if let Some(file) = found(self.disk.open(&path)).map_err(open)? {
                break file;
            }
            let sealed = found(self.disk.metadata(&self.layout.extent(id))).map_err(open)?;
            if len > 0 || sealed.is_some() {
                let state = if sealed.is_some() { "sealed" } else { "gone" };
                let message = format!("extent {id} is {state}, expected {len} bytes to go on from");
                return Err(Error::new(ErrorKind::Corrupt, message));
            }
            self.note_open(id);
            let made = self.make_name(&path, || match self.disk.create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None), // it does now
                made => made.map(Some),
            })?;
            if let Some(file) = made {
                break file;
            }
        };
        let mut attempts = CLAIM_ATTEMPTS;
        while !file.try_lock().map_err(|error| failed("lock", &path, error))? {
            attempts -= 1;
            if attempts == 0 {
                return Ok(None);
            }
            aside(|| thread::sleep(CLAIM_PAUSE));
        }
        let found = file.metadata().map_err(open)?.len;
        if found < len {
            let message = format!("extent {id} has {found} bytes, expected at least {len}");
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        Ok(Some((file, found)))
    }

    fn extent_dirs(&self) -> Result<Vec<String>> {
        let root = self.layout.extents();
        let read = |error| failed("read", root, error);
        let mut dirs = Vec::new();
        for entry in self.disk.read_dir(root).map_err(read)? {
            let entry = entry.map_err(read)?;
            if entry.is_dir {
                dirs.push(entry.name);
            }
        }
        Ok(dirs)
    }

    fn extents_in(&self, dir: &str) -> Result<Vec<ExtentEntry>> {
        let dir = self.layout.extents().join(dir);
        let read = |error| failed("read", &dir, error);
        let mut extents = Vec::new();
        for entry in self.disk.read_dir(&dir).map_err(read)? {
            let name = entry.map_err(read)?.name;
            let (id, extension) = name.split_once('.').unwrap_or((&name, ""));
            let metadata = found(self.disk.metadata(&dir.join(&name))).map_err(read)?;
            let (Ok(id), Some(metadata)) = (id.parse(), metadata) else {
                continue; // a foreign file, or one that has gone since
            };
            let state = match extension {
                "" => ExtentState::Sealed { len: metadata.len },
                OPEN_EXTENSION => ExtentState::Open,
                _ => continue,
            };
            extents.push(ExtentEntry { id, state, modified: metadata.modified });
        }
        Ok(extents)
    }
}

/// Whoever asks for a file is about to read it, and in order.
const FILE_AHEAD_BYTES: u64 = 4 << 20;

/// A writer that was dropped may still be busy with its last write.
const CLAIM_ATTEMPTS: u32 = 50;
const CLAIM_PAUSE: Duration = Duration::from_millis(10);
