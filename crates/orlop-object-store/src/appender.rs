//! Writing the end of an extent, part by part.
//!
//! Parts go straight to the object where the extent is to be, while the next one is gathered. What
//! does not fill a part when a request ends is kept as a piece, or in the checkpoint itself if it
//! is little, and becomes part of a part once: no byte is stored more than twice.
//!
//! Two processes can hold the same checkpoint. A part of a multipart upload replaces the one with
//! the same number, so the slower of the two could destroy what the faster one has acknowledged.
//! Therefore nobody adds a part to an upload that others know of but who wins its turn by a
//! conditional write, which everybody can win once per checkpoint; who does not win it goes on in
//! an object of his own, a further span of the extent. The stored checkpoint decides which of them
//! counts.

use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, FuturesUnordered};
use futures::{StreamExt, TryStreamExt};
use object_store::PutPayload;
use object_store::path::Path;
use orlop_backend::{Appender, Checkpoint, Error, ErrorKind, ExtentId, Result};
use tokio::task::JoinSet;

use crate::bucket::Put;
use crate::extents::Shared;
use crate::gather::Gather;
use crate::index::Index;
use crate::layout::{INDEX, SPAN};
use crate::progress::{Piece, Progress, Span};

/// Dropping it stops the parts that are under way.
#[derive(Debug)]
pub(crate) struct ObjectAppender {
    shared: Arc<Shared>,
    id: ExtentId,
    progress: Progress,
    /// The debris of the checkpoint from which this one began.
    debris: Vec<String>,
    /// What follows the spans and pieces.
    gather: Gather,
    turn: Turn,
    sending: JoinSet<Result<Sent>>,
}

/// Whether parts may be added to the last span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Nobody else knows of it, or the turn was won.
    Ours,
    /// It was in a checkpoint: others may want to add the same part.
    Open,
}

/// A part that is stored.
#[derive(Debug)]
struct Sent {
    span: usize,
    index: usize,
    id: String,
}

impl ObjectAppender {
    pub(crate) fn new(shared: Arc<Shared>, id: ExtentId, mut progress: Progress) -> Self {
        let mut gather = Gather::default();
        gather.push(mem::take(&mut progress.loose));
        let debris = mem::take(&mut progress.debris);
        let sending = JoinSet::new();
        Self { shared, id, progress, debris, gather, turn: Turn::Open, sending }
    }

    /// Sends as many parts as are full.
    async fn send_full_parts(&mut self) -> Result<()> {
        while self.unsent() >= self.part_bytes() as u64 {
            self.take_up_pieces().await?;
            if !self.may_extend().await? {
                self.begin_span().await?;
            }
            let bytes = self.gather.take(self.part_bytes());
            self.send(bytes).await?;
        }
        Ok(())
    }

    /// Bytes that are in no part yet.
    fn unsent(&self) -> u64 {
        self.progress.pieces_len() + self.gather.len() as u64
    }

    /// The size of the next part. All parts of a span have the same size; some stores insist.
    fn part_bytes(&self) -> usize {
        let max = self.shared.options.parts_max;
        match self.progress.spans.last() {
            Some(span) if span.parts.len() < max => span.part_bytes,
            _ => {
                let full = self.progress.spans.iter().filter(|span| span.parts.len() >= max);
                let doubled = u32::try_from(full.count()).ok().and_then(|n| 1usize.checked_shl(n));
                self.shared.options.part_bytes.saturating_mul(doubled.unwrap_or(usize::MAX))
            }
        }
    }

