//! A file of names in order.

use std::collections::BinaryHeap;
use std::io;
use std::path::{Path, PathBuf};

use orlop_backend::{Error, ErrorKind, Result};

use crate::disk::DiskFile;
use crate::volume::failed;

/// Reads a run from some name on.
#[derive(Debug)]
pub(super) struct Run {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    len: u64,
    /// Where `buffer` was read from.
    base: u64,
    buffer: Vec<u8>,
    at: u64,
}

impl Run {
    /// Goes to the first name that is greater than `after`, by halving.
    pub(super) fn open(
        file: Box<dyn DiskFile>,
        path: PathBuf,
        after: Option<&str>,
    ) -> Result<Self> {
        let len = file.metadata().map_err(|error| failed("look up", &path, error))?.len;
        let mut run = Self { file, path, len, base: 0, buffer: Vec::new(), at: 0 };
        let Some(after) = after else {
            return Ok(run);
        };
        // `low` is where a line begins, with every line before it at most `after`; every line
        // that begins at or behind `high` is greater.
        let (mut low, mut high) = (0, len);
        while low < high {
            let middle = low.midpoint(high);
            run.at = middle;
            if middle > low {
                run.at -= 1;
                run.line()?; // to the beginning of a line: what is left of the one before
            }
            if run.at >= high {
                high = middle;
                continue;
            }
            match run.line()? {
                Some(name) if name.as_str() <= after => low = run.at,
                _ => high = middle,
            }
        }
        run.at = low;
        Ok(run)
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The rest of the line at `at`; goes behind it.
    fn line(&mut self) -> Result<Option<String>> {
        if self.at >= self.len {
            return Ok(None);
        }
        loop {
            let buffered = self
                .at
                .checked_sub(self.base)
                .and_then(|skip| self.buffer.get(usize::try_from(skip).ok()?..))
                .unwrap_or_default();
            if let Some(length) = buffered.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&buffered[..length]).into_owned();
                self.at += length as u64 + 1;
                return Ok(Some(line));
            }
            if buffered.len() >= LINE_BYTES_MAX || self.at + buffered.len() as u64 >= self.len {
                let message = format!("{} is no list of names", self.path.display());
                return Err(Error::new(ErrorKind::Corrupt, message));
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<()> {
        self.buffer.resize(BUFFER_BYTES, 0);
        self.base = self.at;
        let mut filled = 0;
        while filled < LINE_BYTES_MAX {
            let read = self
                .file
                .read_at(&mut self.buffer[filled..], self.base + filled as u64)
                .map_err(|error| failed("read", &self.path, error))?;
            if read == 0 {
                break;
            }
            filled += read;
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}

impl Iterator for Run {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line().transpose()
    }
}

/// The names of all sources in ascending order, each once.
pub(super) fn merge(new: Vec<String>, runs: Vec<Run>) -> impl Iterator<Item = Result<String>> {
    let new: Source = Box::new(new.into_iter().map(Ok));
    let mut sources: Vec<Source> = vec![new];
    sources.extend(runs.into_iter().map(|run| -> Source { Box::new(run) }));
    let mut heads = BinaryHeap::new();
    let mut failure = None;
    for (index, source) in sources.iter_mut().enumerate() {
        advance(source, index, &mut heads, &mut failure);
    }
    let mut last: Option<String> = None;
    std::iter::from_fn(move || {
        loop {
            if let Some(error) = failure.take() {
                heads.clear();
                return Some(Err(error));
            }
            let std::cmp::Reverse((name, index)) = heads.pop()?;
            advance(&mut sources[index], index, &mut heads, &mut failure);
            if last.as_ref() != Some(&name) {
                last = Some(name.clone());
                return Some(Ok(name));
            }
        }
    })
}

type Source = Box<dyn Iterator<Item = Result<String>>>;
type Heads = BinaryHeap<std::cmp::Reverse<(String, usize)>>;

fn advance(source: &mut Source, index: usize, heads: &mut Heads, failure: &mut Option<Error>) {
    match source.next() {
        Some(Ok(name)) => heads.push(std::cmp::Reverse((name, index))),
        Some(Err(error)) => *failure = Some(error),
        None => {}
    }
}

/// Writes a run.
#[derive(Debug)]
pub(super) struct RunWriter<'f> {
    file: &'f dyn DiskFile,
    offset: u64,
    buffer: Vec<u8>,
}

impl<'f> RunWriter<'f> {
    pub(super) fn new(file: &'f dyn DiskFile) -> Self {
        Self { file, offset: 0, buffer: Vec::new() }
    }

    /// Adds a name, which must be greater than the one before.
    pub(super) fn push(&mut self, name: &str) -> io::Result<()> {
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.push(b'\n');
        if self.buffer.len() >= WRITE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.buffer, self.offset)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// A name has at most 255 bytes.
const LINE_BYTES_MAX: usize = 256;
const BUFFER_BYTES: usize = 4096;
const WRITE_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::disk::{Disk, OsDisk};

    fn run_of(dir: &Path, name: &str, names: &BTreeSet<String>, after: Option<&str>) -> Run {
        let path = dir.join(name);
        let _ = OsDisk.remove_file(&path);
        let file = OsDisk.create(&path).unwrap();
        let mut writer = RunWriter::new(&*file);
        for name in names {
            writer.push(name).unwrap();
        }
        writer.finish().unwrap();
        Run::open(file, path, after).unwrap()
    }

    proptest! {
        #[test]
        fn a_run_is_read_from_any_name_on(
            names: BTreeSet<u32>, after: Option<u32>, long in 1usize..250,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let text = |name: &u32| format!("{name:0long$}");
            let names: BTreeSet<String> = names.iter().map(text).collect();
            let after = after.as_ref().map(text);
            let run = run_of(dir.path(), "run", &names, after.as_deref());
            let read: Vec<String> = run.map(Result::unwrap).collect();
            let expected: Vec<String> = names
                .into_iter()
                .filter(|name| after.as_ref().is_none_or(|after| name > after))
                .collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn runs_merge_into_their_union(
            one in proptest::collection::btree_set("[a-d]{1,3}", 0..20),
            two in proptest::collection::btree_set("[a-d]{1,3}", 0..20),
            new in proptest::collection::btree_set("[a-d]{1,3}", 0..20),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let runs = vec![
                run_of(dir.path(), "one", &one, None),
                run_of(dir.path(), "two", &two, None),
            ];
            let sorted = new.iter().cloned().collect();
            let merged: Vec<String> = merge(sorted, runs).map(Result::unwrap).collect();
            let expected: BTreeSet<String> = [one, two, new].into_iter().flatten().collect();
            prop_assert_eq!(merged, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
