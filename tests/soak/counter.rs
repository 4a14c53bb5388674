//! Counting by compare-and-swap: each manifest says how far its tag has counted, and which one it
//! followed, so that an audit can walk all the way back.

use http::Method;
use serde_json::{Value, json};

use crate::content::{image, sha256};
use crate::ledger::{Fate, Increment};
use crate::outcome::{Outcome, outcome};
use crate::worker::{SHARED, Worker, put};

/// The tags that count.
pub(crate) const NAMES: [&str; 2] = ["counter-0", "counter-1"];

pub(crate) fn manifest(counter: &str, note: &str, value: u64, previous: &str) -> Value {
    let mut image = image(note);
    let value = value.to_string();
    image["annotations"] =
        json!({"counter": counter, "note": note, "value": value, "previous": previous});
    image
}

/// What such a manifest says: how far it has counted, and which one it followed.
pub(crate) fn read(manifest: &Value) -> Option<(u64, &str)> {
    let annotations = &manifest["annotations"];
    Some((annotations["value"].as_str()?.parse().ok()?, annotations["previous"].as_str()?))
}

impl Worker {
    /// Moves a counter's tag to a manifest that says one more, if it is still where it was.
    pub(crate) async fn increment(&mut self) {
        let counter = *self.dice.one_of(&NAMES);
        let path = format!("/v2/{SHARED}/manifests/{counter}");
        let found = match outcome(self.client().request(Method::GET, &path)).await {
            Outcome::Done(answer) => answer,
            Outcome::Refused(answer) => return self.ledger.wrong(format!("a counter: {answer:?}")),
            Outcome::Unknown => return self.ledger.count("looks at counters in vain"),
        };
        let previous = sha256(&found.body);
        let manifest_found = found.json();
        let Some((value, _)) = read(&manifest_found) else {
            return self.ledger.wrong(format!("{counter} is on {manifest_found}"));
        };
        let next = manifest(counter, &self.new_note(), value + 1, &previous);
        let request = put(&self.client(), counter, SHARED, &next);
        let fate = match outcome(request.header("if-match", format!("\"{previous}\""))).await {
            Outcome::Done(_) => {
                self.ledger.count("increments acknowledged");
                Fate::Acknowledged
            }
            Outcome::Refused(answer) if answer.status == 412 => {
                self.ledger.count("increments refused");
                Fate::Refused
            }
            Outcome::Refused(answer) => {
                return self.ledger.wrong(format!("an increment: {answer:?}"));
            }
            Outcome::Unknown => {
                self.ledger.count("increments unknown");
                Fate::Unknown
            }
        };
        let digest = sha256(next.to_string());
        self.ledger.increments.push(Increment { counter: counter.to_owned(), digest, fate });
    }
}
