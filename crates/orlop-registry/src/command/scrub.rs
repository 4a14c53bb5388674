//! `orlop scrub`

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
use orlop::{
    Affected, Cores, Damage, Findings, Options, Registry, Remedy, RepositoryName, ScrubCheckpoint,
    ScrubObserver, ScrubOptions, ScrubProgress, Scrubbed, Source, Threads,
};
use orlop_registry::StoreUrl;
use serde_json::{Map, Value, json};

use super::checkpoint::CheckpointFile;
use super::rate::{BytePace, Rate};
use super::serve::ReferencesArg;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Scrub {
    #[command(flatten)]
    store: super::StoreArg,
    /// How many bytes to read in a second, at most: 100MiB, for example.
    #[arg(long, value_name = "BYTES")]
    per_second: Option<Rate>,
    /// How many blobs to read in the same moment.
    #[arg(long, value_name = "N", default_value_t = 6 * Cores::all().count())]
    at_once: usize,
    /// Where to note how far it is, so that it can be ended at any time: the next run goes on from
    /// there. A run that comes to its end deletes the file.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Take blobs out of service whose bytes are wrong or gone: they are answered as not there, so
    /// that clients push them again.
    #[arg(long)]
    quarantine: bool,
    /// Another store, from which what is damaged is put back: a directory or URL, as for --store.
    #[arg(long, value_name = "STORE")]
    repair_from: Option<StoreUrl>,
    /// How long something may be on its way: what is younger, and whose other half is not there
    /// yet, is no damage.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[arg(default_value = "24h")]
    lease: Duration,
    /// What the servers of this store let a manifest in for.
    #[arg(long, env = "ORLOP_REFERENCES", value_enum, default_value_t = ReferencesArg::Sparse)]
    references: ReferencesArg,
    /// Say it in JSON.
    #[arg(long)]
    json: bool,
}

impl Scrub {
    pub(crate) async fn run(self) -> super::Result {
        let options = Options { references: self.references.into(), ..Options::default() };
        let registry = Registry::open(self.store.store.open().await?, options).await?;
        let file = self.checkpoint.clone().map(CheckpointFile::new);
        let from = match &file {
            Some(file) => file.read()?,
            None => None,
        };
        let bar = bar(from.as_ref());
        let source: Option<Arc<dyn Source>> = match self.repair_from {
            Some(store) => {
                Some(Arc::new(Registry::open(store.open().await?, Options::default()).await?))
            }
            None => None,
        };
        let Self { quarantine, lease, at_once, .. } = self;
        let threads: Option<Arc<dyn Threads>> = Some(Arc::new(Cores::all()));
        let options = ScrubOptions { quarantine, source, lease, at_once, threads, from };
        let watch = Watch { bar, pace: BytePace::new(self.per_second), file };
        let scrubbed = registry.scrub(&options, &watch).await?;
        watch.bar.finish_and_clear();
        let mut out = std::io::stdout();
        if self.json {
            writeln!(out, "{}", in_json(&scrubbed))?;
        } else {
            write!(out, "{}", in_words(&scrubbed))?;
        }
        if let Some(file) = watch.file {
            file.delete()?;
        }
        if scrubbed.is_sound() {
            return Ok(());
        }
        Err("the store is not sound".into())
    }
}

/// Shows how far it is, keeps the pace, and notes the checkpoints.
#[derive(Debug)]
struct Watch {
    bar: ProgressBar,
    pace: BytePace,
    file: Option<CheckpointFile>,
}

#[async_trait::async_trait]
impl ScrubObserver for Watch {
    async fn on_progress(&self, progress: &ScrubProgress) {
        let ScrubProgress { bytes, bytes_expected, records, damaged, read, .. } = *progress;
        self.bar.set_length(bytes_expected.max(bytes));
        self.bar.set_position(bytes);
        self.bar.set_message(format!("{records} records, {damaged} damaged"));
        self.pace.keep(read).await;
    }

    async fn on_checkpoint(&self, checkpoint: &ScrubCheckpoint) {
        if let Some(file) = &self.file {
            file.note(checkpoint);
        }
    }
}

/// A bar of bytes, if there is a terminal to show it.
fn bar(from: Option<&ScrubCheckpoint>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {msg} ({eta} left)",
    );
    let bar = ProgressBar::new(0);
    let bar = style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style));
    if let Some(from) = from {
        bar.set_position(from.done().bytes);
        bar.reset_eta(); // what an earlier run read says nothing of the rate of this one
    }
    bar
}

