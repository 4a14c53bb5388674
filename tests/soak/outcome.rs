//! What a request came to, as far as its client can know.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::answer::Answer;
use crate::client::Request;

#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was acknowledged.
    Done(Answer),
    /// It was turned down, and has changed nothing.
    Refused(Answer),
    /// It failed, or nobody knows: it may have happened or may still happen.
    Unknown,
}

/// Sends a request, and waits for a moment if nobody knows what came of it.
pub(crate) async fn outcome(request: Request) -> Outcome {
    match timeout(ANSWER_TIME_MAX, request.try_send()).await {
        Ok(Ok(answer)) if answer.status < 400 => return Outcome::Done(answer),
        Ok(Ok(answer)) if answer.status < 500 => return Outcome::Refused(answer),
        _ => {}
    }
    sleep(PAUSE).await;
    Outcome::Unknown
}

/// Longer than a server tries to reach its store.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(3);

const PAUSE: Duration = Duration::from_millis(200);
