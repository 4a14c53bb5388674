//! The audit: everything compared with everything, online.
//!
//! A collection looks at what announces itself. An audit looks at all there is: it finds what a
//! collection never will, because a writer that was given up left it, or because somebody damaged
//! the store. `docs/collection.md` says why it may run at any time: it deletes bytes only if they
//! were there before it looked for a name of theirs, and leaves every other decision to the
//! collector or to a swap.

mod aside;
mod blob;
mod edge;
mod extent;
mod inventory;
mod known;
mod manifest;
mod options;
mod report;
mod suspect;
mod tag;

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::TryStreamExt;
use orlop_backend::{Entry, Key, Prefix};

pub use self::inventory::{Amount, Inventory};
use self::known::Known;
pub use self::options::{AuditObserver, AuditOptions};
pub use self::report::{Audited, Broken, Fault, Findings, Tally};
use crate::collect::{CollectOptions, Collector};
use crate::layout::Place;
use crate::state::{RepositoryState, Session, Stage, Untagged};
use crate::store::{Store, Stored};
use crate::{Error, ErrorKind, Registry, Result, Unreadable, layout};

/// One run.
#[derive(Debug)]
struct Auditor<'r> {
    registry: &'r Registry,
    options: &'r AuditOptions,
    /// Decides as a collection does, and changes something only if the audit repairs.
    collect: CollectOptions,
    known: Mutex<Known>,
}

/// What is looked at in one go. The order matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// Sessions, repositories and links; and which edges are marked. After the extents.
    Names,
    /// Manifests and tags. After the edges, because each edge comes before what makes it.
    Contents,
    /// Blobs. After the sessions, because a session goes only when its blob has been there.
    Blobs,
    /// Edges that nobody has accounted for.
    Edges,
    /// Candidates. After whatever they may name, because each comes before the act.
    Notes,
}

impl Registry {
    /// Compares everything in the store with everything else, while pushes, pulls, deletes and
    /// collections go on, in this process and in others. Says where the bytes are
    /// ([`Audited::inventory`]), what is not as it should be, and repairs what can be, if it is
    /// told to; what it repaired is durable when it returns.
    ///
    /// It never deletes anything that lives or may come to live, whatever the options. A record
    /// that cannot be read stops nothing: it is reported, and what it might refer to is kept.
    /// Reads every record, and holds some tens of bytes in memory for each extent, edge and blob.
    /// Fails if the store cannot be reached.
    ///
    /// ```
    /// use orlop_backend::Environment;
    /// use orlop_engine::{AuditOptions, Options, Registry};
    /// use orlop_oci::{Algorithm, Digest};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let registry = Registry::open(Environment::memory(), Options::default()).await?;
    /// let digest = Digest::of(Algorithm::Sha256, b"hello");
    /// let mut upload = registry.repository("app".parse()?).begin_upload_of(&digest).await?;
    /// upload.write("hello".into()).await?;
    /// upload.commit(&digest).await?;
    ///
    /// let audited = registry.audit(&AuditOptions::default(), &()).await?;
    /// assert!(audited.is_sound());
    /// assert_eq!(audited.inventory.unreferenced.bytes, 5); // no manifest yet
    /// # Ok::<(), orlop_engine::Error>(()) }).unwrap();
    /// ```
    pub async fn audit(
        &self,
        options: &AuditOptions,
        observer: &dyn AuditObserver,
    ) -> Result<Audited> {
        let AuditOptions { repair, lease, at_once } = *options;
        let dry_run = !repair;
        let upload_idle = lease;
        let untagged = None;
        let collect = CollectOptions { lease, upload_idle, untagged, dry_run, at_once };
        let auditor = Auditor { registry: self, options, collect, known: Mutex::default() };
        let mut done = Audited { items: auditor.count().await?, ..Audited::default() };
        if let Some(stored) = auditor.store().environment.records.raw(&layout::store()?).await? {
            done.inventory.records.add(stored.len() as u64);
        }
        auditor.extents(&mut done).await?;
        for round in [Round::Names, Round::Contents, Round::Blobs, Round::Edges, Round::Notes] {
            for place in round.places()? {
                let records = &self.shared.store.environment.records;
                let mut looks = records
                    .walk(&place)
                    .map_err(Error::from)
                    .map_ok(|entry| auditor.look(round, entry))
                    .try_buffer_unordered(at_once.max(1));
                while let Some(look) = looks.try_next().await? {
                    done += look;
                    observer.on_progress(&done).await;
                }
            }
        }
        auditor.suspects(&mut done).await?;
        auditor.orphans(&mut done).await?;
        auditor.leftovers(&mut done).await?;
        auditor.dangling(&mut done).await?;
        observer.on_progress(&done).await;
        Ok(done)
    }
}

