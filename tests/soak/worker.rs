//! A client of one server, which does everything that clients do, and now and then looks from
//! another server at what it has done.

use std::time::Instant;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::client::{Client, Request};
use crate::content::{EMPTY, OCI_MANIFEST, OCTET_STREAM, descriptor, image, noise, sha256};
use crate::counter;
use crate::dice::Dice;
use crate::ledger::{Ledger, Move};
use crate::outcome::{Outcome, outcome};

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) id: usize,
    /// Of all servers.
    clients: Vec<Client>,
    pub(crate) dice: Dice,
    pub(crate) ledger: Ledger,
    /// Goes into whatever must be unlike everything else.
    made: usize,
}

/// Pushes what everything else refers to.
pub(crate) async fn prepare(client: &Client) {
    client.push_blob(SHARED, EMPTY).await;
    for counter in counter::NAMES {
        let start = counter::manifest(counter, "start", 0, "");
        client.put_manifest(SHARED, counter, &start).await.expect(201);
    }
}

/// A manifest to be put.
pub(crate) fn put(client: &Client, reference: &str, repository: &str, manifest: &Value) -> Request {
    let put = client.put(&format!("/v2/{repository}/manifests/{reference}"));
    put.header("content-type", OCI_MANIFEST).bytes(manifest.to_string())
}

impl Worker {
    pub(crate) fn new(id: usize, clients: Vec<Client>, seed: u64) -> Self {
        let dice = Dice::new(seed ^ ((id as u64) << 32));
        Self { id, clients, dice, ledger: Ledger::default(), made: 0 }
    }

    /// Works until then, and says what it can swear to.
    pub(crate) async fn run(mut self, until: Instant) -> Ledger {
        while Instant::now() < until {
            match self.dice.below(12) {
                0..3 => self.push_image().await,
                3 => drop(self.push_blob().await),
                4..6 => self.push_in_chunks().await,
                6..8 => self.move_tag().await,
                8..10 => self.increment().await,
                _ => self.look_back().await,
            }
        }
        self.ledger
    }

    pub(crate) fn client(&self) -> Client {
        self.clients[self.id].clone()
    }

    pub(crate) fn any_client(&mut self) -> Client {
        self.dice.one_of(&self.clients).clone()
    }

    /// Words that were never said before.
    pub(crate) fn new_note(&mut self) -> String {
        self.made += 1;
        format!("{} of worker {}", self.made, self.id)
    }

    pub(crate) fn repository(&mut self) -> String {
        let own = format!("soak/worker-{}", self.id);
        self.dice.one_of(&[SHARED.to_owned(), own]).clone()
    }

    /// Bytes to push: some are pushed by others too, and at the same moment.
    pub(crate) fn content(&mut self) -> Bytes {
        match self.dice.below(40) {
            0 => noise(self.dice.number(), LARGE_BYTES),
            1..10 => noise(self.ledger.blobs.len() as u64 / 8, COMMON_BYTES),
            _ => {
                let len = SMALL_BYTES_MIN + self.dice.below(SMALL_BYTES_MAX);
                noise(self.dice.number(), len)
            }
        }
    }

    /// Pushes a blob in one request, and says where it is if that was acknowledged.
    async fn push_blob(&mut self) -> Option<(String, Bytes)> {
        let (repository, content) = (self.repository(), self.content());
        let is_there = self.push_blob_to(&repository, content.clone()).await;
        is_there.then_some((repository, content))
    }

    async fn push_blob_to(&mut self, repository: &str, content: Bytes) -> bool {
        let digest = sha256(&content);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        match outcome(self.client().post(&path).bytes(content)).await {
            Outcome::Done(_) => {
                self.ledger.count("blobs acknowledged");
                self.ledger.blobs.push((repository.to_owned(), digest));
                return true;
            }
            Outcome::Refused(answer) => self.ledger.wrong(format!("a blob: {answer:?}")),
            Outcome::Unknown => self.ledger.count("blobs unknown"),
        }
        false
    }

    /// Pushes a blob and an image that has it as its layer, under a tag of its own.
    async fn push_image(&mut self) {
        let Some((repository, content)) = self.push_blob().await else { return };
        if !self.push_blob_to(&repository, EMPTY.into()).await {
            return;
        }
        let note = self.new_note();
        let mut image = image(&note);
        image["layers"] = [descriptor(OCTET_STREAM, &content)].as_slice().into();
        let tag = note.replace(' ', "-");
        match outcome(put(&self.client(), &tag, &repository, &image)).await {
            Outcome::Done(_) => {
                self.ledger.count("tagged images acknowledged");
                self.ledger.tags.push((repository, tag, sha256(image.to_string())));
            }
            Outcome::Refused(answer) => self.ledger.wrong(format!("an image: {answer:?}")),
            Outcome::Unknown => self.ledger.count("tagged images unknown"),
        }
    }

    /// Sets a tag that all the others set too.
    async fn move_tag(&mut self) {
        let tag = format!("latest-{}", self.dice.below(MOVED_TAGS));
        let image = image(&self.new_note());
        let digest = sha256(image.to_string());
        let began = Instant::now();
        let outcome = outcome(put(&self.client(), &tag, SHARED, &image)).await;
        let ended = match outcome {
            Outcome::Done(_) => {
                self.ledger.count("moves of tags acknowledged");
                Some(Instant::now())
            }
            Outcome::Refused(answer) => return self.ledger.wrong(format!("a move: {answer:?}")),
            Outcome::Unknown => {
                self.ledger.count("moves of tags unknown");
                None
            }
        };
        self.ledger.moves.push(Move { tag, digest, began, ended });
    }

    /// Looks from any server at something that was acknowledged.
    async fn look_back(&mut self) {
        let Ledger { blobs, tags, .. } = &self.ledger;
        if blobs.is_empty() || tags.is_empty() {
            return;
        }
        let (path, digest) = if self.dice.below(2) == 0 {
            let (repository, digest) = self.dice.one_of(blobs);
            (format!("/v2/{repository}/blobs/{digest}"), digest.clone())
        } else {
            let (repository, tag, digest) = self.dice.one_of(tags);
            (format!("/v2/{repository}/manifests/{tag}"), digest.clone())
        };
        let look = self.any_client().request(Method::GET, &path);
        match outcome(look).await {
            Outcome::Done(answer) if sha256(&answer.body) == digest => {
                self.ledger.count("looks back");
            }
            Outcome::Done(answer) | Outcome::Refused(answer) => {
                let (asked, status) = (answer.asked, answer.status);
                self.ledger.wrong(format!("{asked} was acknowledged, and is answered {status}"));
            }
            Outcome::Unknown => self.ledger.count("looks back in vain"),
        }
    }
}

/// The repository that everybody pushes to.
pub(crate) const SHARED: &str = "soak/shared";

pub(crate) const MOVED_TAGS: usize = 3;

/// More than a part of a multipart upload.
const LARGE_BYTES: usize = 9 << 20;

const COMMON_BYTES: usize = 10_000;

/// So many that a session is never after its first byte, which the spec cannot tell from nothing.
const SMALL_BYTES_MIN: usize = 100;

const SMALL_BYTES_MAX: usize = 60_000;
