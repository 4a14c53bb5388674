//! `orlop serve`

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;
use orlop::{CollectOptions, Options, References, Registry};
use orlop_registry::Server;
use tokio::net::TcpListener;

use super::gc::{CollectArgs, in_words};

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
    /// Answer pulls of blobs with a URL of the bucket that is good for so long.
    #[arg(long, env = "ORLOP_REDIRECT", value_name = "TTL", value_parser = humantime::parse_duration)]
    #[arg(num_args = 0..=1, default_missing_value = "15m")]
    redirect: Option<Duration>,
    /// Free what nothing refers to, again and again, with so much time in between.
    #[arg(long, env = "ORLOP_GC_EVERY", value_name = "DURATION")]
    #[arg(value_parser = humantime::parse_duration)]
    gc_every: Option<Duration>,
    #[command(flatten)]
    collect: CollectArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReferencesArg {
    /// Every blob, and every manifest of an index
    Complete,
    /// Every blob; an index may name manifests that are not there
    Sparse,
    /// Nothing
    Unchecked,
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
        let collect = self.collect.options();
        let references = self.references.into();
        let options = Options { references, lease: collect.lease, ..Options::default() };
        let store = self.store.store;
        let registry = Registry::open(store.open().await?, options).await?;
        if let Some(every) = self.gc_every {
            tokio::spawn(collect_every(registry.clone(), collect, every));
        }
        let mut server = Server::new(registry);
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

/// Collects for as long as the server lives; one that fails is tried again at the next time.
async fn collect_every(registry: Registry, options: CollectOptions, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        match registry.collect(&options, &()).await {
            Ok(done) => tracing::info!("collected: {}", in_words(&done, false).replace('\n', "; ")),
            Err(error) => tracing::warn!(%error, "a collection failed"),
        }
    }
}