impl Round {
    fn places(self) -> Result<Vec<Prefix>> {
        let (edges, contents) = (layout::edges_of_all_blobs()?, layout::contents()?);
        Ok(match self {
            Round::Names => {
                let names = [layout::uploads()?, layout::repositories()?, layout::all_links()?];
                names.into_iter().chain([edges, contents, layout::asides()?]).collect()
            }
            Round::Contents => vec![contents],
            Round::Blobs => vec![layout::blobs()?],
            Round::Edges => vec![edges, contents],
            Round::Notes => layout::notes()?,
        })
    }
}

impl Auditor<'_> {
    /// How much there is, for an estimate.
    async fn count(&self) -> Result<u64> {
        let environment = &self.store().environment;
        let mut count = environment.extents.walk().try_fold(0, async |n, _| Ok(n + 1)).await?;
        for round in [Round::Names, Round::Blobs, Round::Notes] {
            for place in round.places()? {
                let entries = environment.records.walk(&place);
                count += entries.try_fold(0, async |n, _| Ok(n + 1)).await?;
            }
        }
        Ok(count)
    }

    /// Looks at what is under a key, as far as it is this round's.
    async fn look(&self, round: Round, entry: Entry) -> Result<Audited> {
        let mut done = Audited::default();
        let key = &entry.key;
        let Some(place) = Place::of(key) else {
            if !matches!(round, Round::Contents | Round::Edges) {
                done.looked_at = 1;
                done.inventory.records.add(entry.len);
                done.foreign.push(key.clone());
                // It may be of a later version, and name something.
                done.is_blind = names_extents(key)?;
            }
            return Ok(done);
        };
        done.looked_at = u64::from(round != Round::Edges);
        let looked = match (round, &place) {
            (Round::Names, Place::Session(extent)) => self.session(*extent, key).await,
            (Round::Names, Place::Repository(name)) => {
                done.inventory.repositories += 1;
                self.known().repositories.insert(name.clone());
                self.store().get::<RepositoryState>(key).await.map(drop)
            }
            (Round::Names, Place::Aside) => self.aside(&entry, &mut done).await,
            (Round::Names, Place::Link(extent)) => self.link(*extent, key).await,
            (Round::Names, Place::Edge(_) | Place::TagEdge(..)) => {
                self.known().edge(key);
                Ok(())
            }
            (Round::Contents, Place::Manifest(repository, digest)) => {
                self.manifest(repository, digest, key, &mut done).await
            }
            (Round::Contents, Place::Tag(repository, tag)) => {
                self.tag(repository, tag, &entry, &mut done).await
            }
            (Round::Blobs, Place::Blob(digest)) => self.blob(digest, key, &mut done).await,
            (Round::Edges, Place::Edge(maker) | Place::TagEdge(maker, ..)) => {
                self.edge(&place, maker, &entry, &mut done).await
            }
            (Round::Notes, Place::Candidate) => self.candidate(key, &mut done).await,
            (Round::Notes, Place::Untagged) => self.note(key).await,
            _ => {
                done.looked_at = 0; // another round's
                Ok(())
            }
        };
        if done.looked_at > 0 {
            done.inventory.records.add(entry.len);
        }
        if let Some(error) = corrupt(looked)? {
            done.is_blind |= names_extents(key)?;
            done.unreadable.push(Unreadable { key: key.clone(), reason: error.to_string() });
        }
        Ok(done)
    }

    /// Its key alone tells whose it is.
    async fn session(&self, extent: orlop_backend::ExtentId, key: &Key) -> Result<()> {
        self.known().sessions.insert(extent);
        if let Some(Stored { state: session, .. }) = self.store().get::<Session>(key).await?
            && session.stage == Stage::Open
        {
            self.known().open_bytes += session.checkpoint().len;
        }
        Ok(())
    }

    /// One whose manifest is gone means nothing, and is dropped.
    async fn note(&self, key: &Key) -> Result<()> {
        if let Some(note) = self.store().get::<Untagged>(key).await? {
            let Untagged { repository, digest } = note.state;
            self.collector().drop_note(&repository, &digest).await?;
        }
        Ok(())
    }

    fn collector(&self) -> Collector<'_> {
        Collector::new(self.registry, &self.collect)
    }

    fn store(&self) -> &Store {
        &self.registry.shared.store
    }

    /// Never held while something is awaited.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what is there may name an extent: if it cannot be read, no extent is known to be an
/// orphan.
fn names_extents(key: &Key) -> Result<bool> {
    let places = [layout::uploads()?, layout::blobs()?, layout::asides()?];
    Ok(places.iter().any(|place| place.strip(key).is_some()))
}

/// Tells what is stored and cannot be read, `Some`, from a failure of the way to it.
fn corrupt(result: Result<()>) -> Result<Option<Error>> {
    match result {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

/// What another record holds than the one that is looked at; `None` if it cannot be read, which is
/// reported when it is its turn.
fn if_readable<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
        Err(error) => Err(error),
    }
}
