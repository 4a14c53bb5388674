//! A store, opened.

use std::sync::Arc;

use futures::TryStreamExt;
use orlop_backend::{Environment, Key, Swap};
use orlop_oci::RepositoryName;

use crate::hashing::Hashing;
use crate::repository::contended;
use crate::state::{StoreState, seconds};
use crate::store::Store;
use crate::upload::Memory;
use crate::{Error, ErrorKind, Options, Page, Repository, Result, layout};

/// A registry: all repositories of one store.
///
/// Cheap to clone. Any number of processes may have the same store open.
///
/// ```
/// use orlop_backend::Environment;
/// use orlop_engine::{Options, Registry};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let registry = Registry::open(Environment::memory(), Options::default()).await?;
/// let repository = registry.repository("library/nginx".parse()?);
/// assert!(!repository.exists().await?);
/// # Ok::<(), orlop_engine::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    pub(crate) shared: Arc<Shared>,
}

/// What all handles of a registry share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    /// Tells the store apart from others.
    pub(crate) id: String,
    pub(crate) options: Options,
    /// Where uploads of this process share what a core can hash.
    pub(crate) hashing: Arc<Hashing>,
    /// Where they are gathered before.
    pub(crate) memory: Arc<Memory>,
}

impl Registry {
    /// Opens the store of `environment`, and makes it one if it is empty. At most three calls to
    /// the backend, whatever the store holds.
    ///
    /// Fails with [`ErrorKind::Unsupported`] if the store has a layout of another version.
    pub async fn open(environment: Environment, options: Options) -> Result<Self> {
        let store = Store { environment };
        let key = layout::store()?;
        let found = match store.get::<StoreState>(&key).await? {
            Some(found) => found.state,
            None => make_store(&store, &key).await?,
        };
        if found.layout != LAYOUT {
            let message =
                format!("the store has layout {}, this version understands {LAYOUT}", found.layout);
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let hashing = Arc::new(Hashing::on(options.threads.clone()));
        let shared = Shared { store, id: found.id, options, hashing, memory: Arc::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// One repository, whether it exists or not: pushing a manifest makes it exist.
    pub fn repository(&self, name: RepositoryName) -> Repository {
        Repository { shared: self.shared.clone(), name }
    }

    /// The policies it was opened with.
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// Up to `limit` repositories that come behind `after`, which need not exist.
    ///
    /// They are ordered component by component: `a`, then all of `a/…`, then `a-b`. What a page
    /// costs does not depend on how many there are.
    pub async fn repositories(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<RepositoryName>> {
        let after = after.map(|after| after.replace('/', "!"));
        let prefix = layout::repositories()?;
        let mut list = self.shared.store.environment.records.list(&prefix, after.as_deref());
        let mut names = Vec::new();
        while names.len() <= limit
            && let Some(entry) = list.try_next().await?
        {
            names.extend(layout::unflat(entry.key.name()));
        }
        Ok(Page::cut(names, limit, ToString::to_string))
    }
}

/// Says that an empty place is a store, unless another process says so at the same moment.
async fn make_store(store: &Store, key: &Key) -> Result<StoreState> {
    let made = StoreState {
        layout: LAYOUT,
        id: store.random_id()?.to_string(),
        created: seconds(store.environment.clock.now()),
    };
    if let Swap::Stored(_) = store.swap(key, None, &made).await? {
        return Ok(made);
    }
    match store.get::<StoreState>(key).await? {
        Some(found) => Ok(found.state),
        None => Err(contended("the record of the store")),
    }
}

/// The version of the key space and of what the records hold.
const LAYOUT: u32 = 1;
