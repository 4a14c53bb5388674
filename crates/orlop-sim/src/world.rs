//! The store, the processes that serve it, and what their clients were told.

use std::cell::{Cell, OnceCell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use orlop_backend::Environment;
use orlop_engine::{Error, ErrorKind, Options, Registry, Repository, Result, UploadId};

use crate::catalog::CATALOG;
use crate::check::at_once;
use crate::scope::Scope;
use crate::stage::{Process, Stage};
use crate::store::{Lie, doubtful, lying, new_store, view};
use crate::told::Told;

/// Everything that there is.
pub(crate) struct World {
    pub(crate) stage: Arc<Stage>,
    /// The store as it is, for whoever compares.
    pub(crate) store: Environment,
    /// The registry in it, where nothing goes wrong.
    pub(crate) truth: Registry,
    /// The store as it shows itself to processes.
    shown: Environment,
    servers: RefCell<Vec<Rc<Server>>>,
    pub(crate) told: Told,
    pub(crate) scope: Scope,
    /// Whether no blob is in quarantine.
    is_healed: Cell<bool>,
    /// Uploads that clients have begun, and their repositories.
    pub(crate) uploads: RefCell<Vec<(usize, UploadId)>>,
}

/// A server process. It opens the store when it is asked for the first time.
pub(crate) struct Server {
    pub(crate) process: Arc<Process>,
    environment: Environment,
    options: Options,
    registry: OnceCell<Registry>,
    place: usize,
    life: usize,
}

impl World {
    pub(crate) fn new(stage: Arc<Stage>, lie: Option<Lie>) -> Self {
        let store = new_store(&stage);
        let shown = lie.map_or(store.clone(), |lie| lying(store.clone(), lie, &stage));
        let truth = open_now(&store);
        let world = Self {
            store,
            truth,
            shown,
            servers: RefCell::default(),
            told: Told::new(),
            scope: Scope::new(&stage.dice),
            is_healed: Cell::new(stage.plan.quarantiners == 0),
            uploads: RefCell::default(),
            stage,
        };
        let servers = (0..world.stage.plan.servers).map(|place| world.start(place, 0)).collect();
        world.servers.replace(servers);
        world
    }

    /// Whether a blob may be in quarantine, and is missed until somebody pushes it.
    pub(crate) fn may_miss_blobs(&self) -> bool {
        !self.is_healed.get()
    }

    /// Pushes each blob to a repository that nobody else has: if it is in quarantine, all have it
    /// again.
    pub(crate) fn heal(&self) -> Result<()> {
        let healer = self.truth.repository("healer".parse().map_err(|_| cut_off("no name"))?);
        for blob in &CATALOG.blobs {
            at_once(async {
                let mut upload = healer.begin_upload_of(&blob.digest).await?;
                upload.write(blob.bytes.into()).await?;
                upload.commit(&blob.digest).await
            })?;
        }
        self.is_healed.set(true);
        Ok(())
    }

    fn start(&self, place: usize, life: usize) -> Rc<Server> {
        let process = Arc::new(Process::new(place, life));
        let environment = view(&self.shown, &self.stage, &process);
        let options = options(&self.stage);
        Rc::new(Server { process, environment, options, registry: OnceCell::new(), place, life })
    }

    /// One of the servers that run.
    pub(crate) fn server(&self) -> Rc<Server> {
        let servers = self.servers.borrow();
        servers[self.stage.dice.throw(servers.len())].clone()
    }

    /// A process dies, and another one comes in its place.
    pub(crate) fn kill(&self, server: &Server) {
        server.process.die();
        self.stage.count(|counts| counts.deaths += 1);
        self.stage.note(&server.process.name, || "dies".into());
        self.servers.borrow_mut()[server.place] = self.start(server.place, server.life + 1);
    }

    /// Asks some server for something. Fails if it dies, or if the client hangs up.
    pub(crate) async fn ask<T>(&self, work: impl AsyncFnOnce(&Registry) -> Result<T>) -> Result<T> {
        let server = self.server();
        self.attend(&server, async { work(server.registry().await?).await }).await
    }

    /// The same of a process that reads other bytes than there are, now and then.
    pub(crate) async fn ask_in_doubt<T>(
        &self,
        work: impl AsyncFnOnce(&Registry) -> Result<T>,
    ) -> Result<T> {
        let server = self.server();
        let doubtful = doubtful(server.environment.clone(), &self.stage);
        let asked = async { work(&Registry::open(doubtful, options(&self.stage)).await?).await };
        self.attend(&server, asked).await
    }

    async fn attend<T>(&self, server: &Server, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = pin!(work);
        poll_fn(|context| {
            if server.process.is_dead() {
                return Poll::Ready(Err(cut_off("the server died")));
            }
            if self.stage.dice.one_in(self.stage.plan.faults.hangups) {
                self.stage.count(|counts| counts.faults += 1);
                self.stage.note(&server.process.name, || "its client hangs up".into());
                return Poll::Ready(Err(cut_off("the client hung up")));
            }
            work.as_mut().poll(context)
        })
        .await
    }

    /// The same for a repository of it.
    pub(crate) async fn ask_repository<T>(
        &self,
        repository: usize,
        work: impl AsyncFnOnce(&Repository) -> Result<T>,
    ) -> Result<T> {
        self.ask(async |registry| work(&repository_of(registry, repository)).await).await
    }

    /// A client waits before it does something else.
    pub(crate) async fn think(&self) {
        let length = self.stage.dice.spread(1, self.stage.plan.thinks);
        self.stage.think(length).await;
    }
}

impl Server {
    async fn registry(&self) -> Result<&Registry> {
        if self.registry.get().is_none() {
            let opened = Registry::open(self.environment.clone(), self.options.clone()).await?;
            let _ = self.registry.set(opened); // another request may have been faster
        }
        self.registry.get().ok_or_else(|| cut_off("it was not opened"))
    }
}

/// A repository of the catalog.
pub(crate) fn repository_of(registry: &Registry, repository: usize) -> Repository {
    registry.repository(CATALOG.repositories[repository].clone())
}

/// Opens a store whose calls take no time.
fn open_now(store: &Environment) -> Registry {
    let options = Options { lease: LEASE, ..Options::default() };
    let opened = Registry::open(store.clone(), options).now_or_never();
    match opened {
        Some(Ok(registry)) => registry,
        other => panic!("the store cannot be opened: {other:?}"),
    }
}

/// Those of a process: none, some or all of the catalog's blobs are so small that it keeps them in
/// their records.
fn options(stage: &Stage) -> Options {
    let inline_bytes_max = [0, 6, 100][stage.dice.throw(3)];
    Options { lease: LEASE, inline_bytes_max, ..Options::default() }
}

fn cut_off(why: &str) -> Error {
    Error::new(ErrorKind::Unavailable, why)
}

/// An hour.
pub(crate) const LEASE: Duration = Duration::from_hours(1);
