//! Extents as objects.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use orlop_backend::{
    ByteStream, Checkpoint, Claim, Entropy, Error, ErrorKind, ExtentEntry, ExtentId, ExtentState,
    Extents, FileRange, Result,
};
use tokio::sync::Semaphore;

use crate::ObjectStoreOptions;
use crate::appender::ObjectAppender;
use crate::bucket::Bucket;
use crate::index::{Index, IndexSpan};
use crate::layout::{INDEX, SPAN};
use crate::progress::Progress;

/// The data plane of a bucket.
#[derive(Clone, Debug)]
pub(crate) struct ObjectExtents {
    shared: Arc<Shared>,
}

/// What all appenders share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) options: ObjectStoreOptions,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// One for each part that may be under way.
    pub(crate) parts: Semaphore,
}

impl ObjectExtents {
    pub(crate) fn new(
        bucket: Arc<Bucket>,
        options: ObjectStoreOptions,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let parts = Semaphore::new(options.parts_at_once);
        Self { shared: Arc::new(Shared { bucket, options, entropy, parts }) }
    }

    async fn index(&self, id: ExtentId) -> Result<Option<Index>> {
        let bucket = &self.shared.bucket;
        let object = bucket.get(&bucket.layout.piece(id, INDEX)).await?;
        object.map(|object| Index::decode(id, &object.bytes)).transpose()
    }

    /// The part of a span that lies in the range, which counts from the beginning of the span.
    async fn read_span(
        self,
        id: ExtentId,
        span: IndexSpan,
        range: Range<u64>,
    ) -> Result<ByteStream> {
        let path = self.shared.bucket.layout.span(id, span.name.as_deref());
        let reading = self.shared.bucket.read(&path, range).await?;
        reading.map(|reading| reading.bytes).ok_or_else(|| {
            let message = format!("extent {id}: its bytes in {path} are gone");
            Error::new(ErrorKind::Unavailable, message)
        })
    }

    /// What lies beside an extent.
    async fn pieces(&self, id: ExtentId) -> Result<Vec<Path>> {
        let bucket = &self.shared.bucket;
        let list = bucket.list(bucket.layout.pieces(id));
        list.map_ok(|object| object.location).try_collect().await
    }
}

#[async_trait]
impl Extents for ObjectExtents {
    /// Never busy: what two writers do at once is settled by whose checkpoint is stored.
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim> {
        let progress = Progress::decode(id, from)?;
        let appender = ObjectAppender::new(self.shared.clone(), id, progress);
        Ok(Claim::Granted(Box::new(appender)))
    }

    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>> {
        let bucket = &self.shared.bucket;
        let Some(first) = bucket.read(&bucket.layout.extent(id), range.clone()).await? else {
            return Ok(None);
        };
        if range.end <= first.size {
            return Ok(Some(first.bytes));
        }
        // It ends here, or it goes on in another object.
        let Some(index) = self.index(id).await? else {
            return Ok(Some(first.bytes));
        };
        drop(first);
        let mut parts = Vec::new();
        let mut at = 0;
        for span in index.spans {
            let part = range.start.max(at)..range.end.min(at + span.len);
            let next = at + span.len;
            if part.start < part.end {
                parts.push((span, part.start - at..part.end - at));
            }
            at = next;
        }
        let extents = self.clone();
        let streams = stream::iter(parts)
            .then(move |(span, range)| extents.clone().read_span(id, span, range));
        Ok(Some(streams.try_flatten().boxed()))
    }

    async fn presign(&self, id: ExtentId, ttl: Duration) -> Result<Option<String>> {
        let bucket = &self.shared.bucket;
        let is_whole = bucket.size(&bucket.layout.piece(id, INDEX)).await?.is_none();
        if is_whole { bucket.presign(&bucket.layout.extent(id), ttl).await } else { Ok(None) }
    }

    async fn file(&self, _id: ExtentId, _range: Range<u64>) -> Result<Option<FileRange>> {
        Ok(None) // it is on another machine
    }

