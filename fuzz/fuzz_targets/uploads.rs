//! Sequences of operations on upload sessions, against a model of what was acknowledged: several
//! sessions, four writers that are stopped in the middle of a call, go on later or die there, a
//! collector that waits for nobody, requests that get lost or come late, and processes that begin
//! anew on what is there.

#![no_main]

use std::time::Duration;

use arbitrary::Arbitrary;
use bytes::Bytes;
use futures::TryStreamExt;
use libfuzzer_sys::fuzz_target;
use orlop::{
    Algorithm, AuditOptions, CollectOptions, Descriptor, Digest, ErrorKind, Manifest, PutManifest,
    References, Registry, Repository, Result, Upload,
};
use orlop_fuzz::bucket::Trouble;
use orlop_fuzz::place::{Kind, Place};
use orlop_fuzz::sessions::{Blobs, Session, check_blob, check_failure};
use orlop_fuzz::steps::{Running, steps};

#[derive(Arbitrary, Debug)]
enum Step {
    /// A new session.
    Begin { repository: bool, long: bool, fuel: u8 },
    /// A writer begins something, and gets so far with it.
    Act { writer: u8, session: u8, act: Act, fuel: u8 },
    /// A writer goes on with what it is at.
    GoOn { writer: u8, fuel: u8 },
    /// A writer's process dies.
    Crash { writer: u8 },
    /// A collector to which no session is young begins, or goes on.
    Collect { fuel: u8 },
    /// All processes die, and one begins.
    Reopen,
    /// Something happens to the next conditional write.
    Trouble(Trouble),
    /// What was held up arrives.
    DeliverLate,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Act {
    Resume {
        at: Option<u16>,
    },
    Write {
        count: u16,
        seed: bool,
    },
    Pause,
    Commit {
        honest: bool,
        long: bool,
    },
    Cancel,
    /// A blob in one go.
    Whole {
        repository: bool,
        count: u16,
        honest: bool,
        long: bool,
    },
}

/// A writer's handle, what it has written in all, and whether any of it is new.
struct Writer {
    session: usize,
    upload: Upload,
    written: Vec<u8>,
    is_new: bool,
}

enum Slot {
    Idle(Option<Writer>),
    Busy(Running<Outcome>),
}

enum Outcome {
    Resumed {
        session: usize,
        at: Option<u64>,
        floor: usize,
        was_over: bool,
        found: Result<Option<Upload>>,
    },
    Wrote {
        writer: Writer,
        written: Result<()>,
    },
    Paused {
        writer: Past,
        was_over: bool,
        paused: Result<u64>,
    },
    Committed {
        writer: Past,
        was_over: bool,
        digest: Digest,
        honest: bool,
        done: Result<Descriptor>,
    },
    Cancelled {
        session: usize,
        done: Result<()>,
    },
    Whole {
        repository: usize,
        bytes: Vec<u8>,
        digest: Digest,
        honest: bool,
        done: Result<Descriptor>,
    },
}

/// A writer whose handle is used up.
struct Past {
    session: usize,
    written: Vec<u8>,
    is_new: bool,
}

struct World {
    place: Place,
    repositories: [Repository; 2],
    registry: Registry,
    sessions: Vec<Session>,
    blobs: Blobs,
    slots: [Slot; 4],
    collector: Option<Running<()>>,
    has_troubles: bool,
}

fuzz_target!(|story: (Kind, Vec<Step>)| orlop_fuzz::run(async {
    let (kind, story) = story;
    let mut world = World::new(kind).await;
    for step in story {
        world.take(step).await;
    }
    world.finish().await;
}));

impl World {
    async fn new(kind: Kind) -> Self {
        let place = Place::new(kind);
        let registry = place.registry().await;
        Self {
            repositories: repositories(&registry),
            registry,
            place,
            sessions: Vec::new(),
            blobs: Blobs::new(),
            slots: std::array::from_fn(|_| Slot::Idle(None)),
            collector: None,
            has_troubles: false,
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Begin { repository, long, fuel } => self.begin(repository, long, fuel).await,
            Step::Act { writer, session, act, fuel } => {
                let slot = usize::from(writer) % self.slots.len();
                if let Slot::Idle(writer) = &mut self.slots[slot] {
                    let writer = writer.take();
                    self.slots[slot] = self.act(session, act, writer);
                    self.go_on(slot, fuel).await;
                }
            }
            Step::GoOn { writer, fuel } => {
                self.go_on(usize::from(writer) % self.slots.len(), fuel).await;
            }
            Step::Crash { writer } => {
                self.slots[usize::from(writer) % self.slots.len()] = Slot::Idle(None);
            }
            Step::Collect { fuel } => self.collect(fuel).await,
            Step::Reopen => self.reopen().await,
            Step::Trouble(trouble) => {
                if let Place::Bucket(objects, _) = &self.place {
                    objects.prepare(Some(trouble));
                    self.has_troubles = true;
                }
            }
            Step::DeliverLate => {
                if let Place::Bucket(objects, _) = &self.place {
                    objects.deliver_late().await;
                }
            }
        }
    }

