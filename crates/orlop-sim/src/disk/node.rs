//! Files and directories, as they are and as a power cut may leave them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::dice::Dice;

/// Which file or directory it is, whatever its names are.
pub(super) type Ino = usize;

/// A file or a directory.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Dir(Dir),
    File(File),
}

/// A directory: the names as every process sees them, and those that a power cut cannot take.
#[derive(Clone, Debug, Default)]
pub(super) struct Dir {
    pub(super) live: BTreeMap<String, Ino>,
    pub(super) durable: BTreeMap<String, Ino>,
}

impl Dir {
    pub(super) fn set(names: &mut BTreeMap<String, Ino>, name: &str, ino: Option<Ino>) {
        match ino {
            Some(ino) => names.insert(name.to_owned(), ino),
            None => names.remove(name),
        };
    }
}

/// A file: the bytes as every process sees them, those that a power cut cannot take, and all that
/// was done in between.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Write>,
    /// A sync has failed: the pages are gone from the list of those that are to be written, and
    /// the next sync says that all is well.
    is_forgotten: bool,
    pub(super) modified: SystemTime,
}

#[derive(Clone, Debug)]
enum Write {
    Bytes { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl File {
    pub(super) fn new(now: SystemTime) -> Self {
        let (live, durable, unsynced) = (Vec::new(), Vec::new(), Vec::new());
        Self { live, durable, unsynced, is_forgotten: false, modified: now }
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8], now: SystemTime) {
        self.change(Write::Bytes { at, bytes: bytes.to_vec() }, now);
    }

    pub(super) fn truncate(&mut self, len: usize, now: SystemTime) {
        self.change(Write::Truncate(len), now);
    }

    fn change(&mut self, write: Write, now: SystemTime) {
        write.apply(&mut self.live);
        self.unsynced.push(write);
        self.modified = now;
    }

    pub(super) fn sync(&mut self) {
        if !self.is_forgotten {
            self.durable.clone_from(&self.live);
            self.unsynced.clear();
        }
    }

    pub(super) fn fail_sync(&mut self) {
        self.is_forgotten |= self.is_at_risk();
    }

    /// Whether a power cut could take anything.
    pub(super) fn is_at_risk(&self) -> bool {
        !self.unsynced.is_empty()
    }

    /// The file with nothing but what was synced, or with all that was written.
    pub(super) fn settled(&self, with_unsynced: bool) -> Self {
        let bytes = if with_unsynced { &self.live } else { &self.durable };
        let (live, durable) = (bytes.clone(), bytes.clone());
        Self { live, durable, ..Self::new(self.modified) }
    }

    /// The file with whatever came through. What was synced and not written again since is as it
    /// was. Of the rest each block is new, old, empty or garbage, as the pages happened to be
    /// written, and the length is any that it had, or one in between.
    pub(super) fn torn(&self, dice: &Dice) -> Self {
        let mut latest = self.durable.clone();
        let (mut shortest, mut longest, mut touched) = (latest.len(), latest.len(), Vec::new());
        let count = dice.throw(self.unsynced.len() + 1);
        for write in &self.unsynced[..count] {
            let before = latest.len();
            write.apply(&mut latest);
            touched.push(match write {
                Write::Bytes { at, bytes } => (*at).min(before)..at + bytes.len(),
                Write::Truncate(len) => *len..usize::MAX,
            });
            shortest = shortest.min(latest.len());
            longest = longest.max(latest.len());
        }
        let len = shortest + dice.throw(longest - shortest + 1);
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let end = (bytes.len() + BLOCK_BYTES).min(len);
            let kind = dice.throw(4);
            for at in bytes.len()..end {
                let (old, new) = (self.durable.get(at).copied(), latest.get(at).copied());
                let is_safe = !touched.iter().any(|range| range.contains(&at));
                bytes.push(match kind {
                    _ if is_safe => old.unwrap_or_default(),
                    0 | 1 => new.unwrap_or_default(),
                    2 => old.unwrap_or_default(),
                    _ => u8::try_from(dice.throw(256)).unwrap_or_default(),
                });
            }
        }
        let (live, durable) = (bytes.clone(), bytes);
        Self { live, durable, ..Self::new(self.modified) }
    }
}

impl Write {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Bytes { at, bytes } => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*at..end].copy_from_slice(bytes);
            }
            Self::Truncate(len) => content.resize(*len, 0),
        }
    }
}

/// Smaller than those of any disk, so that files of some bytes have several.
const BLOCK_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_and_not_written_again_stays_as_it_is() {
        let now = SystemTime::UNIX_EPOCH;
        let mut lens = std::collections::BTreeSet::new();
        for seed in 0..500 {
            let mut file = File::new(now);
            file.write(0, &[1; 40], now);
            file.sync();
            file.write(40, &[2; 100], now);
            file.truncate(60, now);
            file.write(60, &[3; 40], now);
            let torn = file.torn(&Dice::new(seed));
            assert_eq!(torn.live[..40], [1; 40]);
            assert!((40..=140).contains(&torn.live.len()));
            lens.insert(torn.live.len());
        }
        assert!(lens.len() > 30, "{lens:?}");
    }

    #[test]
    fn a_file_whose_sync_failed_is_never_durable() {
        let now = SystemTime::UNIX_EPOCH;
        let mut file = File::new(now);
        file.write(0, b"lost", now);
        file.fail_sync();
        file.sync();
        assert_eq!(file.settled(false).live, b"");
        assert_eq!(file.settled(true).live, b"lost");
    }
}
