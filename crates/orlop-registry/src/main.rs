//! The command `orlop`.

mod command;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::command::fsck::Fsck;
use crate::command::gc::Gc;
use crate::command::scrub::Scrub;
use crate::command::serve::Serve;
use crate::command::stat::Stat;

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
    /// Free what nothing refers to, while everything goes on.
    Gc(Gc),
    /// Compare everything in a store with everything else, and repair what can be, while
    /// everything goes on.
    Fsck(Fsck),
    /// Read every record and every byte of a store, and say what is damaged and who needs it, while
    /// everything goes on.
    Scrub(Scrub),
    /// Say what a store holds and where its bytes are.
    Stat(Stat),
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env_lossy();
    let is_terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_terminal);
    log.with_writer(std::io::stderr).init();
    let outcome = match Cli::parse().command {
        Command::Serve(serve) => serve.run().await,
        Command::Gc(gc) => gc.run().await,
        Command::Fsck(fsck) => fsck.run().await,
        Command::Scrub(scrub) => scrub.run().await,
        Command::Stat(stat) => stat.run().await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orlop: {error}");
            ExitCode::FAILURE
        }
    }
}
