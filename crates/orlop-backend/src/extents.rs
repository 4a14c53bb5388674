//! The data plane: bytes that are written once and never moved.

use std::fmt::{self, Debug};
use std::fs::File;
use std::ops::Range;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::{Error, RandomId, Result};

/// Where the bytes of blobs are kept.
///
/// An extent is written by one [`Appender`] after the other, from checkpoint to checkpoint, until
/// it is sealed. Then it can be read, and never changes again until it is deleted. Its name is
/// random and used once, so a delete that comes late can never hit newer bytes.
///
/// A call that fails with an error may have done its work or not.
#[async_trait]
pub trait Extents: Debug + Send + Sync {
    /// Claims `id` for writing, at `from`: a checkpoint that an appender of this extent returned,
    /// or [`Checkpoint::start`] for a new one.
    ///
    /// **Changes nothing yet**: what lies behind the checkpoint is discarded by the appender's
    /// first write. So a caller can claim, then make sure that its checkpoint is still the newest
    /// one, and drop the claim if it is not.
    ///
    /// While a claim lives, nobody else can destroy what it wrote. A backend whose medium cannot
    /// keep writers apart by itself answers [`Claim::Busy`] as long as another claim lives, in any
    /// process; the claim of a process that dies ends with it.
    async fn claim(&self, id: ExtentId, from: &Checkpoint) -> Result<Claim>;

    /// Reads a range of a sealed extent, in pieces of a size that suits the medium.
    ///
    /// The range is cut at the end of the extent. `None` if the extent is not there. A delete
    /// while reading may end the stream with an error, never with other bytes.
    async fn read(&self, id: ExtentId, range: Range<u64>) -> Result<Option<ByteStream>>;

    /// A URL from which anybody can read the sealed extent until `ttl` is over, without this
    /// process; it takes ranges. `None` if the bytes can be had only by [`Extents::read`].
    async fn presign(&self, id: ExtentId, ttl: Duration) -> Result<Option<String>>;

    /// The file in which a range of the sealed extent lies, for who hands it to the operating system
    /// (`sendfile`, `splice`, a mapping) instead of reading it. Its range is that of the bytes in
    /// the file, which may have others too.
    ///
    /// The range that is asked for is cut at the end of the extent. `None` if the extent is not
    /// there, or in no file of this machine: [`Extents::read`] tells. The file is open for
    /// reading only, and keeps its bytes if the extent is deleted meanwhile.
    async fn file(&self, id: ExtentId, range: Range<u64>) -> Result<Option<FileRange>>;

    /// Deletes a sealed extent for good. Absent means done already.
    async fn delete(&self, id: ExtentId) -> Result<()>;

    /// Gives up what was written of an extent and not sealed, up to `at` and behind. What is
    /// sealed stays.
    ///
    /// The caller has made sure that nobody will seal it any more. A writer that still lives may
    /// leave something that a later [`Extents::walk`] finds.
    async fn abandon(&self, id: ExtentId, at: &Checkpoint) -> Result<()>;

    /// What was written of extents and not sealed, in any order.
    fn walk_open(&self) -> BoxStream<'_, Result<ExtentEntry>>;

    /// Every extent that is there, and everything that was written of one and not sealed, in any
    /// order.
    fn walk(&self) -> BoxStream<'_, Result<ExtentEntry>>;
}

/// The answer to [`Extents::claim`].
#[derive(Debug)]
#[must_use = "a claim that is dropped ends at once"]
#[allow(clippy::exhaustive_enums)] // the contract has these two answers
pub enum Claim {
    /// The extent is this caller's to write.
    Granted(Box<dyn Appender>),
    /// Somebody else is writing it at this moment.
    Busy,
}

/// Writes the end of an extent.
///
/// Dropping it loses what followed the last checkpoint, and nothing else; that is also what a
/// crash does. After an error, or after one of its futures was dropped before it was done, it is
/// of no more use, and must be dropped.
#[async_trait]
pub trait Appender: Debug + Send {
    /// Whether the next write discards what somebody wrote behind the checkpoint, and does so
    /// for everybody who has another one. Before it does, the caller must make sure that no
    /// checkpoint of those bytes is stored any more, by whoever may still be about to.
    fn discards(&self) -> bool;

    /// Adds bytes. They may be buffered: only a checkpoint or a seal makes them durable, and an
    /// earlier write's failure may come back from a later call.
    ///
    /// Each call may be handed to another thread, so callers bring much at a time; as a rule up to
    /// a multiple of a MiB of the extent, from memory that begins at a page, which a medium may be
    /// able to take as it is. That memory is used again when nobody has the bytes any more: whoever
    /// keeps them for long keeps a copy.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes everything durable that was written so far, and says how to go on from here, in
    /// this process or in another one. The claim stays.
    async fn checkpoint(&mut self) -> Result<Checkpoint>;

    /// Ends the extent: when it returns, all of it is durable and can be read.
    async fn seal(self: Box<Self>) -> Result<()>;
}

/// The bytes of an extent or a part of it, in order.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// Bytes in a file.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // made by every backend that has files
pub struct FileRange {
    /// The file, open for reading.
    pub file: File,
    /// Where in it the bytes lie.
    pub range: Range<u64>,
}

/// A place in an unfinished extent from which writing can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // stored by the engine and rebuilt from its parts
pub struct Checkpoint {
    /// How many bytes are durable.
    pub len: u64,
    /// What the backend needs to know besides, in its own words: at most
    /// [`Checkpoint::TOKEN_BYTES_MAX`] bytes.
    pub token: Bytes,
}

impl Checkpoint {
    /// Longest token that the engine stores.
    pub const TOKEN_BYTES_MAX: usize = 4 << 20;

    /// The beginning of an extent that does not exist yet.
    pub fn start() -> Self {
        Self { len: 0, token: Bytes::new() }
    }
}

/// The name of an extent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtentId(RandomId);

impl From<RandomId> for ExtentId {
    fn from(id: RandomId) -> Self {
        Self(id)
    }
}

impl FromStr for ExtentId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ExtentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ExtentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// An extent as [`Extents::walk`] finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // made by every backend
pub struct ExtentEntry {
    /// Its name.
    pub id: ExtentId,
    /// Whether it can be read.
    pub state: ExtentState,
    /// When it was last written, by the store's own clock.
    pub modified: SystemTime,
}

/// Whether an extent can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::exhaustive_enums)] // an extent is one or the other
pub enum ExtentState {
    /// Something of it was written and not sealed, or was left beside it when it was.
    Open,
    /// It is whole.
    Sealed {
        /// How many bytes it has.
        len: u64,
    },
}
