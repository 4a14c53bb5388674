//! What came of it, against the model.

use orlop::{Digest, ErrorKind};
use orlop_fuzz::sessions::{check_blob, check_failure};

use crate::World;
use crate::act::{Outcome, Writer};

impl World {
    /// Compares what came of something with the model; a writer that can go on is given back.
    pub(super) async fn judge(&mut self, outcome: Outcome) -> Option<Writer> {
        let troubles = self.has_troubles;
        match outcome {
            Outcome::Resumed { session, at, floor, was_over, found } => {
                let known = &self.sessions[session];
                match found {
                    Ok(Some(upload)) => {
                        assert!(!was_over, "it goes on after it has ended");
                        assert!(at.is_none_or(|at| at == upload.offset()));
                        let written = known.at(upload.offset(), floor).to_owned();
                        return Some(Writer { session, upload, written, is_new: false });
                    }
                    Ok(None) => assert!(known.may_be_over, "a session is gone"),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::RangeInvalid, "{error}");
                        assert!(known.may_be_elsewhere(at.expect("a place"), floor));
                    }
                }
            }
            Outcome::Wrote { writer, written } => match written {
                Ok(()) => return Some(writer),
                Err(error) => check_failure(&error, troubles, &[]),
            },
            Outcome::Paused { writer, was_over, paused } => match paused {
                Ok(offset) => {
                    assert_eq!(offset, writer.written.len() as u64);
                    if writer.is_new {
                        assert!(!was_over, "it took bytes after it has ended");
                        self.sessions[writer.session].reached(&writer.written);
                    }
                }
                Err(error) => check_failure(&error, troubles, &[]),
            },
            Outcome::Committed { writer, was_over, digest, honest, done } => {
                let session = &mut self.sessions[writer.session];
                let repository = session.repository;
                match done {
                    Ok(descriptor) => {
                        assert!(honest && !was_over);
                        assert_eq!(descriptor.size, writer.written.len() as u64);
                        session.ended(&writer.written);
                        self.acknowledged(repository, digest, writer.written).await;
                    }
                    Err(error) => {
                        assert!(!honest || error.kind() != ErrorKind::DigestInvalid, "{error}");
                        let others = [ErrorKind::DigestInvalid, ErrorKind::Unavailable];
                        check_failure(&error, troubles, &others);
                    }
                }
            }
            Outcome::Cancelled { session, done } => match done {
                Ok(()) => self.sessions[session].is_over = true,
                Err(error) => check_failure(&error, troubles, &[]),
            },
            Outcome::Whole { repository, bytes, digest, honest, done } => match done {
                Ok(_) => {
                    assert!(honest);
                    self.acknowledged(repository, digest, bytes).await;
                }
                Err(error) => {
                    assert!(!honest || error.kind() != ErrorKind::DigestInvalid, "{error}");
                    let others = [ErrorKind::DigestInvalid, ErrorKind::Unavailable];
                    check_failure(&error, troubles, &others);
                }
            },
        }
        None
    }

    async fn acknowledged(&mut self, repository: usize, digest: Digest, bytes: Vec<u8>) {
        check_blob(&self.repositories[repository], &digest, &bytes).await;
        self.blobs.insert((repository, digest), bytes);
    }
}
