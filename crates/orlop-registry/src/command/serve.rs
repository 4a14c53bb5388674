//! `orlop serve`

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use orlop::{CollectOptions, Cores, Deletes, Options, References, Registry};
use orlop_registry::{Limits, Server};
use tokio::net::TcpListener;

use super::collect::CollectArgs;
use super::gc::in_words;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    store: super::StoreArg,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "ORLOP_LISTEN", default_value = "127.0.0.1:5000")]
    listen: SocketAddr,
    /// What a manifest must find in its repository.
    #[arg(long, env = "ORLOP_REFERENCES", value_enum, default_value_t = ReferencesArg::Sparse)]
    references: ReferencesArg,
    /// What clients can delete.
    #[arg(long, env = "ORLOP_DELETES", value_enum, default_value_t = DeletesArg::Allowed)]
    deletes: DeletesArg,
    /// Answer pulls of blobs with a URL of the bucket that is good for so long.
    #[arg(long, env = "ORLOP_REDIRECT", value_name = "TTL", value_parser = humantime::parse_duration)]
    #[arg(num_args = 0..=1, default_missing_value = "15m")]
    redirect: Option<Duration>,
    /// How many connections are served at the same time; others wait. By default 4096, or a
    /// quarter of the files that the process may have open, if that is fewer.
    #[arg(long, env = "ORLOP_CONNECTIONS_MAX", value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    connections_max: Option<u32>,
    /// Free what nothing refers to, again and again, with so much time in between.
    #[arg(long, env = "ORLOP_GC_EVERY", value_name = "DURATION")]
    #[arg(value_parser = humantime::parse_duration)]
    gc_every: Option<Duration>,
    #[command(flatten)]
    collect: CollectArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ReferencesArg {
    /// Every blob, and every manifest of an index
    Complete,
    /// Every blob; an index may name manifests that are not there
    Sparse,
    /// Nothing
    Unchecked,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DeletesArg {
    /// Tags, manifests, and blobs that no manifest refers to
    Allowed,
    /// The same, without manifests that an index names
    KeepChildren,
    /// Nothing
    Refused,
}

impl From<DeletesArg> for Deletes {
    fn from(arg: DeletesArg) -> Self {
        match arg {
            DeletesArg::Allowed => Deletes::Allowed,
            DeletesArg::KeepChildren => Deletes::KeepChildren,
            DeletesArg::Refused => Deletes::Refused,
        }
    }
}

impl From<ReferencesArg> for References {
    fn from(arg: ReferencesArg) -> Self {
        match arg {
            ReferencesArg::Complete => References::Complete,
            ReferencesArg::Sparse => References::Sparse,
            ReferencesArg::Unchecked => References::Unchecked,
        }
    }
}

impl Serve {
    pub(crate) async fn run(self) -> super::Result {
        let limits = self.limits();
        let (references, deletes) = (self.references.into(), self.deletes.into());
        let lease = self.collect.lease;
        let threads = Some(Arc::new(Cores::all()) as _);
        let options = Options { references, deletes, lease, threads, ..Options::default() };
        let store = self.store.store;
        let registry = Registry::open(store.open().await?, options).await?;
        if let Some(every) = self.gc_every {
            let options = self.collect.options(&store);
            tokio::spawn(collect_every(registry.clone(), options, self.collect, every));
        }
        let mut server = Server::new(registry).with_limits(limits);
        if let Some(ttl) = self.redirect {
            server = server.with_redirects(ttl);
        }
        let listener = TcpListener::bind(self.listen)
            .await
            .map_err(|error| format!("cannot listen on {}: {error}", self.listen))?;
        let drain = orlop_registry::drain_signal()?;
        let address = listener.local_addr()?;
        let mut out = std::io::stdout();
        writeln!(out, "orlop listens on http://{address} and keeps its store in {store}")?;
        out.flush()?;
        orlop_registry::serve(listener, server, drain).await;
        Ok(())
    }
}

impl Serve {
    fn limits(&self) -> Limits {
        let limits = Limits::default();
        let connections_max = match self.connections_max {
            Some(connections_max) => connections_max as usize,
            // A connection that moves a blob has four of them open, and one that gets no more is
            // an error to a client that did nothing wrong.
            None => limits.connections_max.min(files_max().map_or(usize::MAX, |max| max / 4)),
        };
        Limits { connections_max, ..limits }
    }
}

/// How many files this process may have open; `None` if that is not said or unlimited.
fn files_max() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Collects for as long as the server lives; one that fails is tried again at the next time.
async fn collect_every(
    registry: Registry,
    options: CollectOptions,
    collect: CollectArgs,
    every: Duration,
) {
    loop {
        tokio::time::sleep(every).await;
        match registry.collect(&options, &collect.pace()).await {
            Ok(done) => tracing::info!("collected: {}", in_words(&done, false).replace('\n', "; ")),
            Err(error) => tracing::warn!(%error, "a collection failed"),
        }
    }
}