fn in_words(scrubbed: &Scrubbed) -> String {
    let Scrubbed { records, record_bytes, blobs, bytes, damage, doubts, foreign, .. } = scrubbed;
    let mut words = format!(
        "read {records} records of {}, and {} of blobs, of which {blobs} are whole\n",
        BinaryBytes(*record_bytes),
        BinaryBytes(*bytes),
    );
    let mut line = |text: String| {
        words.push_str(&text);
        words.push('\n');
    };
    for (kind, tally) in &scrubbed.tallies {
        line(format!("{}: found {}, repaired {}", kind.as_str(), tally.found, tally.repaired));
    }
    for damage in &damage.kept {
        let remedy = damage.remedy.map_or(String::new(), |done| format!(" ({})", done.as_str()));
        line(format!("{}: {}{remedy}", damage.kind.as_str(), damage.reason));
        line(format!("  needed by {}", affected_in_words(&damage.affected)));
    }
    for doubt in &doubts.kept {
        line(format!("doubt: {}", doubt.reason));
    }
    for (what, count, kept) in
        [("damaged", damage.count, damage.kept.len()), ("doubts", doubts.count, doubts.kept.len())]
    {
        if count > kept as u64 {
            line(format!("{what}: {count} in all"));
        }
    }
    if *foreign > 0 {
        line(format!("foreign: {foreign} keys; orlop fsck says which"));
    }
    line(if scrubbed.is_sound() { "sound" } else { "not sound" }.into());
    words
}

fn affected_in_words(affected: &Affected) -> String {
    let parts = [
        count_in_words("repositories", &affected.repositories, ToString::to_string),
        count_in_words("manifests", &affected.manifests, |(name, digest)| {
            format!("{name}@{digest}")
        }),
        count_in_words("tags", &affected.tags, |(name, tag)| format!("{name}:{tag}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match (parts.is_empty(), affected.is_partial) {
        (true, _) => "nothing".into(),
        (_, false) => parts.join(", "),
        (_, true) => format!("at least {}", parts.join(", ")),
    }
}

fn count_in_words<T>(
    what: &str,
    found: &Findings<T>,
    name: impl Fn(&T) -> String,
) -> Option<String> {
    let mut names: Vec<String> = found.kept.iter().map(name).collect();
    if found.count > names.len() as u64 {
        names.push("…".into());
    }
    (found.count > 0).then(|| format!("{} {what} ({})", found.count, names.join(" ")))
}

fn in_json(scrubbed: &Scrubbed) -> Value {
    let tally = |tally: &orlop::Tally| json!({"found": tally.found, "repaired": tally.repaired});
    let tallies: Map<String, Value> = scrubbed
        .tallies
        .iter()
        .map(|(kind, found)| (kind.as_str().to_owned(), tally(found)))
        .collect();
    let damage: Vec<Value> = scrubbed.damage.kept.iter().map(damage_in_json).collect();
    let doubts = scrubbed.doubts.kept.iter();
    let doubts: Vec<Value> =
        doubts.map(|doubt| json!({"key": doubt.key.as_str(), "reason": doubt.reason})).collect();
    json!({
        "sound": scrubbed.is_sound(),
        "records": {"count": scrubbed.records, "bytes": scrubbed.record_bytes},
        "blobs": scrubbed.blobs,
        "bytes": scrubbed.bytes,
        "kinds": tallies,
        "damage": {"count": scrubbed.damage.count, "first": damage},
        "doubts": {"count": scrubbed.doubts.count, "first": doubts},
        "foreign": scrubbed.foreign,
    })
}

fn damage_in_json(damage: &Damage) -> Value {
    let Affected { repositories, manifests, tags, is_partial, .. } = &damage.affected;
    let names: Vec<&str> = repositories.kept.iter().map(RepositoryName::as_str).collect();
    let images: Vec<String> =
        manifests.kept.iter().map(|(name, digest)| format!("{name}@{digest}")).collect();
    let tagged: Vec<String> = tags.kept.iter().map(|(name, tag)| format!("{name}:{tag}")).collect();
    json!({
        "kind": damage.kind.as_str(),
        "key": damage.key.as_str(),
        "reason": damage.reason,
        "repositories": {"count": repositories.count, "first": names},
        "manifests": {"count": manifests.count, "first": images},
        "tags": {"count": tags.count, "first": tagged},
        "partial": is_partial,
        "remedy": damage.remedy.map(Remedy::as_str),
    })
}
