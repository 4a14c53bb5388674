//! Sequences of whole requests to the server in memory, against a model of what it acknowledged:
//! uploads, pushes, pulls, deletes and lists, right and wrong, beside anything at all.

#![no_main]

mod anything;
mod blobs;
mod content;
mod manifests;
mod step;
mod uploads;

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, request};
use libfuzzer_sys::fuzz_target;
use orlop::{CollectOptions, Digest, Registry};
use orlop_fuzz::client::{Answer, Client};
use orlop_fuzz::place::{Kind, Place};
use serde_json::{Value, json};

use crate::content::Content;
use crate::step::{Known, Step, TAGS, descriptor, pick};
use crate::uploads::Session;

struct World {
    registry: Registry,
    client: Client,
    contents: [Content; 2],
    sessions: Vec<Session>,
    /// Every blob and every manifest that there was, whatever became of it.
    blobs: Vec<Digest>,
    manifests: Vec<Digest>,
}

fuzz_target!(|story: Vec<Step>| orlop_fuzz::run(async {
    let registry = Place::new(Kind::Memory).registry().await;
    let client = Client::new(registry.clone());
    let mut world = World {
        registry,
        client,
        contents: Default::default(),
        sessions: Vec::new(),
        blobs: Vec::new(),
        manifests: Vec::new(),
    };
    for step in story.into_iter().take(STEPS_MAX) {
        world.take(step).await;
    }
    world.check_all().await;
}));

impl World {
    async fn take(&mut self, step: Step) {
        match step {
            Step::Begin { repository, long } => self.begin(repository.into(), long).await,
            Step::Chunk { session, sent } => self.chunk(session, &sent).await,
            Step::Status { session } => self.status(session).await,
            Step::Cancel { session } => self.cancel(session).await,
            Step::Finish { session, sent, claim } => self.finish(session, &sent, claim).await,
            Step::Whole { repository, sent, claim } => {
                self.whole(repository.into(), &sent, claim).await;
            }
            Step::Mount { repository, blob, from } => {
                self.mount(repository.into(), blob, from).await;
            }
            Step::PutImage { repository, blobs, subject, put } => {
                let layers = blobs.map(|blob| self.descriptor(repository.into(), blob));
                let mut image = json!({
                    "schemaVersion": 2, "mediaType": IMAGE, "config": layers[0], "layers": [layers[1]],
                });
                if let Some(digest) = subject.and_then(|at| pick(&self.manifests, at)) {
                    image["subject"] = descriptor(*digest, 1);
                }
                let needs: Vec<Digest> =
                    layers.iter().filter_map(|l| l["digest"].as_str()?.parse().ok()).collect();
                self.put(repository.into(), &image.to_string(), IMAGE, &needs, &put).await;
            }
            Step::PutIndex { repository, children, put } => {
                let known = children.iter().filter_map(|at| pick(&self.manifests, *at));
                let children: Vec<Value> = known.map(|digest| descriptor(*digest, 1)).collect();
                let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children});
                self.put(repository.into(), &index.to_string(), INDEX, &[], &put).await;
            }
            Step::Get { repository, reference, condition } => {
                self.get(repository.into(), reference, condition).await;
            }
            Step::GetBlob { repository, blob, range, head } => {
                self.get_blob(repository.into(), blob, range, head).await;
            }
            Step::Delete { repository, reference, condition } => {
                self.delete(repository.into(), reference, condition).await;
            }
            Step::DeleteBlob { repository, blob } => {
                self.delete_blob(repository.into(), blob).await;
            }
            Step::Tags { repository, n, last } => self.tags(repository.into(), n, last).await,
            Step::Referrers { repository, subject, filter } => {
                self.referrers(repository.into(), subject, filter).await;
            }
            Step::Collect { eager } => self.collect(eager).await,
            Step::Anything(anything) => self.anything(anything).await,
        }
    }

    async fn send(&mut self, head: request::Builder, body: Body) -> Answer {
        self.client.send(head.body(body).expect("a request")).await
    }

    async fn ask(&mut self, method: Method, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path), Body::empty()).await
    }

    async fn collect(&mut self, eager: bool) {
        let mut options = CollectOptions::default();
        if eager {
            (options.lease, options.upload_idle) = (Duration::ZERO, Duration::ZERO);
            for content in &mut self.contents {
                let mut blobs = std::mem::take(&mut content.blobs);
                blobs.retain(|digest, _| content.refers_to(digest));
                content.blobs = blobs;
            }
            self.sessions.iter_mut().for_each(|session| session.may_be_over = true);
        }
        let done = self.registry.collect(&options, &()).await.expect("a collection");
        assert_eq!(done.unreadable, []);
    }

    async fn check_all(&mut self) {
        for at in 0..u8::try_from(self.sessions.len()).expect("few") {
            self.status(at).await;
        }
        for repository in [0, 1] {
            for at in 0..u8::try_from(self.blobs.len()).unwrap_or(u8::MAX) {
                self.get_blob(repository, at, None, false).await;
            }
            for at in 0..u8::try_from(self.manifests.len()).unwrap_or(u8::MAX) {
                self.get(repository, Known::Manifest(at), None).await;
                self.referrers(repository, at, true).await;
            }
            for at in 0..TAGS {
                self.get(repository, Known::Tag(at), None).await;
            }
            self.tags(repository, None, None).await;
        }
    }
}

const NAMES: [&str; 2] = ["modelled/one", "modelled/one/two"];
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const STEPS_MAX: usize = 60;
