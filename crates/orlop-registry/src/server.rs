//! A registry, and how it is answered for over HTTP.

use std::time::Duration;

use orlop::Registry;

use crate::Limits;

/// What the HTTP layer serves, and its policies.
///
/// ```
/// use std::time::Duration;
///
/// use orlop::{Environment, Options, Registry};
/// use orlop_registry::{Server, router};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let registry = Registry::open(Environment::memory(), Options::default()).await?;
/// let server = Server::new(registry).with_redirects(Duration::from_secs(300));
/// let router: axum::Router = router(server);
/// # let _ = router;
/// # Ok::<(), orlop::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    pub(crate) registry: Registry,
    pub(crate) redirect: Option<Duration>,
    pub(crate) limits: Limits,
}

impl Server {
    /// Serves every blob itself, with the limits that are usual.
    pub fn new(registry: Registry) -> Self {
        Self { registry, redirect: None, limits: Limits::default() }
    }

    /// Bears with clients within these limits. [`router`](crate::router) knows only those of
    /// bodies; the others are [`serve`](crate::serve)'s.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sends who pulls a blob to the store, by a URL that is good for `ttl`. A store that gives no
    /// such URL is read here all the same.
    #[must_use]
    pub fn with_redirects(mut self, ttl: Duration) -> Self {
        self.redirect = Some(ttl);
        self
    }
}

impl From<Registry> for Server {
    fn from(registry: Registry) -> Self {
        Self::new(registry)
    }
}