    async fn begin(&mut self, repository: bool, long: bool, fuel: u8) {
        if self.sessions.len() == SESSIONS_MAX {
            return;
        }
        let repository = usize::from(repository);
        let (of, algorithm) = (self.repositories[repository].clone(), algorithm(long));
        let mut begun: Running<Result<Upload>> =
            Box::pin(async move { of.begin_upload(algorithm).await });
        match run(&mut begun, fuel).await {
            Some(Ok(upload)) => {
                let mut session = Session::new(upload.id(), repository, algorithm);
                session.may_be_over = self.collector.is_some();
                self.sessions.push(session);
            }
            Some(Err(error)) => check_failure(&error, self.has_troubles, &[]),
            None => {} // nobody knows of it
        }
    }

    fn act(&mut self, session: u8, act: Act, writer: Option<Writer>) -> Slot {
        let running: Running<Outcome> = match (act, writer) {
            (Act::Resume { at }, _) if !self.sessions.is_empty() => {
                let session = usize::from(session) % self.sessions.len();
                let known = &self.sessions[session];
                let (id, of) = (known.id, self.repositories[known.repository].clone());
                let (floor, was_over) = (known.durable(), known.is_over);
                let at = at.map(u64::from);
                Box::pin(async move {
                    let found = of.resume_upload(&id, at).await;
                    Outcome::Resumed { session, at, floor, was_over, found }
                })
            }
            (Act::Whole { repository, count, honest, long }, _) => {
                let repository = usize::from(repository);
                let bytes = content(0, count, true);
                let digest = claim(&bytes, honest, long);
                let of = self.repositories[repository].clone();
                Box::pin(async move {
                    let done = whole(&of, &bytes, &digest).await;
                    Outcome::Whole { repository, bytes, digest, honest, done }
                })
            }
            (Act::Write { count, seed }, Some(mut writer)) => {
                let more = content(writer.written.len(), count, seed);
                Box::pin(async move {
                    let written = writer.upload.write(Bytes::from(more.clone())).await;
                    writer.is_new |= !more.is_empty();
                    writer.written.extend(more);
                    Outcome::Wrote { writer, written }
                })
            }
            (Act::Pause, Some(writer)) => {
                let session = &mut self.sessions[writer.session];
                if writer.is_new && !session.try_to_reach(&writer.written) {
                    return Slot::Idle(None);
                }
                let was_over = session.is_over;
                Box::pin(async move {
                    let (upload, writer) = writer.split();
                    Outcome::Paused { writer, was_over, paused: upload.pause().await }
                })
            }
            (Act::Commit { honest, long }, Some(writer)) => {
                let session = &mut self.sessions[writer.session];
                session.may_be_over = true;
                let was_over = session.is_over;
                let digest = claim(&writer.written, honest, long);
                Box::pin(async move {
                    let (upload, writer) = writer.split();
                    let done = upload.commit(&digest).await;
                    Outcome::Committed { writer, was_over, digest, honest, done }
                })
            }
            (Act::Cancel, Some(writer)) => {
                let session = writer.session;
                self.sessions[session].may_be_over = true;
                Box::pin(async move {
                    Outcome::Cancelled { session, done: writer.upload.cancel().await }
                })
            }
            (_, writer) => return Slot::Idle(writer),
        };
        Slot::Busy(running)
    }

    async fn go_on(&mut self, slot: usize, fuel: u8) {
        if let Slot::Busy(running) = &mut self.slots[slot]
            && let Some(outcome) = run(running, fuel).await
        {
            let writer = self.judge(outcome).await;
            self.slots[slot] = Slot::Idle(writer);
        }
    }

