//! What writers do.

use arbitrary::Arbitrary;
use bytes::Bytes;
use orlop::{Algorithm, Descriptor, Digest, Repository, Result, Upload};
use orlop_fuzz::steps::Running;

use crate::World;

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Act {
    Resume {
        at: Option<u16>,
    },
    Write {
        count: u16,
        seed: bool,
    },
    Pause,
    Commit {
        honest: bool,
        long: bool,
    },
    Cancel,
    /// A blob in one go.
    Whole {
        repository: bool,
        count: u16,
        honest: bool,
        long: bool,
    },
}

/// A writer's handle, what it has written in all, and whether any of it is new.
pub(super) struct Writer {
    pub(super) session: usize,
    pub(super) upload: Upload,
    pub(super) written: Vec<u8>,
    pub(super) is_new: bool,
}

pub(super) enum Slot {
    Idle(Option<Writer>),
    Busy(Running<Outcome>),
}

pub(super) enum Outcome {
    Resumed {
        session: usize,
        at: Option<u64>,
        floor: usize,
        was_over: bool,
        found: Result<Option<Upload>>,
    },
    Wrote {
        writer: Writer,
        written: Result<()>,
    },
    Paused {
        writer: Past,
        was_over: bool,
        paused: Result<u64>,
    },
    Committed {
        writer: Past,
        was_over: bool,
        digest: Digest,
        honest: bool,
        done: Result<Descriptor>,
    },
    Cancelled {
        session: usize,
        done: Result<()>,
    },
    Whole {
        repository: usize,
        bytes: Vec<u8>,
        digest: Digest,
        honest: bool,
        done: Result<Descriptor>,
    },
}

/// A writer whose handle is used up.
pub(super) struct Past {
    pub(super) session: usize,
    pub(super) written: Vec<u8>,
    pub(super) is_new: bool,
}

impl World {
    pub(super) fn act(&mut self, session: u8, act: Act, writer: Option<Writer>) -> Slot {
        let running: Running<Outcome> = match (act, writer) {
            (Act::Resume { at }, _) if !self.sessions.is_empty() => {
                let session = usize::from(session) % self.sessions.len();
                let known = &self.sessions[session];
                let (id, of) = (known.id, self.repositories[known.repository].clone());
                let (floor, was_over) = (known.durable(), known.is_over);
                let at = at.map(u64::from);
                Box::pin(async move {
                    let found = of.resume_upload(&id, at).await;
                    Outcome::Resumed { session, at, floor, was_over, found }
                })
            }
            (Act::Whole { repository, count, honest, long }, _) => {
                let repository = usize::from(repository);
                let bytes = content(0, count, true);
                let digest = claim(&bytes, honest, long);
                let of = self.repositories[repository].clone();
                Box::pin(async move {
                    let done = whole(&of, &bytes, &digest).await;
                    Outcome::Whole { repository, bytes, digest, honest, done }
                })
            }
            (Act::Write { count, seed }, Some(mut writer)) => {
                let more = content(writer.written.len(), count, seed);
                Box::pin(async move {
                    let written = writer.upload.write(Bytes::from(more.clone())).await;
                    writer.is_new |= !more.is_empty();
                    writer.written.extend(more);
                    Outcome::Wrote { writer, written }
                })
            }
            (Act::Pause, Some(writer)) => {
                let session = &mut self.sessions[writer.session];
                if writer.is_new && !session.try_to_reach(&writer.written) {
                    return Slot::Idle(None);
                }
                let was_over = session.is_over;
                Box::pin(async move {
                    let (upload, writer) = writer.split();
                    Outcome::Paused { writer, was_over, paused: upload.pause().await }
                })
            }
            (Act::Commit { honest, long }, Some(writer)) => {
                let session = &mut self.sessions[writer.session];
                session.may_be_over = true;
                let was_over = session.is_over;
                let digest = claim(&writer.written, honest, long);
                Box::pin(async move {
                    let (upload, writer) = writer.split();
                    let done = upload.commit(&digest).await;
                    Outcome::Committed { writer, was_over, digest, honest, done }
                })
            }
            (Act::Cancel, Some(writer)) => {
                let session = writer.session;
                self.sessions[session].may_be_over = true;
                Box::pin(async move {
                    Outcome::Cancelled { session, done: writer.upload.cancel().await }
                })
            }
            (_, writer) => return Slot::Idle(writer),
        };
        Slot::Busy(running)
    }
}

impl Writer {
    fn split(self) -> (Upload, Past) {
        let Self { session, upload, written, is_new } = self;
        (upload, Past { session, written, is_new })
    }
}

async fn whole(repository: &Repository, bytes: &[u8], digest: &Digest) -> Result<Descriptor> {
    let mut upload = repository.begin_upload_of(digest).await?;
    for bytes in bytes.chunks(50) {
        upload.write(Bytes::copy_from_slice(bytes)).await?;
    }
    upload.commit(digest).await
}

pub(super) fn algorithm(long: bool) -> Algorithm {
    if long { Algorithm::Sha512 } else { Algorithm::Sha256 }
}

/// Bytes that depend on where they are. There are so few of them that two sessions often have
/// the same.
pub(super) fn content(at: usize, count: u16, seed: bool) -> Vec<u8> {
    let byte = |at: usize| (at * 31 + usize::from(seed)).to_le_bytes()[0];
    (at..at + usize::from(count % BYTES_MAX)).map(byte).collect()
}

fn claim(bytes: &[u8], honest: bool, long: bool) -> Digest {
    let other = [bytes, b"x"].concat();
    Digest::of(algorithm(long), if honest { bytes } else { &other })
}

const BYTES_MAX: u16 = 400;
