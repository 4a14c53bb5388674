//! The command `orlop`.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use orlop::{Options, References, Registry};
use orlop_registry::StoreUrl;
use tokio::net::TcpListener;

/// A container registry on the Orlop storage engine.
#[derive(Debug, Parser)]
#[command(name = "orlop", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a registry over HTTP until SIGTERM or Ctrl-C.
    Serve(Serve),
}

#[derive(Debug, clap::Args)]
struct Serve {
    #[arg(long, help = "Where the registry is kept: a directory, file:///directory, or memory:")]
    #[arg(env = "ORLOP_STORE", default_value = "./orlop-data")]
    store: StoreUrl,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "ORLOP_LISTEN", default_value = "127.0.0.1:5000")]
    listen: SocketAddr,
    /// What a manifest must find in its repository.
    #[arg(long, env = "ORLOP_REFERENCES", value_enum, default_value_t = ReferencesArg::Sparse)]
    references: ReferencesArg,
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

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env_lossy();
    let is_terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_terminal);
    log.with_writer(std::io::stderr).init();
    let Command::Serve(serve) = Cli::parse().command;
    match run(serve).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orlop: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(serve: Serve) -> Result<(), Box<dyn std::error::Error>> {
    let options = Options { references: serve.references.into(), ..Options::default() };
    let registry = Registry::open(serve.store.open()?, options).await?;
    let listener = TcpListener::bind(serve.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", serve.listen))?;
    let drain = orlop_registry::drain_signal()?;
    let address = listener.local_addr()?;
    let mut out = std::io::stdout();
    writeln!(out, "orlop listens on http://{address} and keeps its store in {}", serve.store)?;
    out.flush()?;
    orlop_registry::serve(listener, registry, drain).await;
    Ok(())
}
