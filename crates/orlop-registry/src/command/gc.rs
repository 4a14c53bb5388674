//! `orlop gc`

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use orlop::{CollectOptions, Collected, Kept, Observer, Options, Registry};
use serde_json::{Value, json};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Gc {
    #[command(flatten)]
    store: super::StoreArg,
    #[command(flatten)]
    collect: CollectArgs,
    /// Change nothing, and only say what would go.
    #[arg(long)]
    dry_run: bool,
    /// Say it in JSON.
    #[arg(long)]
    json: bool,
}

/// What garbage is, for `gc` and for a server that collects.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CollectArgs {
    /// How long a blob stays to which nothing refers. Less than a push takes makes clients send
    /// blobs again.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[arg(default_value = "24h")]
    lease: Duration,
    /// How long an upload stays that nobody goes on with.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[arg(default_value = "24h")]
    upload_idle: Duration,
}

impl CollectArgs {
    pub(crate) fn options(&self) -> CollectOptions {
        let Self { lease, upload_idle } = *self;
        CollectOptions { lease, upload_idle, ..CollectOptions::default() }
    }
}

impl Gc {
    pub(crate) async fn run(self) -> super::Result {
        let registry = Registry::open(self.store.store.open().await?, Options::default()).await?;
        let options = CollectOptions { dry_run: self.dry_run, ..self.collect.options() };
        let bar = Bar::new();
        let done = registry.collect(&options, &bar).await?;
        bar.0.finish_and_clear();
        let mut out = std::io::stdout();
        if self.json {
            writeln!(out, "{}", in_json(&done))?;
        } else {
            write!(out, "{}", in_words(&done, self.dry_run))?;
        }
        if done.unreadable.is_empty() {
            return Ok(());
        }
        Err(format!("{} records cannot be read", done.unreadable.len()).into())
    }
}

/// Shows how far a collection is, on a terminal.
#[derive(Debug)]
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ({eta} left)");
        let bar = ProgressBar::new(0);
        Self(style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style)))
    }
}

#[async_trait::async_trait]
impl Observer for Bar {
    async fn on_progress(&self, done: &Collected) {
        self.0.set_length(done.items);
        self.0.set_position(done.looked_at);
        self.0.set_message(format!("{} blobs deleted", done.blobs));
    }
}

pub(crate) fn in_words(done: &Collected, is_dry_run: bool) -> String {
    let deleted = if is_dry_run { "would delete" } else { "deleted" };
    let size = indicatif::BinaryBytes(done.bytes);
    let Collected { blobs, uploads, leftovers, kept, .. } = done;
    let Kept { referenced, leased, in_flight, .. } = kept;
    let unreadable = done.unreadable.iter().map(|record| format!("{}\n", record.reason));
    format!(
        "{deleted} {blobs} blobs of {size}, {uploads} uploads, {leftovers} leftovers of uploads\n\
         kept {referenced} blobs that something refers to, {leased} whose lease is not over, \
         {in_flight} of pushes under way, and {} uploads\n{}",
        kept.uploads,
        unreadable.collect::<String>()
    )
}

fn in_json(done: &Collected) -> Value {
    let kept = done.kept;
    let unreadable = done.unreadable.iter();
    let unreadable: Vec<Value> = unreadable
        .map(|record| json!({"key": record.key.as_str(), "reason": record.reason}))
        .collect();
    json!({
        "blobs": done.blobs,
        "bytes": done.bytes,
        "uploads": done.uploads,
        "leftovers": done.leftovers,
        "edges": done.edges,
        "manifests": done.manifests,
        "kept": {
            "referenced": kept.referenced,
            "leased": kept.leased,
            "in_flight": kept.in_flight,
            "uploads": kept.uploads,
        },
        "unreadable": unreadable,
    })
}
