//! Online collection: freeing what nothing refers to, beside everything else.
//!
//! `docs/collection.md` says what is promised and why it holds. A run looks at what may be
//! garbage, and at nothing else: upload sessions, which stay until a manifest refers to their
//! blob; candidates, which are stored before each act that makes garbage; and manifests that
//! were found without anything that keeps them. So its cost grows with the garbage and not with
//! the store.

mod blob;
mod candidate;
mod counted;
mod edge;
mod manifest;
mod options;
mod rehearsal;
mod report;
mod session;

use futures::TryStreamExt;
use orlop_backend::{Entry, Prefix};

use self::counted::counted;
pub(crate) use self::edge::{Edge, Edges};
pub use self::options::{CollectOptions, Observer};
use self::rehearsal::Rehearsal;
pub use self::report::{Collected, Kept, Unreadable};
use crate::store::Store;
use crate::{Error, Registry, Result, layout};

/// One run. It holds nothing between two steps that is not in the store: any number of them may
/// go on at once, and one that dies leaves its work to the next.
#[derive(Debug)]
pub(crate) struct Collector<'r> {
    registry: &'r Registry,
    options: &'r CollectOptions,
    rehearsal: Rehearsal,
}

/// A place where something lies that a run looks at.
#[derive(Clone, Copy, Debug)]
enum Place {
    Sessions,
    Candidates,
    Untagged,
}

/// What came of looking at something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is nothing left to do about it.
    Resolved,
    /// Somebody may be about to rely on it. A later run has to look again.
    Later,
}

impl Registry {
    /// Frees what nothing refers to, while pushes, pulls, deletes and other collections go on, in
    /// this process and in others. What it did is durable when it returns; what a crash leaves
    /// undone, the next run does.
    ///
    /// Whatever the options, no manifest that was accepted loses anything that it refers to, and
    /// no reader gets wrong bytes. A short lease can cost a push that is under way: it is told
    /// that a blob is unknown, or that its upload was overtaken, and sends it again.
    ///
    /// A record that cannot be read stops nothing: it is reported, and what it might refer to is
    /// kept. Fails if the store cannot be reached.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use orlop_backend::Environment;
    /// use orlop_engine::{CollectOptions, Options, Registry};
    /// use orlop_oci::{Algorithm, Digest};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let registry = Registry::open(Environment::memory(), Options::default()).await?;
    /// let digest = Digest::of(Algorithm::Sha256, b"nobody refers to it");
    /// let mut upload = registry.repository("app".parse()?).begin_upload_of(&digest).await?;
    /// upload.write("nobody refers to it".into()).await?;
    /// upload.commit(&digest).await?;
    ///
    /// let done = registry.collect(&CollectOptions::default(), &()).await?;
    /// assert_eq!(done.blobs, 0); // its lease is not over
    /// let eager = CollectOptions { lease: Duration::ZERO, ..CollectOptions::default() };
    /// let done = registry.collect(&eager, &()).await?;
    /// assert_eq!((done.blobs, done.bytes), (1, 19));
    /// # Ok::<(), orlop_engine::Error>(()) }).unwrap();
    /// ```
    pub async fn collect(
        &self,
        options: &CollectOptions,
        observer: &dyn Observer,
    ) -> Result<Collected> {
        let (registry, calls) = counted(self);
        let collector = Collector::new(&registry, options);
        let mut done = Collected { items: collector.count().await?, ..Collected::default() };
        collector.pass(&[Place::Sessions], &mut done, observer).await?;
        // What an index or a subject kept can go only after that: again, until nothing is left.
        loop {
            let before = done.untagged;
            collector.pass(&[Place::Candidates, Place::Untagged], &mut done, observer).await?;
            collector.rehearse_released(&mut done).await?;
            if done.untagged == before {
                break;
            }
        }
        collector.rehearse_orphaned(&mut done).await?;
        collector.leftovers(&mut done, observer).await?;
        done.calls = calls.so_far();
        Ok(done)
    }
}

