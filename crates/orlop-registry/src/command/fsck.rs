//! `orlop fsck`

use std::io::Write;
use std::time::Duration;

use indicatif::ProgressBar;
use orlop::backend::Key;
use orlop::{AuditObserver, AuditOptions, Audited, Options, Registry};
use serde_json::{Map, Value, json};

use super::gc::bar;
use super::serve::ReferencesArg;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Fsck {
    #[command(flatten)]
    store: super::StoreArg,
    /// Repair what can be.
    #[arg(long)]
    repair: bool,
    /// How long something may be on its way: what is younger, and has nobody behind it yet, is
    /// left alone.
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

impl Fsck {
    pub(crate) async fn run(self) -> super::Result {
        let options = Options { references: self.references.into(), ..Options::default() };
        let registry = Registry::open(self.store.store.open().await?, options).await?;
        let Self { repair, lease, .. } = self;
        let audited =
            audit(&registry, AuditOptions { repair, lease, ..Default::default() }).await?;
        let mut out = std::io::stdout();
        if self.json {
            writeln!(out, "{}", in_json(&audited))?;
        } else {
            write!(out, "{}", in_words(&audited))?;
        }
        if audited.is_sound() {
            return Ok(());
        }
        Err("the store is not sound".into())
    }
}

/// Audits, and shows on a terminal how far it is.
pub(super) async fn audit(registry: &Registry, options: AuditOptions) -> orlop::Result<Audited> {
    let progress = Progress(bar());
    let audited = registry.audit(&options, &progress).await;
    progress.0.finish_and_clear();
    audited
}

#[derive(Debug)]
struct Progress(ProgressBar);

#[async_trait::async_trait]
impl AuditObserver for Progress {
    async fn on_progress(&self, done: &Audited) {
        self.0.set_length(done.items);
        self.0.set_position(done.looked_at);
        let found: u64 = done.faults.values().map(|tally| tally.found).sum();
        self.0.set_message(format!("{} faults", found + done.broken.count));
    }
}

fn in_words(audited: &Audited) -> String {
    let Audited { looked_at, in_flight, absent, .. } = audited;
    let mut words = format!(
        "looked at {looked_at} extents, records and markers\n\
         {in_flight} edges of pushes under way, {absent} references to what need not be there\n"
    );
    let mut line = |text: String| {
        words.push_str(&text);
        words.push('\n');
    };
    for (fault, tally) in &audited.faults {
        line(format!("{}: found {}, repaired {}", fault.as_str(), tally.found, tally.repaired));
    }
    for broken in &audited.broken.kept {
        line(format!("broken: {}", broken.reason));
    }
    for unreadable in &audited.unreadable.kept {
        line(format!("unreadable: {}", unreadable.reason));
    }
    for key in &audited.foreign.kept {
        line(format!("foreign: {key}"));
    }
    for (what, count, kept) in [
        ("broken", audited.broken.count, audited.broken.kept.len()),
        ("unreadable", audited.unreadable.count, audited.unreadable.kept.len()),
        ("foreign", audited.foreign.count, audited.foreign.kept.len()),
    ] {
        if count > kept as u64 {
            line(format!("{what}: {count} in all"));
        }
    }
    if audited.is_blind {
        line("orphans stay, because something that is unreadable or broken may need them".into());
    }
    line(if audited.is_sound() { "sound" } else { "not sound" }.into());
    words
}

fn in_json(audited: &Audited) -> Value {
    let tally = |tally: &orlop::Tally| json!({"found": tally.found, "repaired": tally.repaired});
    let faults: Map<String, Value> = audited
        .faults
        .iter()
        .map(|(fault, found)| (fault.as_str().to_owned(), tally(found)))
        .collect();
    let finding = |key: &str, reason: &str| json!({"key": key, "reason": reason});
    let broken = audited.broken.kept.iter();
    let broken: Vec<Value> =
        broken.map(|broken| finding(broken.key.as_str(), &broken.reason)).collect();
    let unreadable = audited.unreadable.kept.iter();
    let unreadable: Vec<Value> =
        unreadable.map(|record| finding(record.key.as_str(), &record.reason)).collect();
    let foreign: Vec<&str> = audited.foreign.kept.iter().map(Key::as_str).collect();
    json!({
        "sound": audited.is_sound(),
        "looked_at": audited.looked_at,
        "faults": faults,
        "broken": {"count": audited.broken.count, "first": broken},
        "unreadable": {"count": audited.unreadable.count, "first": unreadable},
        "foreign": {"count": audited.foreign.count, "first": foreign},
        "absent": audited.absent,
        "in_flight": audited.in_flight,
        "orphans_stay": audited.is_blind,
    })
}
