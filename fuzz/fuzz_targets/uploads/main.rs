//! Sequences of operations on upload sessions, against a model of what was acknowledged: several
//! sessions, four writers that are stopped in the middle of a call, go on later or die there, a
//! collector that waits for nobody, requests that get lost or come late, and processes that begin
//! anew on what is there.

#![no_main]

mod act;
mod finish;
mod judge;

use std::time::Duration;

use arbitrary::Arbitrary;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use orlop::{CollectOptions, ErrorKind, Registry, Repository, Result, Upload, UploadId};
use orlop_fuzz::bucket::Trouble;
use orlop_fuzz::place::{Kind, Place};
use orlop_fuzz::sessions::{Blobs, Session, check_failure};
use orlop_fuzz::steps::{Running, steps};

use crate::act::{Act, Slot, algorithm, content};

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
    /// A new session that is stored with its first bytes.
    BeginWith { repository: bool, long: bool, count: u16, fuel: u8 },
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
            Step::BeginWith { repository, long, count, fuel } => {
                self.begin_with(repository, long, count, fuel).await;
            }
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

    async fn begin_with(&mut self, repository: bool, long: bool, count: u16, fuel: u8) {
        if self.sessions.len() == SESSIONS_MAX {
            return;
        }
        let repository = usize::from(repository);
        let (of, algorithm) = (self.repositories[repository].clone(), algorithm(long));
        let bytes = content(0, count, true);
        let first = Bytes::from(bytes.clone());
        let mut begun: Running<Result<UploadId>> = Box::pin(async move {
            let offered = of.new_upload_id(algorithm)?;
            let mut upload = of.begin_upload_as(&offered, None)?.expect("an id of this moment");
            upload.write(first).await?;
            let id = upload.id();
            upload.pause().await?;
            Ok(id)
        });
        match run(&mut begun, fuel).await {
            Some(Ok(id)) if !bytes.is_empty() => {
                let mut session = Session::new(id, repository, algorithm);
                session.may_be_over = self.collector.is_some();
                assert!(session.try_to_reach(&bytes));
                session.reached(&bytes);
                self.sessions.push(session);
            }
            Some(Err(error)) => check_failure(&error, self.has_troubles, &[]),
            Some(Ok(_)) | None => {} // there is none, or nobody knows of it
        }
    }

    async fn go_on(&mut self, slot: usize, fuel: u8) {
        if let Slot::Busy(running) = &mut self.slots[slot]
            && let Some(outcome) = run(running, fuel).await
        {
            let writer = self.judge(outcome).await;
            self.slots[slot] = Slot::Idle(writer);
        }
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
}

async fn run<T>(running: &mut Running<T>, fuel: u8) -> Option<T> {
    match fuel {
        FUEL_ENDLESS.. => Some(running.await),
        fuel => steps(running, fuel.into()).await,
    }
}

fn repositories(registry: &Registry) -> [Repository; 2] {
    ["a", "a/b"].map(|name| registry.repository(name.parse().expect("a name")))
}

const SESSIONS_MAX: usize = 4;

/// From here on something runs to its end.
const FUEL_ENDLESS: u8 = 64;
