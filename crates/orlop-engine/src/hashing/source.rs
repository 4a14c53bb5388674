//! Where the bytes are that are to be hashed.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use orlop_oci::Hasher;

/// The next bytes of a stream.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Bytes(Bytes),
    /// A part of a file. Whoever hashes it reads it, little at a time, into what his core's own cache
    /// holds: read by another one, they would have to come from there, or from memory.
    File(Arc<File>, Range<u64>),
}

impl Source {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, range) => range.end - range.start,
        }
    }
}

/// Hashes up to three sources side by side. Fails for those that cannot be read. A file that is
/// shorter than it should be ends there.
pub(super) fn hash(given: Vec<(Hasher, Source)>) -> Vec<io::Result<Hasher>> {
    thread_local! {
        /// Memory that is used again: to find new one would take longer than to fill it.
        static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    ROOM.with_borrow_mut(|room| {
        if given.iter().any(|(_, source)| matches!(source, Source::File(..))) {
            room.resize(given.len().max(3) * READ_BYTES, 0);
        }
        let mut rooms = room.chunks_mut(READ_BYTES);
        let lane = |(hasher, source)| Lane::new(hasher, source, rooms.next().unwrap_or_default());
        let mut lanes: Vec<Lane<'_>> = given.into_iter().map(lane).collect();
        while lanes.iter().any(|lane| !lane.is_over()) {
            Hasher::update_many(lanes.iter_mut().map(Lane::next));
        }
        lanes.into_iter().map(|lane| lane.failure.map_or(Ok(lane.hasher), Err)).collect()
    })
}

/// One of several that are hashed at the same time.
struct Lane<'r> {
    hasher: Hasher,
    source: Source,
    room: &'r mut [u8],
    /// How far it has come in its source.
    at: u64,
    failure: Option<io::Error>,
}

impl<'r> Lane<'r> {
    fn new(hasher: Hasher, source: Source, room: &'r mut [u8]) -> Self {
        Self { hasher, source, room, at: 0, failure: None }
    }

    fn is_over(&self) -> bool {
        self.at >= self.source.len()
    }

    /// What is to be hashed next; nothing at the end.
    fn next(&mut self) -> (&mut Hasher, &[u8]) {
        let len = self.source.len();
        let from = self.at;
        let piece = usize::try_from(len - from).unwrap_or(READ_BYTES).min(READ_BYTES);
        self.at += piece as u64;
        let bytes = match &self.source {
            Source::Bytes(bytes) => {
                let from = usize::try_from(from).unwrap_or(bytes.len());
                &bytes[from..from + piece]
            }
            Source::File(file, range) => {
                let room = &mut self.room[..piece];
                let read = read_at(file, room, range.start + from).unwrap_or_else(|error| {
                    self.failure = Some(error);
                    0
                });
                if read < piece {
                    self.at = len;
                }
                &room[..read]
            }
        };
        (&mut self.hasher, bytes)
    }
}

/// As many bytes as there are from there on. The file is read by nobody else at this moment.
fn read_at(mut file: &File, room: &mut [u8], from: u64) -> io::Result<usize> {
    file.seek(SeekFrom::Start(from))?;
    let mut filled = 0;
    while filled < room.len() {
        match file.read(&mut room[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Three of them are in a core's own cache together.
const READ_BYTES: usize = 64 << 10;
