//! A client that does not give up: it asks again until it gets an answer, over a new connection
//! each time.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use crate::answer::Answer;
use crate::client::{Client, Request};
use crate::content::{EMPTY, OCI_MANIFEST, image, sha256};
use crate::session::{content_range, offset};

/// How often it was told that something is wrong, or told nothing at all.
#[derive(Debug)]
pub(crate) struct Stubborn {
    address: SocketAddr,
    pub(crate) disappointments: usize,
}

impl Stubborn {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, disappointments: 0 }
    }

    /// Pushes a blob in chunks. After each disappointment it asks how far the upload is.
    pub(crate) async fn push_blob(&mut self, repository: &str, blob: &Bytes, chunk: usize) {
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        let begun = self.ask(&[202], |client| client.post(&uploads)).await;
        let location = begun.header("location").to_owned();
        let mut at = 0;
        while at < blob.len() {
            let part = blob.slice(at..blob.len().min(at + chunk));
            let range = content_range(at, part.len());
            let patch = Client::new(self.address).patch(&location);
            let sent = patch.header("content-range", range).bytes(part).try_send().await;
            let answer = match sent {
                Ok(answer) if answer.status == 202 => answer,
                _ => {
                    self.disappointments += 1;
                    self.ask(&[204], |client| client.request(Method::GET, &location)).await
                }
            };
            at = offset(&answer);
        }
        let end = format!("{location}?digest={}", sha256(blob));
        self.ask(&[201], |client| client.put(&end)).await;
    }

    /// Pushes an image that has nothing but a note, and returns its digest.
    pub(crate) async fn push_image(&mut self, repository: &str, tag: &str, note: &str) -> String {
        self.push_blob(repository, &EMPTY.into(), EMPTY.len()).await;
        let (path, image) = (format!("/v2/{repository}/manifests/{tag}"), image(note).to_string());
        let put = |client: &Client| {
            client.put(&path).header("content-type", OCI_MANIFEST).bytes(image.clone())
        };
        self.ask(&[201], put).await;
        sha256(image)
    }

    /// Asks until the status is one of these.
    async fn ask(&mut self, statuses: &[u16], ask: impl Fn(&Client) -> Request) -> Answer {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match ask(&Client::new(self.address)).try_send().await {
                Ok(answer) if statuses.contains(&answer.status) => return answer,
                other => last = Some(other),
            }
            self.disappointments += 1;
            tokio::time::sleep(PAUSE).await;
        }
        panic!("expected {statuses:?} at last, found {last:?}");
    }
}

const ATTEMPTS: usize = 100;

const PAUSE: Duration = Duration::from_millis(50);