    /// Compares what came of something with the model; a writer that can go on is given back.
    async fn judge(&mut self, outcome: Outcome) -> Option<Writer> {
        let troubles = self.has_troubles;
        match outcome {
            Outcome::Resumed { session, at, floor, was_over, found } => {
                let known = &self.sessions[session];
                match found {
                    Ok(Some(upload)) => {
                        assert!(!was_over, "it goes on after it has ended");
                        assert!(at.is_none_or(|at| at == upload.offset()));
                        let written = known.at(upload.offset(), floor).to_owned();
                        return Some(Writer { session, upload, written, is_new: false });
                    }
                    Ok(None) => assert!(known.may_be_over, "a session is gone"),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::RangeInvalid, "{error}");
                        assert!(known.may_be_elsewhere(at.expect("a place"), floor));
                    }
                }
            }
            Outcome::Wrote { writer, written } => match written {
                Ok(()) => return Some(writer),
                Err(error) => check_failure(&error, troubles, &[]),
            },
            Outcome::Paused { writer, was_over, paused } => match paused {
                Ok(offset) => {
                    assert_eq!(offset, writer.written.len() as u64);
                    if writer.is_new {
                        assert!(!was_over, "it took bytes after it has ended");
                        self.sessions[writer.session].reached(&writer.written);
                    }
                }
                Err(error) => check_failure(&error, troubles, &[]),
            },
            Outcome::Committed { writer, was_over, digest, honest, done } => {
                let session = &mut self.sessions[writer.session];
                let repository = session.repository;
                match done {
                    Ok(descriptor) => {
                        assert!(honest && !was_over);
                        assert_eq!(descriptor.size, writer.written.len() as u64);
                        session.ended(&writer.written);
                        self.acknowledged(repository, digest, writer.written).await;
                    }
                    Err(error) => {
                        assert!(!honest || error.kind() != ErrorKind::DigestInvalid, "{error}");
                        let others = [ErrorKind::DigestInvalid, ErrorKind::Unavailable];
                        check_failure(&error, troubles, &others);
                    }
                }
            }
            Outcome::Cancelled { session, done } => match done {
                Ok(()) => self.sessions[session].is_over = true,
                Err(error) => check_failure(&error, troubles, &[]),
            },
            Outcome::Whole { repository, bytes, digest, honest, done } => match done {
                Ok(_) => {
                    assert!(honest);
                    self.acknowledged(repository, digest, bytes).await;
                }
                Err(error) => {
                    assert!(!honest || error.kind() != ErrorKind::DigestInvalid, "{error}");
                    let others = [ErrorKind::DigestInvalid, ErrorKind::Unavailable];
                    check_failure(&error, troubles, &others);
                }
            },
        }
        None
    }

    async fn acknowledged(&mut self, repository: usize, digest: Digest, bytes: Vec<u8>) {
        check_blob(&self.repositories[repository], &digest, &bytes).await;
        self.blobs.insert((repository, digest), bytes);
    }

    async fn collect(&mut self, fuel: u8) {
        let running = self.collector.get_or_insert_with(|| {
            self.sessions.iter_mut().for_each(|session| session.may_be_over = true);
            let (registry, troubles) = (self.registry.clone(), self.has_troubles);
            Box::pin(async move {
                let options = CollectOptions { upload_idle: Duration::ZERO, ..Default::default() };
                match registry.collect(&options, &()).await {
                    Ok(done) => assert_eq!(done.unreadable, []),
                    // Others may have got in its way each time.
                    Err(error) => check_failure(&error, troubles, &[ErrorKind::Unavailable]),
                }
            })
        });
        if run(running, fuel).await.is_some() {
            self.collector = None;
        }
    }

    async fn reopen(&mut self) {
        for slot in &mut self.slots {
            *slot = Slot::Idle(None);
        }
        self.collector = None;
        if let Place::Bucket(objects, _) = &self.place {
            objects.prepare(None);
        }
        self.registry = self.place.registry().await;
        self.repositories = repositories(&self.registry);
    }

    /// Whatever happened: what was acknowledged is there, and can be finished.
    async fn finish(mut self) {
        if let Place::Bucket(objects, _) = &self.place {
            objects.deliver_late().await;
        }
        self.reopen().await;
        for session in &self.sessions {
            let repository = &self.repositories[session.repository];
            let found = repository.resume_upload(&session.id, None).await.expect("a session");
            let Some(upload) = found else {
                assert!(session.may_be_over, "a session is gone");
                continue;
            };
            assert!(!session.is_over);
            let bytes = session.at(upload.offset(), session.durable()).to_owned();
            let digest = Digest::of(session.algorithm, &bytes);
            upload.commit(&digest).await.expect("a session that can be finished");
            let finished = repository.finished_upload(&session.id).await.expect("a session");
            assert!(finished.is_none_or(|finished| finished.digest == digest));
            self.blobs.insert((session.repository, digest), bytes);
        }
        self.check_blobs().await;
        self.keep_and_collect().await;
    }

    async fn check_blobs(&self) {
        for ((repository, digest), bytes) in &self.blobs {
            check_blob(&self.repositories[*repository], digest, bytes).await;
        }
    }

    /// What a manifest refers to outlives every collection, and all the rest goes.
    async fn keep_and_collect(&mut self) {
        let mut manifests = Vec::new();
        for (at, repository) in self.repositories.iter().enumerate() {
            let blobs = self.blobs.iter().filter(|((of, _), _)| *of == at);
            let manifest = image(blobs.map(|((_, digest), bytes)| (digest, bytes.len())));
            let references = Some(References::Complete);
            let put = PutManifest { references, ..PutManifest::default() };
            if let Some(manifest) = manifest {
                repository.put_manifest(&manifest, &put).await.expect("all blobs are there");
                manifests.push((at, *manifest.digest()));
            }
        }
        self.free().await;
        self.check_blobs().await;
        for (at, digest) in manifests {
            let deleted = self.repositories[at].delete_manifest(&digest).await;
            assert!(deleted.expect("a delete"));
        }
        self.free().await;
        let extents = self.place.open().await.extents;
        let left: Vec<_> = extents.walk().try_collect().await.expect("a walk");
        assert!(left.is_empty(), "left: {left:?}");
    }

    async fn free(&self) {
        let lease = Duration::ZERO;
        let options = CollectOptions { lease, upload_idle: lease, ..Default::default() };
        for repair in [true, false] {
            self.registry.collect(&options, &()).await.expect("a collection");
            let options = AuditOptions { repair, lease, ..Default::default() };
            let audited = self.registry.audit(&options, &()).await.expect("an audit");
            assert!(repair || audited.is_sound(), "{audited:?}");
            assert_eq!(audited.broken.count, 0, "{audited:?}");
        }
    }
}

