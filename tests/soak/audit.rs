//! Whether everything is there that was acknowledged, and nothing that was refused.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use http::Method;
use orlop::backend::ExtentState;
use orlop::object_store::ObjectStoreOptions;

use crate::answer::Answer;
use crate::client::Client;
use crate::content::sha256;
use crate::counter;
use crate::ledger::{Fate, Ledger};
use crate::outcome::{Outcome, outcome};
use crate::worker::{MOVED_TAGS, SHARED};

pub(crate) async fn everything(ledger: &mut Ledger, store: &str, clients: &[Client]) {
    contents(ledger, clients).await;
    lists(ledger, &clients[0]).await;
    for tag in 0..MOVED_TAGS {
        moved_tag(ledger, &clients[0], &format!("latest-{tag}")).await;
    }
    for counter in counter::NAMES {
        count(ledger, &clients[0], counter).await;
    }
    leftovers(ledger, store).await;
}

/// The answer, if the server has one at last.
async fn get(client: &Client, path: &str) -> Option<Answer> {
    for _ in 0..ATTEMPTS {
        match outcome(client.request(Method::GET, path)).await {
            Outcome::Done(answer) | Outcome::Refused(answer) => return Some(answer),
            Outcome::Unknown => {}
        }
    }
    None
}

/// Reads every blob and every tagged manifest through some server.
async fn contents(ledger: &mut Ledger, clients: &[Client]) {
    let blobs = ledger
        .blobs
        .iter()
        .map(|(repository, digest)| (format!("/v2/{repository}/blobs/{digest}"), digest.clone()));
    let tags = ledger.tags.iter().map(|(repository, tag, digest)| {
        (format!("/v2/{repository}/manifests/{tag}"), digest.clone())
    });
    let all: HashSet<(String, String)> = blobs.chain(tags).collect();
    let reads =
        all.into_iter().zip(clients.iter().cycle()).map(async |((path, digest), client)| {
            let answer = get(client, &path).await;
            let is_right = answer.as_ref().is_some_and(|answer| sha256(&answer.body) == digest);
            (!is_right).then(|| format!("{path}: {:?}", answer.map(|answer| answer.status)))
        });
    let reads: Vec<Option<String>> =
        stream::iter(reads).buffer_unordered(READS_AT_ONCE).collect().await;
    for missing in reads {
        ledger.count("things read in the audit");
        if let Some(missing) = missing {
            ledger.wrong(missing);
        }
    }
}

/// Lists every tag of every repository, page by page.
async fn lists(ledger: &mut Ledger, client: &Client) {
    let mut expected: HashMap<String, HashSet<String>> = HashMap::new();
    for (repository, tag, _) in &ledger.tags {
        expected.entry(repository.clone()).or_default().insert(tag.clone());
    }
    for (repository, mut tags) in expected {
        let mut next = Some(format!("/v2/{repository}/tags/list?n=100"));
        while let Some(path) = next.take() {
            let Some(page) = get(client, &path).await else { break };
            for tag in page.words("tags") {
                tags.remove(&tag);
            }
            next = page.next_page();
        }
        ledger.check(tags.is_empty(), || format!("{repository} does not list {tags:?}"));
    }
}

/// The last one to set a tag, of those that could be the last one, must have it.
async fn moved_tag(ledger: &mut Ledger, client: &Client, tag: &str) {
    let moves: Vec<_> = ledger.moves.iter().filter(|by| by.tag == tag).collect();
    // Who began after this has set it after all who ended before.
    let last_began = moves.iter().filter(|by| by.ended.is_some()).map(|by| by.began).max();
    let Some(last_began) = last_began else { return };
    let found = get(client, &format!("/v2/{SHARED}/manifests/{tag}")).await;
    let found = found.map(|answer| sha256(&answer.body));
    let is_possible = moves.iter().any(|by| {
        Some(&by.digest) == found.as_ref() && by.ended.is_none_or(|ended| ended >= last_began)
    });
    ledger.check(is_possible, || format!("{tag} is on {found:?}, where nobody put it last"));
}

/// Walks from where a counter is to where it began.
async fn count(ledger: &mut Ledger, client: &Client, counter: &str) {
    let (mut chain, mut reference, mut expected) = (HashSet::new(), counter.to_owned(), None);
    loop {
        let answer = get(client, &format!("/v2/{SHARED}/manifests/{reference}")).await;
        let Some(answer) = answer.filter(|answer| answer.status == 200) else {
            return ledger.wrong(format!("{counter} cannot be followed to {reference}"));
        };
        let manifest = answer.json();
        let Some((value, previous)) = counter::read(&manifest) else {
            return ledger.wrong(format!("{counter} leads to {manifest}"));
        };
        let is_next = expected.is_none_or(|expected| expected == value);
        ledger.check(is_next, || format!("{counter} says {value}, expected {expected:?}"));
        if value == 0 {
            break;
        }
        chain.insert(sha256(&answer.body));
        (reference, expected) = (previous.to_owned(), Some(value - 1));
    }
    let of = |fate| {
        let increments = ledger.increments.iter();
        let increments = increments.filter(move |by| by.counter == counter && by.fate == fate);
        increments.map(|by| by.digest.clone()).collect::<HashSet<String>>()
    };
    let (done, refused, unknown) = (of(Fate::Acknowledged), of(Fate::Refused), of(Fate::Unknown));
    let late = unknown.intersection(&chain).count();
    println!(
        "{counter} is at {}: {} increments were acknowledged, {late} of {} unknown ones have happened, \
         {} were refused",
        chain.len(),
        done.len(),
        unknown.len(),
        refused.len()
    );
    ledger.check(done.is_subset(&chain), || format!("{counter} has lost an increment"));
    ledger.check(refused.is_disjoint(&chain), || format!("{counter} has a refused increment"));
    ledger.check(chain.len() == done.len() + late, || format!("{counter} counts too much"));
}

/// Whether anything lies in the bucket that is no blob's. What was to become one and failed is left
/// to a collector that knows of blobs.
async fn leftovers(ledger: &mut Ledger, store: &str) {
    let store = orlop::object_store::open(store, &ObjectStoreOptions::default()).await;
    let extents: Result<Vec<_>, _> = store.expect("a store").extents.walk().try_collect().await;
    let extents = extents.expect("a list");
    let open = extents.iter().filter(|extent| extent.state == ExtentState::Open).count();
    println!("{} extents, {open} of them not sealed", extents.len());
    let failed = ledger.counted("blobs unknown") + ledger.counted("chunked blobs unknown");
    ledger.check(open <= failed, || format!("{open} extents are left over of {failed}"));
}

const ATTEMPTS: usize = 20;

const READS_AT_ONCE: usize = 16;
