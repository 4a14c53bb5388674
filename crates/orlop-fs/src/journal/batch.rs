//! The format of a journal: batches of entries, each of which is whole or does not count.
//!
//! ```text
//! orlop batch <generation> <offset> <length> <crc>\n
//! put <epoch> <number> <length> <key>\n<bytes>         a record, or with no bytes a marker
//! gone <epoch> <number> 0 <key>\n
//! ```
//!
//! Numbers in the first line are hexadecimal and of one width. A batch begins at a multiple of
//! [`BLOCK_BYTES`], so that no block is ever written again that has something durable in it.
//! Generation and offset are part of the checksum: what an earlier generation has left in the same
//! place is not taken for one of these.

use std::io::Write;

use orlop_backend::Key;

/// Where a change stands among all changes of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    pub(crate) epoch: u64,
    pub(crate) number: u64,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'e> {
    pub(crate) stamp: Stamp,
    pub(crate) key: &'e str,
    /// What the file has from now on; `None` if there is none.
    pub(crate) content: Option<&'e [u8]>,
}

impl<'e> Entry<'e> {
    pub(crate) fn new(stamp: Stamp, key: &'e Key, content: Option<&'e [u8]>) -> Self {
        Self { stamp, key: key.as_str(), content }
    }

    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        let Self { stamp: Stamp { epoch, number }, key, content } = self;
        let verb = if content.is_some() { "put" } else { "gone" };
        let bytes = content.unwrap_or_default();
        let _ = writeln!(into, "{verb} {epoch} {number} {} {key}", bytes.len()); // cannot fail
        into.extend_from_slice(bytes);
    }

    /// The first of the entries, and what follows it.
    fn decode(from: &'e [u8]) -> Option<(Self, &'e [u8])> {
        let end = from.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = (str::from_utf8(&from[..end]).ok()?, &from[end + 1..]);
        let mut words = line.splitn(5, ' ');
        let verb = words.next()?;
        let stamp =
            Stamp { epoch: words.next()?.parse().ok()?, number: words.next()?.parse().ok()? };
        let (bytes, rest) = rest.split_at_checked(words.next()?.parse().ok()?)?;
        let key = words.next()?;
        let content = match verb {
            "put" => Some(bytes),
            "gone" => None,
            _ => return None,
        };
        Some((Self { stamp, key, content }, rest))
    }
}

/// The batch that is written at `offset`, padded to whole blocks.
pub(super) fn seal(generation: u64, offset: u64, entries: &[u8]) -> Vec<u8> {
    let crc = checksum(generation, offset, entries);
    let len = entries.len();
    let mut batch = Vec::with_capacity(padded(HEADER_BYTES + len));
    let _ = writeln!(batch, "{MAGIC}{generation:016x} {offset:016x} {len:016x} {crc:08x}");
    batch.extend_from_slice(entries);
    batch.resize(padded(batch.len()), 0);
    batch
}

/// The bytes that a batch of so many bytes of entries takes.
pub(super) fn sealed_len(entries: usize) -> usize {
    padded(HEADER_BYTES + entries)
}

/// The batches of one generation from the beginning of a half, as far as they are whole.
pub(super) fn batches(half: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut offset, mut generation) = (0, None);
    std::iter::from_fn(move || {
        let (found, entries) = open(half.get(offset..)?, offset as u64)?;
        if *generation.get_or_insert(found) != found {
            return None;
        }
        offset += sealed_len(entries.len());
        Some(entries)
    })
}

/// The entries of a batch. `None` in place of one that is not as it was written, which a checksum
/// has made sure of.
pub(super) fn entries(batch: &[u8]) -> impl Iterator<Item = Option<Entry<'_>>> {
    let mut rest = batch;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let decoded = Entry::decode(rest);
        rest = decoded.map_or(&[], |(_, rest)| rest);
        Some(decoded.map(|(entry, _)| entry))
    })
}

fn open(bytes: &[u8], offset: u64) -> Option<(u64, &[u8])> {
    let header = str::from_utf8(bytes.get(..HEADER_BYTES)?).ok()?;
    let mut words = header.strip_prefix(MAGIC)?.strip_suffix('\n')?.split(' ');
    let mut number = || u64::from_str_radix(words.next()?, 16).ok();
    let (generation, written_at, len, crc) = (number()?, number()?, number()?, number()?);
    let entries = bytes.get(HEADER_BYTES..)?.get(..usize::try_from(len).ok()?)?;
    let is_whole = written_at == offset && crc == u64::from(checksum(generation, offset, entries));
    is_whole.then_some((generation, entries))
}

fn checksum(generation: u64, offset: u64, entries: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&generation.to_be_bytes());
    crc.update(&offset.to_be_bytes());
    crc.update(entries);
    crc.finalize()
}

fn padded(len: usize) -> usize {
    len.next_multiple_of(BLOCK_BYTES)
}

const MAGIC: &str = "orlop batch ";

const HEADER_BYTES: usize = MAGIC.len() + 3 * 17 + 8 + 1;

/// Disks write no less at a time.
pub(super) const BLOCK_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Owned = (String, u64, u64, Option<Vec<u8>>);

    fn any_entries() -> impl Strategy<Value = Vec<Owned>> {
        let bytes = proptest::collection::vec(any::<u8>(), 0..6000);
        let entry =
            ("[a-z]{1,9}/[a-z]{1,9}", any::<u64>(), any::<u64>(), proptest::option::of(bytes));
        proptest::collection::vec(entry, 0..4)
    }

    fn encoded(entries: &[Owned]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (key, epoch, number, content) in entries {
            let stamp = Stamp { epoch: *epoch, number: *number };
            Entry { stamp, key, content: content.as_deref() }.encode(&mut bytes);
        }
        bytes
    }

    fn decoded(half: &[u8]) -> Vec<Owned> {
        let owned = |entry: Entry<'_>| {
            let Entry { stamp: Stamp { epoch, number }, key, content } = entry;
            (key.to_owned(), epoch, number, content.map(<[u8]>::to_vec))
        };
        batches(half).flat_map(entries).map(|entry| owned(entry.unwrap())).collect()
    }

    proptest! {
        #[test]
        fn a_half_gives_back_its_batches_up_to_the_first_that_is_torn(
            batches in proptest::collection::vec(any_entries(), 1..4),
            flip in any::<prop::sample::Index>(),
            old in any_entries(),
        ) {
            let mut half = Vec::new();
            let mut ends = Vec::new();
            for batch in &batches {
                half.extend(seal(7, half.len() as u64, &encoded(batch)));
                ends.push(half.len());
            }
            let all: Vec<Owned> = batches.concat();
            // What an earlier generation has left behind them is not read.
            half.extend(seal(6, half.len() as u64, &encoded(&old)));
            prop_assert_eq!(decoded(&half), all);
            let at = flip.index(*ends.last().unwrap());
            half[at] ^= 1;
            let torn = ends.iter().filter(|end| **end <= at).count();
            let whole: Vec<Owned> = batches[..torn].concat();
            let found = decoded(&half);
            // A flip in the padding harms nobody.
            prop_assert!(found == whole || found == batches.concat());
        }

        #[test]
        fn no_bytes_make_it_panic(half in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = batches(&half).flat_map(entries).count();
            let _ = entries(&half).count();
        }
    }
}
