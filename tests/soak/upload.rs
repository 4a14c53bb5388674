//! Blobs pushed in chunks, of which any server takes the next one when something is wrong.

use http::Method;

use crate::content::sha256;
use crate::outcome::{Outcome, outcome};
use crate::session::{content_range, offset};
use crate::worker::Worker;

impl Worker {
    pub(crate) async fn push_in_chunks(&mut self) {
        let (repository, content) = (self.repository(), self.content());
        let begin = self.client().post(&format!("/v2/{repository}/blobs/uploads/"));
        let location = match outcome(begin).await {
            Outcome::Done(answer) => answer.header("location").to_owned(),
            Outcome::Refused(answer) => return self.ledger.wrong(format!("a session: {answer:?}")),
            Outcome::Unknown => return self.ledger.count("sessions unknown"),
        };
        let (mut at, mut client, mut may_come_late) = (0, self.client(), false);
        let chunk = content.len().div_ceil(1 + self.dice.below(4));
        while at < content.len() {
            let part = content.slice(at..content.len().min(at + chunk));
            let end = at + part.len();
            let patch =
                client.patch(&location).header("content-range", content_range(at, part.len()));
            let answer = match outcome(patch.bytes(part)).await {
                Outcome::Done(answer) => answer,
                // One that nobody knows of may come after all, and before this one.
                Outcome::Refused(answer) if may_come_late && answer.status == 416 => {
                    self.ledger.count("chunks that came late");
                    answer
                }
                Outcome::Refused(answer) => {
                    return self.ledger.wrong(format!("a chunk: {answer:?}"));
                }
                Outcome::Unknown => {
                    self.ledger.count("chunks unknown");
                    may_come_late = true;
                    client = self.any_client();
                    let Some(found) = self.ask_offset(&location).await else { return };
                    let is_possible = [at, end].contains(&found);
                    self.ledger.check(is_possible, || format!("{location}: {found} after {at}"));
                    at = found;
                    continue;
                }
            };
            at = offset(&answer);
        }
        self.finish(&repository, &location, sha256(&content)).await;
    }

    /// Where a session goes on, by any server that knows.
    async fn ask_offset(&mut self, location: &str) -> Option<usize> {
        for _ in 0..ATTEMPTS {
            let status = self.any_client().request(Method::GET, location);
            match outcome(status).await {
                Outcome::Done(answer) => return Some(offset(&answer)),
                Outcome::Refused(answer) => {
                    self.ledger.wrong(format!("a session is gone: {answer:?}"));
                    return None;
                }
                Outcome::Unknown => {}
            }
        }
        self.ledger.count("sessions given up");
        None
    }

    /// Ends a session; once more, at another server, as long as nobody knows what came of it.
    async fn finish(&mut self, repository: &str, location: &str, digest: String) {
        let end = format!("{location}?digest={digest}");
        for attempt in 0..ATTEMPTS {
            let client = if attempt == 0 { self.client() } else { self.any_client() };
            match outcome(client.put(&end)).await {
                Outcome::Done(_) => {
                    self.ledger.count("chunked blobs acknowledged");
                    self.ledger.blobs.push((repository.to_owned(), digest));
                    return;
                }
                // Once a manifest refers to the blob, a session that became it is forgotten.
                Outcome::Refused(answer) if attempt > 0 && [404, 416].contains(&answer.status) => {
                    return self.ledger.count("chunked blobs unknown");
                }
                Outcome::Refused(answer) => {
                    return self.ledger.wrong(format!("the end of a session: {answer:?}"));
                }
                Outcome::Unknown => self.ledger.count("ends sent again"),
            }
        }
        self.ledger.count("chunked blobs unknown");
    }
}

const ATTEMPTS: usize = 20;
