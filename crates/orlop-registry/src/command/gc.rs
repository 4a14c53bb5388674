//! `orlop gc`

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use orlop::{CollectOptions, Collected, Kept, Observer, Options, Registry};
use serde_json::{Value, json};

use super::collect::{CollectArgs, Pace};

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

impl Gc {
    pub(crate) async fn run(self) -> super::Result {
        let registry = Registry::open(self.store.store.open().await?, Options::default()).await?;
        let options =
            CollectOptions { dry_run: self.dry_run, ..self.collect.options(&self.store.store) };
        let progress = Progress { bar: bar(), pace: self.collect.pace() };
        let done = registry.collect(&options, &progress).await?;
        progress.bar.finish_and_clear();
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
struct Progress {
    bar: ProgressBar,
    pace: Pace,
}

/// A bar, if there is a terminal to show it.
pub(crate) fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ({eta} left)");
    let bar = ProgressBar::new(0);
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
}

#[async_trait::async_trait]
impl Observer for Progress {
    async fn on_progress(&self, done: &Collected) {
        self.bar.set_length(done.items);
        self.bar.set_position(done.looked_at);
        self.bar.set_message(format!("{} blobs deleted", done.blobs));
        self.pace.on_progress(done).await;
    }
}

pub(crate) fn in_words(done: &Collected, is_dry_run: bool) -> String {
    let deleted = if is_dry_run { "would delete" } else { "deleted" };
    let size = indicatif::BinaryBytes(done.bytes);
    let Collected { blobs, uploads, leftovers, untagged, calls, kept, .. } = done;
    let Kept { referenced, leased, in_flight, .. } = kept;
    let unreadable = done.unreadable.iter().map(|record| format!("{}\n", record.reason));
    format!(
        "{deleted} {blobs} blobs of {size}, {untagged} untagged manifests, {uploads} uploads, \
         {leftovers} leftovers of uploads\n\
         kept {referenced} blobs that something refers to, {leased} whose lease is not over, \
         {in_flight} of pushes under way, {} uploads, {} untagged manifests\n\
         asked the store {calls} times\n{}",
        kept.uploads,
        kept.untagged,
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
        "untagged": done.untagged,
        "edges": done.edges,
        "manifests": done.manifests,
        "calls": done.calls,
        "kept": {
            "referenced": kept.referenced,
            "leased": kept.leased,
            "in_flight": kept.in_flight,
            "uploads": kept.uploads,
            "untagged": kept.untagged,
        },
        "unreadable": unreadable,
    })
}