    async fn delete(&self, id: ExtentId) -> Result<()> {
        let bucket = &self.shared.bucket;
        // First, so that a crash in between leaves no extent of which only a part is there.
        bucket.delete(vec![bucket.layout.extent(id)]).await?;
        bucket.delete(self.pieces(id).await?).await
    }

    async fn abandon(&self, id: ExtentId, at: &Checkpoint) -> Result<()> {
        let bucket = &self.shared.bucket;
        for span in Progress::decode(id, at)?.spans {
            let path = bucket.layout.span(id, span.name.as_deref());
            bucket.abort(&path, &span.upload).await?;
        }
        for place in [bucket.layout.extent(id), bucket.layout.pieces(id)] {
            let uploads = bucket.open_uploads(&place);
            uploads.try_for_each(async |open| bucket.abort(&open.path, &open.upload).await).await?;
        }
        let mut pieces = self.pieces(id).await?;
        let is_index = |path: &Path| path.filename() == Some(INDEX);
        if pieces.iter().any(is_index) && bucket.size(&bucket.layout.extent(id)).await?.is_some() {
            pieces.retain(|path| !is_sealed(path));
        }
        bucket.delete(pieces).await
    }

    fn walk_open(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        let open = stream::once(self.beside()).map_ok(|beside| stream::iter(beside.open()));
        open.try_flatten().boxed()
    }

    fn walk(&self) -> BoxStream<'_, Result<ExtentEntry>> {
        stream::once(self.beside())
            .map_ok(move |beside| {
                let sealed = self.sealed(beside.with_index.clone());
                sealed.chain(stream::iter(beside.open()))
            })
            .try_flatten()
            .boxed()
    }
}

/// What lies beside the extents.
#[derive(Debug, Default)]
struct Beside {
    with_index: HashSet<ExtentId>,
    /// Extents that have something that is not sealed.
    open: HashMap<ExtentId, SystemTime>,
}

impl Beside {
    fn open(self) -> impl Iterator<Item = Result<ExtentEntry>> {
        let entry = |(id, modified)| Ok(ExtentEntry { id, state: ExtentState::Open, modified });
        self.open.into_iter().map(entry)
    }
}

impl ObjectExtents {
    /// Takes memory for what is under way, not for what is stored.
    async fn beside(&self) -> Result<Beside> {
        let bucket = &self.shared.bucket;
        let mut beside = Beside::default();
        let mut pieces = bucket.list(bucket.layout.all_pieces());
        while let Some(piece) = pieces.try_next().await? {
            let Some(id) = bucket.layout.owner(&piece.location) else { continue };
            if piece.location.filename() == Some(INDEX) {
                beside.with_index.insert(id);
            } else if !is_sealed(&piece.location) {
                beside.open.entry(id).or_insert(piece.last_modified.into());
            }
        }
        let mut uploads = bucket.open_uploads(bucket.layout.root());
        while let Some(open) = uploads.try_next().await? {
            let Some(id) = bucket.layout.owner(&open.path) else { continue };
            beside.open.entry(id).or_insert(open.begun);
        }
        Ok(beside)
    }

    fn sealed(&self, with_index: HashSet<ExtentId>) -> BoxStream<'_, Result<ExtentEntry>> {
        let bucket = &self.shared.bucket;
        let objects = bucket.list(bucket.layout.extents());
        objects
            .try_filter_map(move |object| {
                let id = bucket.layout.owner(&object.location);
                let has_index = id.is_some_and(|id| with_index.contains(&id));
                async move {
                    let Some(id) = id else { return Ok(None) };
                    let index = if has_index { self.index(id).await? } else { None };
                    let len = index.map_or(object.size, |index| index.len());
                    let state = ExtentState::Sealed { len };
                    Ok(Some(ExtentEntry { id, state, modified: object.last_modified.into() }))
                }
            })
            .boxed()
    }
}

/// Whether it belongs to a sealed extent, if there is one.
fn is_sealed(path: &Path) -> bool {
    path.filename().is_some_and(|name| name == INDEX || name.starts_with(SPAN))
}
