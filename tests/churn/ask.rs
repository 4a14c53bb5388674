//! What a request came to.

use std::time::Duration;

use tokio::time::timeout;

use crate::answer::Answer;
use crate::client::Request;
use crate::ledger::Ledger;

/// Why something has to be done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Somebody else was faster: a collector, or who went on with an upload.
    Race,
    /// Nobody knows what came of a request. It may still happen.
    Unknown,
    /// What nobody may be told; it is in the ledger.
    Wrong,
}

/// Sends a request, and takes note of an answer that says nothing of what has happened.
pub(crate) async fn ask(request: Request, ledger: &mut Ledger) -> Result<Answer, Trouble> {
    match timeout(ANSWER_TIME_MAX, request.try_send()).await {
        Ok(Ok(answer)) if answer.status < 500 => return Ok(answer),
        Ok(Ok(answer)) if said(&answer).contains("was overtaken") => {
            ledger.count("uploads overtaken");
            return Err(Trouble::Race);
        }
        Ok(Ok(answer)) => {
            ledger.count(&format!("answers {}", answer.status));
            ledger.say(&format!("failed {} {}", answer.asked, said(&answer)));
        }
        Ok(Err(_)) => ledger.count("connections cut"),
        Err(_) => ledger.count("answers not awaited"),
    }
    Err(Trouble::Unknown)
}

/// The beginning of what a server says.
pub(crate) fn said(answer: &Answer) -> String {
    let said = String::from_utf8_lossy(&answer.body);
    said.chars().filter(|char| *char != '\n').take(300).collect()
}

/// Longer than a server tries to reach its store.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(3);
