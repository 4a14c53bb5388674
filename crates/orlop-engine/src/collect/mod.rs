//! Online collection: freeing what nothing refers to, beside everything else.
//!
//! `docs/collection.md` says what is promised and why it holds. A run looks at what may be
//! garbage, and at nothing else: upload sessions, which stay until a manifest refers to their
//! blob, and candidates, which are stored before each act that makes garbage. So its cost grows
//! with the garbage and not with the store.

mod blob;
mod candidate;
mod edge;
mod options;
mod report;
mod session;

use futures::TryStreamExt;
use orlop_backend::Entry;

pub use self::options::{CollectOptions, Observer};
pub use self::report::{Collected, Kept, Unreadable};
use crate::store::Store;
use crate::{Error, Registry, Result, layout};

/// One run. It holds nothing between two steps that is not in the store: any number of them may
/// go on at once, and one that dies leaves its work to the next.
#[derive(Debug)]
struct Collector<'r> {
    registry: &'r Registry,
    options: &'r CollectOptions,
}

/// What came of looking at something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
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
        let collector = Collector { registry: self, options };
        let mut done = Collected { items: collector.count().await?, ..Collected::default() };
        let places = layout::collected(self.shared.store.random_id()?)?;
        for place in places {
            let records = &self.shared.store.environment.records;
            let mut looks = records
                .walk(&place)
                .map_err(Error::from)
                .map_ok(|entry| collector.look(entry))
                .try_buffer_unordered(options.at_once.max(1));
            while let Some(look) = looks.try_next().await? {
                done += look;
                observer.on_progress(&done).await;
            }
        }
        let open = self.shared.store.environment.extents.walk_open();
        let mut leftovers = open
            .map_err(Error::from)
            .map_ok(|extent| collector.leftover(extent.id))
            .try_buffer_unordered(options.at_once.max(1));
        while let Some(leftover) = leftovers.try_next().await? {
            done += leftover;
            observer.on_progress(&done).await;
        }
        Ok(done)
    }
}

impl Collector<'_> {
    fn store(&self) -> &Store {
        &self.registry.shared.store
    }

    /// How many sessions and candidates there are, for an estimate.
    async fn count(&self) -> Result<u64> {
        let mut count = 0;
        for place in layout::collected(self.store().random_id()?)? {
            let entries = self.store().environment.records.walk(&place);
            count += entries.try_fold(0, async |count, _| Ok(count + 1)).await?;
        }
        Ok(count)
    }

    /// Looks at a session or a candidate.
    async fn look(&self, entry: Entry) -> Result<Collected> {
        let mut done = Collected { looked_at: 1, ..Collected::default() };
        let looked = if layout::is_candidate(&entry.key) {
            self.candidate(&entry, &mut done).await
        } else {
            self.session(&entry, &mut done).await
        };
        match looked {
            Ok(()) => {}
            // It stays, and with it everything that it may stand for.
            Err(error) => done.set_aside(&entry.key, error)?,
        }
        Ok(done)
    }
}
