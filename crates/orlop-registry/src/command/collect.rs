//! What garbage is, and how fast it is collected: arguments of `gc`, and of a server that collects.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::{Duration, Instant};

use orlop::{CollectOptions, Collected, Observer};
use orlop_registry::StoreUrl;

/// The arguments.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CollectArgs {
    /// How long a blob stays to which nothing refers. Less than a push takes makes clients send
    /// blobs again.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[arg(default_value = "24h")]
    pub(crate) lease: Duration,
    /// How long an upload stays that nobody goes on with.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[arg(default_value = "24h")]
    upload_idle: Duration,
    /// What becomes of manifests that have no tag, and that no index and no subject keeps: they
    /// stay, or go after so long.
    #[arg(long, value_name = "keep|DURATION", default_value = "keep")]
    untagged: Untagged,
    /// How many things to look at in the same moment: by default 2 in a directory, so that nobody
    /// else waits long for the disk, and 16 in a bucket.
    #[arg(long, value_name = "N")]
    at_once: Option<usize>,
    /// How many things to look at in a second, at most.
    #[arg(long, value_name = "N")]
    per_second: Option<NonZeroU32>,
}

/// After how long untagged manifests go, if they do.
#[derive(Clone, Copy, Debug)]
struct Untagged(Option<Duration>);

impl FromStr for Untagged {
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(if text == "keep" { None } else { Some(humantime::parse_duration(text)?) }))
    }
}

impl CollectArgs {
    pub(crate) fn options(&self, store: &StoreUrl) -> CollectOptions {
        let Self { lease, upload_idle, untagged: Untagged(untagged), at_once, .. } = *self;
        let gentle = matches!(store, StoreUrl::Directory(_)).then_some(ON_A_DISK_AT_ONCE);
        let at_once = at_once.or(gentle).unwrap_or(CollectOptions::default().at_once);
        CollectOptions { lease, upload_idle, untagged, at_once, ..CollectOptions::default() }
    }

    /// Keeps a run to its rate.
    pub(crate) fn pace(&self) -> Pace {
        Pace { per_second: self.per_second, started: Instant::now() }
    }
}

/// Slows a collection down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    per_second: Option<NonZeroU32>,
    started: Instant,
}

#[async_trait::async_trait]
impl Observer for Pace {
    async fn on_progress(&self, done: &Collected) {
        if let Some(per_second) = self.per_second {
            let millis = done.looked_at.saturating_mul(1000) / u64::from(per_second.get());
            let due = self.started + Duration::from_millis(millis);
            tokio::time::sleep_until(due.into()).await;
        }
    }
}

/// Syncs of several files at once hold up those of everybody else.
const ON_A_DISK_AT_ONCE: usize = 2;
