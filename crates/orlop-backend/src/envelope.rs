//! The wrapping of every stored record, by which torn or foreign bytes are recognised.
//!
//! ```text
//! orlop 1 <revision, 26 characters> <CRC-32, 8 hex digits>\n
//! <value>
//! ```
//!
//! The number is the format's version. The revision is random and fresh in every write, so no two
//! writes ever store the same bytes: a store that compares contents cannot take one for the other
//! (ABA), and a writer whose answer got lost can tell its own write by reading. The checksum
//! covers key, revision and value, so a record that was torn, changed or moved to another key is
//! refused and never trusted.

use bytes::{Bytes, BytesMut};

use crate::{Error, ErrorKind, Key, RandomId, Result};

/// Wraps `value` for storing it under `key`.
///
/// ```
/// use bytes::Bytes;
/// use orlop_backend::{Key, RandomId, envelope};
///
/// let key = Key::new(["b", "x"])?;
/// let stored = envelope::seal(&key, RandomId::from_bits(1), b"value");
/// let (revision, value) = envelope::open(&key, &stored)?;
/// assert_eq!((revision, value.as_ref()), (RandomId::from_bits(1), b"value".as_slice()));
/// assert!(envelope::open(&Key::new(["b", "y"])?, &stored).is_err());
/// # Ok::<(), orlop_backend::Error>(())
/// ```
pub fn seal(key: &Key, revision: RandomId, value: &[u8]) -> Bytes {
    let revision = revision.to_string();
    let crc = checksum(key, &revision, value);
    let header = format!("{MAGIC}{revision} {crc}\n");
    let mut stored = BytesMut::with_capacity(header.len() + value.len());
    stored.extend_from_slice(header.as_bytes());
    stored.extend_from_slice(value);
    stored.freeze()
}

/// Unwraps what was stored under `key`, or fails with [`ErrorKind::Corrupt`].
pub fn open(key: &Key, stored: &Bytes) -> Result<(RandomId, Bytes)> {
    let corrupt = |what: String| {
        Err(Error::new(ErrorKind::Corrupt, format!("record {key} is corrupt: {what}")))
    };
    let Some(header) = stored.get(..HEADER_BYTES) else {
        let found = stored.len();
        return corrupt(format!("expected at least {HEADER_BYTES} bytes, found {found}"));
    };
    let parts = str::from_utf8(header)
        .ok()
        .and_then(|text| text.strip_prefix(MAGIC)?.strip_suffix('\n')?.split_once(' '));
    let Some((revision, expected)) = parts else {
        let found = String::from_utf8_lossy(&header[..MAGIC.len()]);
        return corrupt(format!("expected it to begin with {MAGIC:?}, found {found:?}"));
    };
    let value = stored.slice(HEADER_BYTES..);
    let found = checksum(key, revision, &value);
    if found != expected {
        return corrupt(format!("expected checksum {expected:?}, found {found:?}"));
    }
    Ok((revision.parse()?, value))
}

/// Length of what stands in front of the value. No stored record is shorter.
pub const HEADER_BYTES: usize = MAGIC.len() + RandomId::TEXT_BYTES + " 01234567\n".len();

const MAGIC: &str = "orlop 1 ";

fn checksum(key: &Key, revision: &str, value: &[u8]) -> String {
    let mut crc = crc32fast::Hasher::new();
    crc.update(key.as_str().as_bytes());
    crc.update(b"\n");
    crc.update(revision.as_bytes());
    crc.update(value);
    format!("{:08x}", crc.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens(value: Vec<u8>, bits: u128) {
            let key = Key::new(["a", "b"]).unwrap();
            let stored = seal(&key, RandomId::from_bits(bits), &value);
            let (revision, opened) = open(&key, &stored).unwrap();
            prop_assert_eq!((revision, opened.as_ref()), (RandomId::from_bits(bits), value.as_slice()));
        }

        #[test]
        fn one_flipped_bit_is_found(value: Vec<u8>, place: prop::sample::Index, bit in 0..8u32) {
            let key = Key::new(["a", "b"]).unwrap();
            let mut stored = seal(&key, RandomId::from_bits(1), &value).to_vec();
            let place = place.index(stored.len());
            stored[place] ^= 1u8 << bit;
            prop_assert!(open(&key, &stored.into()).is_err());
        }

        #[test]
        fn a_truncated_record_is_found(value: Vec<u8>, place: prop::sample::Index) {
            let key = Key::new(["a", "b"]).unwrap();
            let stored = seal(&key, RandomId::from_bits(1), &value);
            prop_assert!(open(&key, &stored.slice(..place.index(stored.len()))).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(stored: Vec<u8>) {
            let _ = open(&Key::new(["a"]).unwrap(), &stored.into());
        }
    }
}
