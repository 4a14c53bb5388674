//! The scrub: every record and every byte is read, online.
//!
//! An audit compares records with each other; a scrub compares what the medium gives with what
//! was stored, because a checksum or a digest says what that was. It holds nothing in memory but
//! what it has found and what it is reading, so it can take weeks at a low rate, and another
//! process can go on with it. `docs/scrub.md` says what it finds.

mod affected;
mod aside;
mod blob;
mod checkpoint;
mod edge;
mod manifest;
mod options;
mod record;
mod remedy;
mod report;
mod restore;
mod section;
mod source;
mod tag;

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use orlop_backend::{Entry, ExtentState, Key, Prefix};

pub use self::checkpoint::ScrubCheckpoint;
pub use self::options::{ScrubObserver, ScrubOptions, ScrubProgress};
pub use self::report::{Affected, Damage, DamageKind, Doubt, Remedy, Scrubbed};
use self::section::{Kind, Section};
pub use self::source::Source;
use crate::hashing::Hashing;
use crate::store::Store;
use crate::{Registry, Result, layout};

/// One run.
#[derive(Debug)]
struct Scrubber<'r> {
    registry: &'r Registry,
    options: &'r ScrubOptions,
    observer: &'r dyn ScrubObserver,
    progress: Mutex<ScrubProgress>,
    /// What was reported to be missing: many things may miss it.
    missed: Mutex<HashSet<Key>>,
    /// Where there are blobs at all; `None` if this run has not looked.
    shards: Mutex<Option<HashSet<Prefix>>>,
    /// Where blobs that are read at the same time are hashed.
    hashing: Arc<Hashing>,
}

impl Registry {
    /// Reads every record and every byte of every blob, and compares them with their checksums
    /// and digests, while pushes, pulls, deletes and collections go on, in this process and in
    /// others. Changes nothing, unless the options say what is to become of what is damaged.
    ///
    /// What is damaged stops nothing: it is reported, with the repositories, manifests and tags
    /// that need it. A blob that is deleted or pushed again meanwhile is no finding. Takes the
    /// memory of what it found and of [`ScrubOptions::at_once`] pieces of blobs. It reads as fast
    /// as the observer lets it. Fails if the store cannot be reached, and with
    /// [`ErrorKind::Precondition`](crate::ErrorKind::Precondition) if the checkpoint is of another
    /// store.
    ///
    /// ```
    /// use orlop_backend::Environment;
    /// use orlop_engine::{Options, Registry, ScrubOptions};
    /// use orlop_oci::{Algorithm, Digest};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let registry = Registry::open(Environment::memory(), Options::default()).await?;
    /// let digest = Digest::of(Algorithm::Sha256, b"hello");
    /// let mut upload = registry.repository("app".parse()?).begin_upload_of(&digest).await?;
    /// upload.write("hello".into()).await?;
    /// upload.commit(&digest).await?;
    ///
    /// let scrubbed = registry.scrub(&ScrubOptions::default(), &()).await?;
    /// assert!(scrubbed.is_sound());
    /// assert_eq!((scrubbed.blobs, scrubbed.bytes), (1, 5));
    /// # Ok::<(), orlop_engine::Error>(()) }).unwrap();
    /// ```
    pub async fn scrub(
        &self,
        options: &ScrubOptions,
        observer: &dyn ScrubObserver,
    ) -> Result<Scrubbed> {
        let mut checkpoint = match &options.from {
            Some(from) => {
                from.check(&self.shared.id)?;
                from.clone()
            }
            None => self.scrub_start().await?,
        };
        let scrubber = Scrubber::new(self, options, observer, &checkpoint);
        if checkpoint.section == 0 && checkpoint.after.is_none() {
            checkpoint.done = scrubber.store_record().await?;
        }
        let sections = Section::all()?;
        while checkpoint.section < sections.len() {
            let end = Section::end_of_run(&sections, checkpoint.section);
            scrubber.sections(&sections[..end], &mut checkpoint).await?;
            checkpoint.section = end;
            checkpoint.after = None;
            observer.on_checkpoint(&checkpoint).await;
        }
        Ok(checkpoint.done)
    }

    /// The checkpoint of a scrub that has looked at nothing yet. Adds up the lengths of all
    /// extents, which is what a scrub is going to read.
    pub async fn scrub_start(&self) -> Result<ScrubCheckpoint> {
        let extents = self.shared.store.environment.extents.walk();
        let bytes = extents.try_fold(0, async |sum, extent| {
            Ok(sum
                + match extent.state {
                    ExtentState::Sealed { len } => len,
                    ExtentState::Open => 0,
                })
        });
        Ok(ScrubCheckpoint::start(&self.shared.id, bytes.await?))
    }
}

