//! Trying again, with a budget.

use std::time::Duration;

use object_store::{BackoffConfig, RetryConfig};
use tokio::time::{Instant, sleep};

/// What is left of the patience with one call.
#[derive(Debug)]
pub(crate) struct Budget {
    ends: Instant,
    pause: Duration,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self { ends: Instant::now() + TIME_MAX, pause: PAUSE_MIN }
    }

    /// Waits a moment, longer from time to time; `false` if there was enough of that.
    pub(crate) async fn pause(&mut self) -> bool {
        if Instant::now() + self.pause > self.ends {
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        true
    }
}

/// For requests that may be repeated without a thought.
pub(crate) fn repeated() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: PAUSE_MIN, max_backoff: PAUSE_MAX, base: 2. },
        max_retries: 20,
        retry_timeout: TIME_MAX,
    }
}

/// For conditional writes: a repetition could be refused because of the first attempt, and a
/// caller that does not know of the repetition would take its own write for somebody else's.
pub(crate) fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, ..repeated() }
}

const TIME_MAX: Duration = Duration::from_mins(1);

const PAUSE_MIN: Duration = Duration::from_millis(50);

const PAUSE_MAX: Duration = Duration::from_secs(5);
