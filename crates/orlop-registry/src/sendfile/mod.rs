//! Blobs that the operating system sends from their files, so that no byte of theirs passes through
//! this process.
//!
//! hyper writes what it has in memory and knows no files. But it writes pieces of any type that is a
//! [`Buf`](bytes::Buf), one after the other, and it leaves to the stream below how they are written.
//! So a [`Piece`] of a file is for hyper as many bytes of a place holder; the part of the file that it
//! stands for waits in [`Parts`]; and the [`Socket`] that is told to write the place holder sends the
//! part instead.
//!
//! Nobody may copy the place holder on the way. So this is for HTTP/1 on a socket only, and a request
//! says whether it came by one ([`TakesFiles`]).

mod content;
mod kernel;
mod part;
mod piece;
mod socket;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use orlop::FileRange;

pub(crate) use content::Content;
pub(crate) use part::Parts;
pub(crate) use socket::Socket;

/// Says of a request that its answer may be a [`FileAnswer`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct TakesFiles(());

impl TakesFiles {
    /// Whether the answer to such a request can be one.
    pub(crate) fn over(version: http::Version) -> Option<Self> {
        (cfg!(target_os = "linux") && version < http::Version::HTTP_2).then_some(Self(()))
    }
}

/// Says of an answer that its body is the range of a file, whatever body it has.
#[derive(Clone, Debug)]
pub(crate) struct FileAnswer {
    file: Arc<File>,
    range: Range<u64>,
}

impl From<FileRange> for FileAnswer {
    fn from(bytes: FileRange) -> Self {
        Self { file: Arc::new(bytes.file), range: bytes.range }
    }
}