impl<'r> Scrubber<'r> {
    fn new(
        registry: &'r Registry,
        options: &'r ScrubOptions,
        observer: &'r dyn ScrubObserver,
        from: &ScrubCheckpoint,
    ) -> Self {
        let ScrubCheckpoint { bytes_expected, done, .. } = from;
        let progress = ScrubProgress {
            records: done.records,
            bytes: done.bytes,
            bytes_expected: *bytes_expected,
            read: 0,
            damaged: done.damaged(),
        };
        let missed = done.damage.kept.iter().map(|damage| damage.key.clone()).collect();
        let (progress, missed) = (Mutex::new(progress), Mutex::new(missed));
        let hashing = Arc::new(Hashing::on(options.threads.clone()));
        let shards = Mutex::default();
        Self { registry, options, observer, progress, missed, shards, hashing }
    }
}

impl Scrubber<'_> {
    /// Looks at what is left of sections that are all alike. In order where they have one: then
    /// whatever comes before a checkpoint was looked at, however many are looked at at once.
    async fn sections(&self, sections: &[Section], checkpoint: &mut ScrubCheckpoint) -> Result<()> {
        let (first, after) = (checkpoint.section, checkpoint.after.clone());
        let Some(Section { kind, .. }) = sections.get(first) else {
            return Ok(());
        };
        let places: Vec<(usize, Section)> = {
            let shards = lock(&self.shards);
            let is_empty =
                |it: &Section| shards.as_ref().is_some_and(|shards| it.is_empty_shard(shards));
            let rest = sections.iter().cloned().enumerate().skip(first);
            rest.filter(|(_, section)| !is_empty(section)).collect()
        };
        let entries = stream::iter(places).map(|(number, section)| {
            let after = after.as_deref().filter(|_| number == first);
            section.entries(self.store(), after).map_ok(move |entry| (number, entry))
        });
        // A repository is looked at with several of its records at once.
        let at_once = if *kind == Kind::Repositories { 1 } else { self.options.at_once.max(1) };
        let looks = entries.flatten().map_ok(async |(number, entry)| {
            let (key, looked) = self.look_as(*kind, entry).await?;
            Ok((number, key, looked))
        });
        let mut looks = pin!(looks.try_buffered(at_once));
        // What would be looked at again is not in a checkpoint.
        let mut part = Scrubbed::default();
        while let Some((number, key, looked)) = looks.try_next().await? {
            if sections[number].is_ordered() {
                checkpoint.done += looked;
                checkpoint.section = number;
                checkpoint.after = Some(key.name().to_owned());
                self.observer.on_checkpoint(checkpoint).await;
            } else {
                part += looked;
            }
        }
        checkpoint.done += part;
        Ok(())
    }

    async fn look_as(&self, kind: Kind, entry: Entry) -> Result<(Key, Scrubbed)> {
        let looked = match kind {
            Kind::Listed | Kind::Blobs | Kind::Walked => self.look(&entry).await?,
            Kind::Repositories => self.repository(&entry).await?,
            Kind::Strays => self.stray(&entry).await?,
        };
        Ok((entry.key, looked))
    }

    /// Tells the observer, who may take his time.
    async fn tick(&self, change: impl FnOnce(&mut ScrubProgress)) {
        let progress = {
            let mut progress = lock(&self.progress);
            change(&mut progress);
            *progress
        };
        self.observer.on_progress(&progress).await;
    }

    fn store(&self) -> &Store {
        &self.registry.shared.store
    }

    /// Whether it changes anything at all.
    fn acts(&self) -> bool {
        self.options.quarantine || self.options.source.is_some()
    }

    /// Whether something is missed for the first time, as far as this run remembers.
    fn is_news(&self, key: &Key) -> bool {
        let mut missed = lock(&self.missed);
        if missed.contains(key) {
            return false;
        }
        if missed.len() < MISSED_MAX {
            missed.insert(key.clone());
        }
        true
    }

    /// Whether the store answers at all, when it has not given one of its parts.
    async fn is_reachable(&self) -> Result<bool> {
        Ok(self.store().environment.records.raw(&layout::store()?).await.is_ok())
    }
}

/// Never held while something is awaited.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// So many are remembered; others are counted once for each that misses them.
const MISSED_MAX: usize = 10_000;
