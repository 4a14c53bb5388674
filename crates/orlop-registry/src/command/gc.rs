//! `orlop gc`

use std::io::Write;
use std::time::Duration;

use orlop::{Options, Registry};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Gc {
    #[command(flatten)]
    store: super::StoreArg,
    /// Give up uploads that nobody has gone on with for so long.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[arg(default_value = "24h")]
    upload_idle: Duration,
}

impl Gc {
    pub(crate) async fn run(self) -> super::Result {
        let registry = Registry::open(self.store.store.open().await?, Options::default()).await?;
        let aborted = registry.abort_uploads(self.upload_idle).await?;
        writeln!(
            std::io::stdout(),
            "{} uploads given up, {} leftovers of uploads deleted, {} uploads kept",
            aborted.sessions,
            aborted.leftovers,
            aborted.kept
        )?;
        Ok(())
    }
}
