//! Records: each is read, and what it says of others is held against them.

use futures::TryStreamExt;
use orlop_backend::{Entry, Key};

use super::{Affected, Damage, DamageKind, Scrubbed, Scrubber, lock};
use crate::layout::Place;
use crate::state::{Act, Aside, Candidate, Link, RepositoryState, Session, StoreState, Untagged};
use crate::store::{State, Stored};
use crate::{Error, ErrorKind, Result, layout};

impl Scrubber<'_> {
    /// Looks at what is under a key, for itself and with what it names.
    pub(super) async fn look(&self, entry: &Entry) -> Result<Scrubbed> {
        let mut done = Scrubbed::default();
        let key = &entry.key;
        let Some(place) = Place::of(key) else {
            done.foreign = 1;
            return Ok(done);
        };
        (done.records, done.record_bytes) = (1, entry.len);
        let done_ = &mut done;
        match &place {
            Place::Edge(_) | Place::TagEdge(..) if entry.len > 0 => {
                let reason = format!("marker {key} has {} bytes, expected none", entry.len);
                self.damaged(&place, key, DamageKind::Record, reason, done_).await?;
            }
            Place::Edge(maker) => self.edge(maker, entry, done_).await?,
            Place::TagEdge(maker, tag, life) => {
                self.tag_edge(maker, tag, *life, entry, done_).await?;
            }
            Place::Blob(digest) => self.blob(digest, &place, key, done_).await?,
            Place::Manifest(repository, digest) => {
                self.manifest(repository, digest, &place, key, done_).await?;
            }
            Place::Tag(repository, tag) => self.tag(repository, tag, &place, key, done_).await?,
            Place::Aside => drop(self.read::<Aside>(&place, key, done_).await?),
            Place::Link(_) => drop(self.read::<Link>(&place, key, done_).await?),
            Place::Repository(_) => drop(self.read::<RepositoryState>(&place, key, done_).await?),
            Place::Session(_) => self.session(&place, key, done_).await?,
            Place::Candidate => self.candidate(&place, key, done_).await?,
            Place::Untagged => self.untagged(&place, key, done_).await?,
        }
        let damaged = done.damaged();
        self.tick(|progress| {
            progress.records += 1;
            progress.read += entry.len;
            progress.damaged += damaged;
        })
        .await;
        Ok(done)
    }

    /// A repository with everything that belongs to it.
    pub(super) async fn repository(&self, entry: &Entry) -> Result<Scrubbed> {
        let mut done = self.look(entry).await?;
        let Some(Place::Repository(name)) = Place::of(&entry.key) else {
            return Ok(done);
        };
        let contents = self.store().environment.records.walk(&layout::contents_of(&name)?);
        let looks = contents.map_err(Error::from).map_ok(|entry| self.look_at(entry));
        let mut looks = looks.try_buffer_unordered(self.options.at_once.max(1));
        while let Some(looked) = looks.try_next().await? {
            done += looked;
        }
        Ok(done)
    }

    async fn look_at(&self, entry: Entry) -> Result<Scrubbed> {
        self.look(&entry).await
    }

    /// What belongs to a repository that does not exist, and keys that nobody knows. A repository
    /// is made before its first manifest, so all that was walked before exists, or is lost.
    pub(super) async fn stray(&self, entry: &Entry) -> Result<Scrubbed> {
        let mut done = Scrubbed::default();
        let name = match Place::of(&entry.key) {
            Some(Place::Manifest(name, _) | Place::Tag(name, _)) => name,
            Some(Place::Edge(maker) | Place::TagEdge(maker, ..)) => maker.repository,
            Some(Place::Blob(_)) => {
                let mut shards = lock(&self.shards);
                shards.get_or_insert_default().extend(entry.key.parent());
                return Ok(done);
            }
            Some(_) => return Ok(done),
            None => {
                done.foreign = 1;
                return Ok(done);
            }
        };
        // One that cannot be read has been walked.
        let record = layout::repository(&name)?;
        match self.store().environment.records.raw(&record).await? {
            Some(_) => Ok(done),
            None => self.look(entry).await,
        }
    }

    /// What the store is; looked at when a scrub begins.
    pub(super) async fn store_record(&self) -> Result<Scrubbed> {
        let mut done = Scrubbed { records: 1, ..Scrubbed::default() };
        let key = layout::store()?;
        let found = match self.store().get::<StoreState>(&key).await {
            Ok(found) => found.map(|found| found.state),
            Err(error) => {
                let (kind, reason) = self.reason(error).await?;
                let affected = Affected::default();
                done.damage(Damage { kind, key, reason, affected, remedy: None });
                return Ok(done);
            }
        };
        let id = &self.registry.shared.id;
        if found.as_ref().is_none_or(|found| found.id != *id) {
            let found = found.map_or("none".into(), |found| found.id);
            let reason = format!("expected the record of store {id}, found {found}");
            let (kind, affected) = (DamageKind::Missing, Affected::default());
            done.damage(Damage { kind, key, reason, affected, remedy: None });
        }
        Ok(done)
    }

    async fn session(&self, place: &Place, key: &Key, done: &mut Scrubbed) -> Result<()> {
        if let Some(session) = self.read::<Session>(place, key, done).await?
            && let Err(invalid) = session.state.hasher()
        {
            let reason = format!("record {key} cannot be gone on with: {invalid}");
            self.damaged(place, key, DamageKind::Record, reason, done).await?;
        }
        Ok(())
    }

    async fn candidate(&self, place: &Place, key: &Key, done: &mut Scrubbed) -> Result<()> {
        if let Some(candidate) = self.read::<Candidate>(place, key, done).await?
            && let Act::Push { incarnation, .. } = candidate.state.act
            && layout::candidate(incarnation.0)? != *key
        {
            let reason = format!("record {key} is about incarnation {}", incarnation.0);
            self.damaged(place, key, DamageKind::Record, reason, done).await?;
        }
        Ok(())
    }

    async fn untagged(&self, place: &Place, key: &Key, done: &mut Scrubbed) -> Result<()> {
        if let Some(note) = self.read::<Untagged>(place, key, done).await? {
            let Untagged { repository, digest } = note.state;
            if layout::untagged(&repository, &digest)? != *key {
                let reason = format!("record {key} is about manifest {digest} of {repository}");
                self.damaged(place, key, DamageKind::Record, reason, done).await?;
            }
        }
        Ok(())
    }

    /// A record; `None` if it is gone meanwhile, or damaged, which is reported.
    pub(super) async fn read<T: State>(
        &self,
        place: &Place,
        key: &Key,
        done: &mut Scrubbed,
    ) -> Result<Option<Stored<T>>> {
        match self.store().get::<T>(key).await {
            Ok(found) => Ok(found),
            Err(error) => {
                let (kind, reason) = self.reason(error).await?;
                // Before it is put aside.
                let affected = self.affected_by(place).await?;
                let (remedy, said) = match kind {
                    DamageKind::Record => {
                        let tried = self.remedy_record(place, key).await;
                        self.tried(tried, None).await?
                    }
                    _ => (None, String::new()),
                };
                let reason = format!("{reason}{said}");
                done.damage(Damage { kind, key: key.clone(), reason, affected, remedy });
                Ok(None)
            }
        }
    }

    /// Tells what cannot be read from a store that cannot be reached, which is the run's failure.
    pub(super) async fn reason(&self, error: Error) -> Result<(DamageKind, String)> {
        match error.kind() {
            ErrorKind::Corrupt => Ok((DamageKind::Record, error.to_string())),
            _ if self.is_reachable().await? => Ok((DamageKind::Unread, error.to_string())),
            _ => Err(error),
        }
    }

    /// Reports a record that is not what was stored, with everybody who needs it.
    pub(super) async fn damaged(
        &self,
        place: &Place,
        key: &Key,
        kind: DamageKind,
        reason: String,
        done: &mut Scrubbed,
    ) -> Result<()> {
        let affected = self.affected_by(place).await?;
        done.damage(Damage { kind, key: key.clone(), reason, affected, remedy: None });
        Ok(())
    }

    /// Reports something that is not there, the first time that somebody misses it.
    pub(super) async fn missing(
        &self,
        place: &Place,
        key: Key,
        reason: String,
        done: &mut Scrubbed,
    ) -> Result<()> {
        if !self.is_news(&key) {
            return Ok(());
        }
        let affected = self.affected_by(place).await?;
        let (remedy, said) = match place {
            Place::Manifest(name, digest) if layout::manifest(name, digest)? == key => {
                let tried = self.restore(name, digest).await;
                self.tried(tried, None).await?
            }
            _ => (None, String::new()),
        };
        let (kind, reason) = (DamageKind::Missing, format!("{reason}{said}"));
        done.damage(Damage { kind, key, reason, affected, remedy });
        Ok(())
    }

    /// What another record says than the one that is looked at; `None` if it cannot be read, which
    /// is reported when it is its turn.
    pub(super) async fn other<T: State>(&self, key: &Key) -> Result<Option<Option<Stored<T>>>> {
        match self.store().get::<T>(key).await {
            Ok(found) => Ok(Some(found)),
            Err(error) => self.reason(error).await.map(|_| None),
        }
    }
}
