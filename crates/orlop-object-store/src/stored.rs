//! What can lie where a record is kept.

use std::time::SystemTime;

use bytes::Bytes;
use orlop_backend::{Error, ErrorKind, Key, RandomId, Result, envelope};

use crate::bucket::{Object, ObjectVersion};
use crate::revision::{Known, Revision};

/// An object under the key of a record.
#[derive(Debug)]
pub(crate) struct Stored {
    /// `None` for a tombstone: a record that was removed. No store can be trusted to delete an
    /// object on a condition, so it is replaced by this first.
    pub(crate) value: Option<Bytes>,
    pub(crate) revision: Revision,
    pub(crate) version: ObjectVersion,
    pub(crate) modified: SystemTime,
}

impl Stored {
    pub(crate) fn read(key: &Key, object: Object) -> Result<Self> {
        let Object { bytes, version, modified } = object;
        let (revision, value) = if bytes.starts_with(TOMBSTONE) {
            let revision = open_tombstone(key, &bytes).ok_or_else(|| {
                let found = String::from_utf8_lossy(&bytes);
                let message = format!("record {key} is corrupt: {found:?} is no whole tombstone");
                Error::new(ErrorKind::Corrupt, message)
            })?;
            (revision, None)
        } else {
            let (revision, value) = envelope::open(key, &bytes)?;
            (revision, Some(value))
        };
        Ok(Self { value, revision: Revision::stored(revision), version, modified })
    }

    pub(crate) fn is_tombstone(&self) -> bool {
        self.value.is_none()
    }

    pub(crate) fn known(&self) -> Known {
        self.revision.known(self.version.clone())
    }
}

/// What takes the place of a removed record.
pub(crate) fn tombstone(key: &Key, revision: Revision) -> Bytes {
    let revision = revision.id();
    let mut text = TOMBSTONE.to_vec();
    text.extend_from_slice(format!("{revision} {}", checksum(key, revision)).as_bytes());
    text.into()
}

/// Whether an object of this size is a record or a marker, so that lists need not read it. One
/// that was torn is neither gone nor hidden, unless its length is by chance that of a tombstone.
pub(crate) fn is_alive(size: u64) -> bool {
    size != TOMBSTONE_BYTES
}

/// Whether it says that the record was removed, and can be believed.
pub(crate) fn is_whole_tombstone(key: &Key, bytes: &Bytes) -> bool {
    open_tombstone(key, bytes).is_some()
}

fn open_tombstone(key: &Key, bytes: &Bytes) -> Option<RandomId> {
    let text = str::from_utf8(bytes.strip_prefix(TOMBSTONE)?).ok()?;
    let (revision, expected) = text.split_once(' ')?;
    let revision = revision.parse().ok()?;
    (checksum(key, revision) == expected).then_some(revision)
}

fn checksum(key: &Key, revision: RandomId) -> String {
    format!("{:08x}", crc32fast::hash(format!("{key}\n{revision}").as_bytes()))
}

const TOMBSTONE: &[u8] = b"gone ";
const TOMBSTONE_BYTES: u64 = (TOMBSTONE.len() + RandomId::TEXT_BYTES + " 01234567".len()) as u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_is_told_by_its_size_and_checked() {
        let key = Key::new(["a"]).unwrap();
        let revision = Revision::new(RandomId::from_bits(7));
        let stored = tombstone(&key, revision);
        assert!(!is_alive(stored.len() as u64) && is_whole_tombstone(&key, &stored));
        for torn in [0, 1, stored.len() - 1, stored.len() + 1, envelope::HEADER_BYTES] {
            assert!(is_alive(torn as u64), "{torn}");
        }
        let object = |bytes| Object {
            bytes,
            version: ObjectVersion::default(),
            modified: SystemTime::UNIX_EPOCH,
        };
        let read = Stored::read(&key, object(stored.clone())).unwrap();
        assert!(read.is_tombstone() && read.revision.is_same(revision));
        let elsewhere = Key::new(["b"]).unwrap();
        assert!(Stored::read(&elsewhere, object(stored.clone())).is_err());
        assert!(Stored::read(&key, object(stored.slice(..stored.len() - 1))).is_err());
    }
}