impl Writer {
    fn split(self) -> (Upload, Past) {
        let Self { session, upload, written, is_new } = self;
        (upload, Past { session, written, is_new })
    }
}

async fn run<T>(running: &mut Running<T>, fuel: u8) -> Option<T> {
    match fuel {
        FUEL_ENDLESS.. => Some(running.await),
        fuel => steps(running, fuel.into()).await,
    }
}

async fn whole(repository: &Repository, bytes: &[u8], digest: &Digest) -> Result<Descriptor> {
    let mut upload = repository.begin_upload_of(digest).await?;
    for bytes in bytes.chunks(50) {
        upload.write(Bytes::copy_from_slice(bytes)).await?;
    }
    upload.commit(digest).await
}

fn repositories(registry: &Registry) -> [Repository; 2] {
    ["a", "a/b"].map(|name| registry.repository(name.parse().expect("a name")))
}

fn algorithm(long: bool) -> Algorithm {
    if long { Algorithm::Sha512 } else { Algorithm::Sha256 }
}

/// Bytes that depend on where they are. There are so few of them that two sessions often have
/// the same.
fn content(at: usize, count: u16, seed: bool) -> Vec<u8> {
    let byte = |at: usize| (at * 31 + usize::from(seed)).to_le_bytes()[0];
    (at..at + usize::from(count % BYTES_MAX)).map(byte).collect()
}

fn claim(bytes: &[u8], honest: bool, long: bool) -> Digest {
    let other = [bytes, b"x"].concat();
    Digest::of(algorithm(long), if honest { bytes } else { &other })
}

fn image<'b>(blobs: impl Iterator<Item = (&'b Digest, usize)>) -> Option<Manifest> {
    let descriptors: Vec<String> = blobs
        .map(|(digest, size)| format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":{size}}}"#))
        .collect();
    let config = descriptors.first()?;
    let layers = descriptors.join(",");
    let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layers}]}}"#);
    Some(Manifest::parse(text.into(), None, Algorithm::Sha256).expect("a manifest"))
}

const SESSIONS_MAX: usize = 4;

const BYTES_MAX: u16 = 400;

/// From here on something runs to its end.
const FUEL_ENDLESS: u8 = 64;
