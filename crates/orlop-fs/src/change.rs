//! Changes of records and markers: first in the journal, then in their places.
//!
//! What is new is made under its name at once: most files are, and one that is made elsewhere and
//! renamed costs a third more, and all who rename wait for each other. So somebody may find a record
//! that is not whole yet; it is whole when its key's lock is free, or its maker died
//! ([`crate::journal`]), or a medium has damaged it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use orlop_backend::{ErrorKind, Key, Result};

use crate::blocking::Wait;
use crate::journal::{Entry, Epoch, Journal};
use crate::layout::parent;
use crate::locks::Lock;
use crate::names::Names;
use crate::volume::{Volume, failed, found};

/// What becomes of a key.
#[derive(Debug)]
pub(crate) struct Change<'k> {
    pub(crate) key: &'k Key,
    pub(crate) becomes: Becomes,
}

#[derive(Debug)]
pub(crate) enum Becomes {
    /// A record that was not there.
    New(Bytes),
    /// A record in place of another one.
    Other(Bytes),
    /// A marker, which may be there.
    Marked,
    /// Nothing, which it may be already.
    Gone,
}

impl Change<'_> {
    fn content(&self) -> Option<&[u8]> {
        match &self.becomes {
            Becomes::New(content) | Becomes::Other(content) => Some(content),
            Becomes::Marked => Some(&[]),
            Becomes::Gone => None,
        }
    }

    fn may_be_new(&self) -> bool {
        matches!(self.becomes, Becomes::New(_) | Becomes::Marked)
    }
}