    /// Whether the next part can go to the last span.
    async fn may_extend(&mut self) -> Result<bool> {
        let Some(span) = self.progress.spans.last_mut() else {
            return Ok(false);
        };
        if span.parts.len() >= self.shared.options.parts_max {
            return Ok(false);
        }
        if self.turn == Turn::Open {
            let bucket = &self.shared.bucket;
            let path = bucket.layout.piece(self.id, &span.turn_name());
            let nonce = self.shared.entropy.random_id()?.to_string();
            match bucket.put_if(&path, span.turn.as_ref(), nonce.into()).await? {
                Put::Stored(version) => {
                    span.turn = Some(version);
                    self.turn = Turn::Ours;
                }
                Put::Refused => return Ok(false),
                Put::Unknown(error) => {
                    tracing::debug!(%error, "a turn is given up, the upload goes on elsewhere");
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn begin_span(&mut self) -> Result<()> {
        let part_bytes = self.part_bytes();
        let is_first = self.progress.spans.is_empty();
        let name = if is_first { None } else { Some(self.new_name(SPAN)?) };
        let upload = self.shared.bucket.begin_multipart(&self.path(name.as_deref())).await?;
        self.progress.spans.push(Span { name, upload, part_bytes, parts: Vec::new(), turn: None });
        self.turn = Turn::Ours;
        Ok(())
    }

    fn path(&self, span: Option<&str>) -> Path {
        self.shared.bucket.layout.span(self.id, span)
    }

    fn new_name(&self, prefix: &str) -> Result<String> {
        Ok(format!("{prefix}{}", self.shared.entropy.random_id()?))
    }

    /// Reads the pieces, which come before all that is gathered.
    async fn take_up_pieces(&mut self) -> Result<()> {
        let names = self.progress.pieces.drain(..).map(|piece| piece.name);
        let names: Vec<String> = names.collect();
        let reads: Vec<_> = names.iter().map(|name| self.read_piece(name)).collect();
        let pieces = stream::iter(reads).buffered(PIECES_AT_ONCE).try_collect().await?;
        self.gather.prepend(pieces);
        self.progress.debris.extend(names);
        Ok(())
    }

    async fn read_piece(&self, name: &str) -> Result<Bytes> {
        let (bucket, id) = (&self.shared.bucket, self.id);
        let object = bucket.get(&bucket.layout.piece(id, name)).await?;
        object.map(|object| object.bytes).ok_or_else(|| {
            let message = format!("extent {id} was given up: its piece {name} is gone");
            Error::new(ErrorKind::Unavailable, message)
        })
    }

    /// Sends the next part of the last span, beside the caller's work.
    async fn send(&mut self, bytes: Vec<Bytes>) -> Result<()> {
        while self.sending.len() >= PARTS_AT_ONCE {
            self.settle_one().await?;
        }
        let spans = self.progress.spans.len();
        let Some(span) = self.progress.spans.last_mut() else {
            return Err(Error::new(ErrorKind::Misuse, "a part needs a span"));
        };
        let (index, upload, name) = (span.parts.len(), span.upload.clone(), span.name.clone());
        span.parts.push(String::new()); // known when it is sent
        let path = self.path(name.as_deref());
        let shared = self.shared.clone();
        self.sending.spawn(async move {
            let _permit = shared.parts.acquire().await;
            let bytes = PutPayload::from_iter(bytes);
            let id = shared.bucket.put_part(&path, &upload, index, bytes).await?;
            Ok(Sent { span: spans - 1, index, id })
        });
        Ok(())
    }

    /// Waits for one part; `false` if none is under way.
    async fn settle_one(&mut self) -> Result<bool> {
        let Some(sent) = self.sending.join_next().await else {
            return Ok(false);
        };
        let Sent { span, index, id } = sent.map_err(|error| {
            let message = format!("writing extent {} was cut off", self.id);
            Error::new(ErrorKind::Unavailable, message).with_source(error)
        })??;
        self.progress.spans[span].parts[index] = id;
        Ok(true)
    }

    async fn settle(&mut self) -> Result<()> {
        while self.settle_one().await? {}
        Ok(())
    }

    /// Deletes objects that no stored checkpoint names any more. What stays in spite of it goes
    /// with the extent.
    async fn sweep(&self, names: Vec<String>) {
        let layout = &self.shared.bucket.layout;
        let paths = names.into_iter().map(|name| layout.piece(self.id, &name)).collect();
        if let Err(error) = self.shared.bucket.delete(paths).await {
            tracing::debug!(%error, extent = %self.id, "pieces stay");
        }
    }

    /// Sends the last part, and makes objects of the spans.
    async fn seal_spans(&mut self) -> Result<()> {
        let mut index = Index::default();
        for span in &self.progress.spans {
            index.push(span.name.clone(), span.len());
        }
        let last = self.gather.take_all();
        let last_len = last.iter().map(|bytes| bytes.len() as u64).sum();
        let rest = if last.is_empty() || self.may_extend().await? {
            index.extend_last(last_len);
            None
        } else {
            let name = self.new_name(SPAN)?;
            index.push(Some(name.clone()), last_len);
            Some(self.path(Some(&name)))
        };
        if index.spans.len() > 1 {
            // Before the first span makes the extent readable.
            let path = self.shared.bucket.layout.piece(self.id, INDEX);
            self.shared.bucket.put(&path, index.encode()?.into()).await?;
        }
        match rest {
            Some(path) => self.shared.bucket.put(&path, PutPayload::from_iter(last)).await?,
            None if last.is_empty() => {}
            None => self.send(last).await?,
        }
        self.settle().await?;
        let Some((first, others)) = self.progress.spans.split_first() else {
            return Ok(());
        };
        let others = others.iter().zip(&index.spans[1..]);
        let others: FuturesUnordered<_> =
            others.map(|(span, sealed)| self.complete(span, sealed.len)).collect();
        others.try_collect::<()>().await?;
        self.complete(first, index.spans[0].len).await
    }

    async fn complete(&self, span: &Span, len: u64) -> Result<()> {
        let path = self.path(span.name.as_deref());
        self.shared.bucket.complete(&path, &span.upload, &span.parts, len).await
    }
}

#[async_trait]
impl Appender for ObjectAppender {
    /// Who is not sure to be the only one that goes on from a checkpoint begins a span of his own.
    fn discards(&self) -> bool {
        false
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.gather.push(bytes);
        self.send_full_parts().await
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint> {
        // The checkpoint that calls them debris is stored, or this appender would not be here.
        let debris = mem::take(&mut self.debris);
        self.sweep(debris).await;
        if self.gather.len() > self.shared.options.loose_bytes_max {
            let (name, len) = (self.new_name("")?, self.gather.len() as u64);
            let path = self.shared.bucket.layout.piece(self.id, &name);
            let bytes = PutPayload::from_iter(self.gather.take_all());
            self.shared.bucket.put(&path, bytes).await?;
            self.progress.pieces.push(Piece { name, len });
        }
        self.settle().await?;
        self.turn = Turn::Open;
        self.progress.loose = self.gather.copy();
        self.progress.encode(self.id)
    }

    async fn seal(mut self: Box<Self>) -> Result<()> {
        self.take_up_pieces().await?;
        if self.progress.spans.is_empty() {
            let path = self.shared.bucket.layout.extent(self.id);
            let bytes = PutPayload::from_iter(self.gather.take_all());
            self.shared.bucket.put(&path, bytes).await?;
        } else {
            self.seal_spans().await?;
        }
        // Not before the uploads are completed: as long as one is open, its turn keeps it safe.
        let turns = self.progress.spans.iter().filter(|span| span.turn.is_some());
        let mut debris: Vec<String> = turns.map(Span::turn_name).collect();
        debris.append(&mut self.debris);
        debris.append(&mut self.progress.debris);
        self.sweep(debris).await;
        Ok(())
    }
}

/// Parts of one upload that are under way at the same time.
const PARTS_AT_ONCE: usize = 3;

/// Pieces that are read at the same time.
const PIECES_AT_ONCE: usize = 8;
