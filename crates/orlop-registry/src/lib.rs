//! A thin registry server on the Orlop storage engine.
//!
//! [`router`] is the whole HTTP layer: one short function per endpoint of the distribution-spec,
//! each of which parses a request, calls the engine, and writes the answer. It authenticates
//! nobody; put it behind something that does, or take it as the pattern for a server of your own.
//!
//! ```
//! use orlop::{Environment, Options, Registry};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let registry = Registry::open(Environment::memory(), Options::default()).await?;
//! let router: axum::Router = orlop_registry::router(registry.into());
//! # let _ = router;
//! # Ok::<(), orlop::Error>(()) }).unwrap();
//! ```

mod api;
mod body;
mod connection;
mod endpoint;
mod error;
mod headers;
mod limits;
mod query;
mod range;
mod sendfile;
mod serve;
mod server;
mod store_url;
mod traffic;

pub use api::router;
pub use limits::Limits;
pub use serve::{drain_signal, serve};
pub use server::Server;
pub use store_url::StoreUrl;