impl Volume {
    /// Makes changes of keys that are locked, all of them with one sync. If it fails, some may be
    /// made, now or late: whoever must know reads again.
    pub(crate) async fn make(&self, locks: Vec<Lock<'_>>, changes: &[Change<'_>]) -> Result<()> {
        let journal = self.journal()?;
        // Before the epoch: one that is over has synced what may get its name later.
        let replacements = self.prepare(changes)?;
        let made = async {
            let dirs = self.names_by_dir(changes);
            let _announced = self.share_dirs(dirs.keys()).await?;
            self.announce(dirs)?;
            let epoch = journal.enter(self).await?;
            journal.append(self, &self.entries(journal, &epoch, changes)?).await?;
            let applied = self.apply_all(changes, &replacements);
            if applied.is_err() {
                self.take_back(journal, &epoch, changes).await;
            }
            applied
        }
        .await;
        if made.is_err() {
            self.discard(&replacements);
        }
        drop(locks);
        journal.checkpoint_if_due(self);
        made
    }

    /// Makes keys gone that are locked, and does not wait for the journal, which has it with the next
    /// change that somebody waits for. If all processes end before, or the power is cut, what was there
    /// is made again; an entry whose epoch is over by then does not count, and need not.
    pub(crate) async fn make_early(&self, locks: Vec<Lock<'_>>, gone: &[Change<'_>]) -> Result<()> {
        let journal = self.journal()?;
        let epoch = journal.enter(self).await?;
        journal.append_later(&self.entries(journal, &epoch, gone)?);
        let made = self.apply_all(gone, &vec![None; gone.len()]);
        drop(locks);
        made
    }

    /// Makes a change once more that the journal has, or the first time.
    pub(crate) fn make_again(&self, key: &Key, content: Option<&[u8]>) -> Result<()> {
        let becomes = match content {
            Some([]) => Becomes::Marked,
            Some(content) => Becomes::New(Bytes::copy_from_slice(content)),
            None => Becomes::Gone,
        };
        let change = [Change { key, becomes }];
        let dirs = self.names_by_dir(&change);
        let _announced = self.share_dirs_blocking(dirs.keys())?;
        self.announce(dirs)?;
        let is_there = match self.read_raw(key, Wait::Long) {
            Ok(found) => found.as_ref().map(|(found, _)| &found[..]) == content,
            Err(error) if error.kind() == ErrorKind::Corrupt => false,
            Err(error) => return Err(error),
        };
        if is_there {
            return Ok(());
        }
        self.apply_all(&change, &[None])
    }

    /// Writes what will take the place of records.
    fn prepare(&self, changes: &[Change<'_>]) -> Result<Vec<Option<PathBuf>>> {
        let mut replacements: Vec<Option<PathBuf>> = Vec::with_capacity(changes.len());
        for change in changes {
            let prepared = match &change.becomes {
                Becomes::Other(content) => {
                    self.write_tmp(|file| file.write_all_at(content, 0)).map(Some)
                }
                Becomes::New(_) | Becomes::Marked | Becomes::Gone => Ok(None),
            };
            replacements.push(prepared.inspect_err(|_| self.discard(&replacements))?);
        }
        Ok(replacements)
    }

    fn discard(&self, replacements: &[Option<PathBuf>]) {
        for tmp in replacements.iter().flatten() {
            let _ = self.disk.remove_file(tmp); // unless it has its name already
        }
    }

    /// The names that may be new, by their directories. Until they are made, who announces them
    /// shares those directories' locks.
    fn names_by_dir<'c>(&self, changes: &[Change<'c>]) -> BTreeMap<PathBuf, Vec<&'c str>> {
        let mut by_dir: BTreeMap<PathBuf, Vec<&str>> = BTreeMap::new();
        for change in changes.iter().filter(|change| change.may_be_new()) {
            let mut path = self.layout.record(change.key);
            path.pop();
            by_dir.entry(path).or_default().push(change.key.name());
        }
        by_dir
    }

    fn announce(&self, names: BTreeMap<PathBuf, Vec<&str>>) -> Result<()> {
        names.into_iter().try_for_each(|(dir, names)| Names::new(self, dir).announce(names))
    }

    /// What the journal is told of changes.
    fn entries<'c>(
        &self,
        journal: &Journal,
        epoch: &Epoch<'_>,
        changes: &'c [Change<'_>],
    ) -> Result<Vec<Entry<'c>>> {
        let entry = |change: &'c Change<'_>| {
            let stamp = journal.stamp(self, change.key, epoch)?;
            Ok(Entry::new(stamp, change.key, change.content()))
        };
        changes.iter().map(entry).collect()
    }

    fn apply_all(&self, changes: &[Change<'_>], replacements: &[Option<PathBuf>]) -> Result<()> {
        for (change, replacement) in changes.iter().zip(replacements) {
            self.apply(change, replacement.as_deref())?;
        }
        for change in changes.iter().filter(|change| matches!(change.becomes, Becomes::Gone)) {
            self.remove_empty_dirs(parent(&self.layout.record(change.key)));
        }
        Ok(())
    }

    fn apply(&self, change: &Change<'_>, replacement: Option<&Path>) -> Result<()> {
        let path = self.layout.record(change.key);
        match (&change.becomes, replacement) {
            (Becomes::Gone, _) => found(self.disk.remove_file(&path))
                .map(drop)
                .map_err(|error| failed("delete", &path, error)),
            (Becomes::Other(_), Some(tmp)) => {
                self.make_name(&path, || self.disk.replace(tmp, &path))
            }
            (Becomes::New(content) | Becomes::Other(content), _) => {
                self.make_record(&path, content)
            }
            (Becomes::Marked, _) => self.make_name(&path, || self.create_file(&path)).map(drop),
        }
    }

    /// Makes a record's file, or puts one in the place of what cannot be read.
    fn make_record(&self, path: &Path, content: &[u8]) -> Result<()> {
        let Some(file) = self.make_name(path, || self.create_file(path))? else {
            let tmp = self.write_tmp(|file| file.write_all_at(content, 0))?;
            let renamed = self.rename(&tmp, path);
            return renamed.inspect_err(|_| self.discard(&[Some(tmp)]));
        };
        file.write_all_at(content, 0).map_err(|error| {
            let _ = self.disk.remove_file(path); // or it is damaged
            failed("write", path, error)
        })
    }

    /// The journal says what could not be made, and a later opening would make it, though its caller
    /// was told that it failed, if nobody has changed the key meanwhile. So the journal is told what
    /// there is instead. If that fails too, the change is one that may be made late.
    async fn take_back(&self, journal: &Journal, epoch: &Epoch<'_>, changes: &[Change<'_>]) {
        let taken_back = async {
            let present = |change: &Change<'_>| self.read_raw(change.key, Wait::Long);
            let present: Vec<_> = changes.iter().map(present).collect::<Result<_>>()?;
            let mut entries = Vec::with_capacity(changes.len());
            for (change, present) in changes.iter().zip(&present) {
                let stamp = journal.stamp(self, change.key, epoch)?;
                let content = present.as_ref().map(|(content, _)| &content[..]);
                entries.push(Entry::new(stamp, change.key, content));
            }
            journal.append(self, &entries).await
        };
        if let Err(error) = taken_back.await {
            tracing::warn!(%error, "a change that failed may be made when the store is opened again");
        }
    }
}