impl<'r> Collector<'r> {
    pub(crate) fn new(registry: &'r Registry, options: &'r CollectOptions) -> Self {
        Self { registry, options, rehearsal: Rehearsal::default() }
    }
}

impl Collector<'_> {
    fn store(&self) -> &Store {
        &self.registry.shared.store
    }

    /// Where to look. It begins somewhere else each time, so that several collectors meet seldom.
    fn prefixes(&self, place: Place) -> Result<Vec<Prefix>> {
        let mut prefixes = match place {
            Place::Sessions => vec![layout::uploads()?],
            Place::Candidates => layout::candidates()?,
            Place::Untagged if self.options.untagged.is_some() => layout::all_untagged()?,
            Place::Untagged => Vec::new(), // they stay, so they need not be looked at
        };
        if !prefixes.is_empty() {
            let random = self.store().random_id()?.to_string();
            let first = random.bytes().map(usize::from).sum::<usize>() % prefixes.len();
            prefixes.rotate_left(first);
        }
        Ok(prefixes)
    }

    /// How many things there are to look at, for an estimate.
    async fn count(&self) -> Result<u64> {
        let mut count = 0;
        for place in [Place::Sessions, Place::Candidates, Place::Untagged] {
            for prefix in self.prefixes(place)? {
                let entries = self.store().environment.records.walk(&prefix);
                count += entries.try_fold(0, async |count, _| Ok(count + 1)).await?;
            }
        }
        Ok(count)
    }

    /// Looks at everything that is there.
    async fn pass(
        &self,
        places: &[Place],
        done: &mut Collected,
        observer: &dyn Observer,
    ) -> Result<()> {
        for place in places {
            for prefix in self.prefixes(*place)? {
                let records = &self.store().environment.records;
                let mut looks = records
                    .walk(&prefix)
                    .map_err(Error::from)
                    .map_ok(|entry| self.look(*place, entry))
                    .try_buffer_unordered(self.options.at_once.max(1));
                while let Some(look) = looks.try_next().await? {
                    *done += look;
                    done.items = done.items.max(done.looked_at); // some came since they were counted
                    observer.on_progress(done).await;
                }
            }
        }
        Ok(())
    }

    /// Gives up what is open of extents that nobody writes to any more.
    async fn leftovers(&self, done: &mut Collected, observer: &dyn Observer) -> Result<()> {
        let open = self.store().environment.extents.walk_open();
        let mut leftovers = open
            .map_err(Error::from)
            .map_ok(|extent| self.leftover(extent.id))
            .try_buffer_unordered(self.options.at_once.max(1));
        while let Some(leftover) = leftovers.try_next().await? {
            *done += leftover;
            observer.on_progress(done).await;
        }
        Ok(())
    }

    /// What would lose its last keeper if what was found so far were gone.
    async fn rehearse_released(&self, done: &mut Collected) -> Result<()> {
        for (repository, digest) in self.rehearsal.take_released() {
            self.released(&repository, &digest, done).await?;
        }
        Ok(())
    }

    async fn rehearse_orphaned(&self, done: &mut Collected) -> Result<()> {
        for blob in self.rehearsal.take_orphaned() {
            self.review(&blob, done).await?;
        }
        Ok(())
    }

    async fn look(&self, place: Place, entry: Entry) -> Result<Collected> {
        let mut done = Collected { looked_at: 1, ..Collected::default() };
        let looked = match place {
            Place::Sessions => self.session(&entry, &mut done).await,
            Place::Candidates => self.candidate(&entry, &mut done).await,
            Place::Untagged => self.untagged(&entry, &mut done).await,
        };
        match looked {
            Ok(()) => {}
            // It stays, and with it everything that it may stand for.
            Err(error) => done.set_aside(&entry.key, error)?,
        }
        Ok(done)
    }
}
