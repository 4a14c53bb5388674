//! Sequences of whole requests to the server in memory, against a model of what it acknowledged:
//! uploads, pushes, pulls, deletes and lists, right and wrong, beside anything at all.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arbitrary::Arbitrary;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request, Uri, request};
use libfuzzer_sys::fuzz_target;
use orlop::{Algorithm, CollectOptions, Digest, Registry};
use orlop_fuzz::client::{Answer, Client, body};
use orlop_fuzz::place::{Kind, Place};
use serde_json::{Value, json};

#[derive(Arbitrary, Debug)]
enum Step {
    Begin { repository: bool, long: bool },
    Chunk { session: u8, sent: Sent },
    Status { session: u8 },
    Cancel { session: u8 },
    Finish { session: u8, sent: Sent, claim: Claim },
    Whole { repository: bool, sent: Sent, claim: Claim },
    Mount { repository: bool, blob: u8, from: Option<bool> },
    PutImage { repository: bool, blobs: [u8; 2], subject: Option<u8>, put: Put },
    PutIndex { repository: bool, children: [u8; 2], put: Put },
    Get { repository: bool, reference: Known, condition: Option<u8> },
    GetBlob { repository: bool, blob: u8, range: Option<(u8, Option<u8>)>, head: bool },
    Delete { repository: bool, reference: Known, condition: Option<u8> },
    DeleteBlob { repository: bool, blob: u8 },
    Tags { repository: bool, n: Option<u8>, last: Option<u8> },
    Referrers { repository: bool, subject: u8, filter: bool },
    Collect { eager: bool },
    Anything(Anything),
}

/// A chunk or a whole body.
#[derive(Arbitrary, Clone, Debug)]
struct Sent {
    pieces: Vec<u8>,
    breaks_off: bool,
    /// How far from the right place it says that it begins.
    shift: Option<i8>,
    /// What it says of its length besides.
    length: Option<i8>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Claim {
    honest: bool,
    long: bool,
}

#[derive(Arbitrary, Clone, Debug)]
struct Put {
    /// By tag, or by digest.
    tag: Option<u8>,
    tags: Vec<u8>,
    condition: Option<u8>,
    long: bool,
}

/// A manifest by its place in the list of all, or a tag.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Known {
    Manifest(u8),
    Tag(u8),
}

#[derive(Arbitrary, Debug)]
struct Anything {
    method: u8,
    path: Vec<Word>,
    query: Vec<(Word, Word)>,
    headers: Vec<(u8, Word)>,
    body: Vec<u8>,
}

/// What requests are made of, or any text.
#[derive(Arbitrary, Debug)]
enum Word {
    Usual(u8),
    Digest(u8),
    Number(u64),
    Any(String),
}

/// What a repository is known to have.
#[derive(Debug, Default)]
struct Content {
    blobs: BTreeMap<Digest, Vec<u8>>,
    manifests: BTreeMap<Digest, (Vec<u8>, &'static str)>,
    tags: BTreeMap<String, Digest>,
    /// Whether a manifest was ever pushed.
    exists: bool,
}

#[derive(Debug)]
struct Session {
    repository: usize,
    location: String,
    algorithm: Algorithm,
    bytes: Vec<u8>,
    is_over: bool,
    /// Whether a collector may have ended it.
    may_be_over: bool,
}

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

    async fn begin(&mut self, repository: usize, long: bool) {
        if self.sessions.len() == SESSIONS_MAX {
            return;
        }
        let (name, algorithm) = (NAMES[repository], algorithm(long));
        let path = format!("/v2/{name}/blobs/uploads/?digest-algorithm={algorithm}");
        let answer = self.ask(Method::POST, &path).await;
        assert_eq!(answer.status, 202);
        let location = answer.header("location").expect("a session").to_owned();
        let (is_over, may_be_over, bytes) = (false, false, Vec::new());
        self.sessions.push(Session {
            repository,
            location,
            algorithm,
            bytes,
            is_over,
            may_be_over,
        });
    }

    fn session(&self, at: u8) -> Option<usize> {
        (!self.sessions.is_empty()).then(|| usize::from(at) % self.sessions.len())
    }

    async fn chunk(&mut self, session: u8, sent: &Sent) {
        let Some(at) = self.session(session) else { return };
        let session = &self.sessions[at];
        let head = Request::builder().method(Method::PATCH).uri(&session.location);
        let (head, pieces, is_right) = sent.put_on(head, session.bytes.len());
        let answer = self.send(head, body(&pieces, sent.breaks_off)).await;
        let session = &mut self.sessions[at];
        match answer.status {
            202 => {
                assert!(is_right && !sent.breaks_off && !session.is_over);
                session.bytes.extend(pieces.concat());
                session.check_range(&answer);
            }
            400 => assert!(!is_right || sent.breaks_off),
            404 => session.check_gone(),
            416 => {
                assert!(!is_right);
                session.check_range(&answer);
            }
            _ => panic!("{answer:?}"),
        }
    }

    async fn status(&mut self, session: u8) {
        let Some(at) = self.session(session) else { return };
        let location = self.sessions[at].location.clone();
        let answer = self.ask(Method::GET, &location).await;
        let session = &mut self.sessions[at];
        match answer.status {
            204 => session.check_range(&answer),
            404 => session.check_gone(),
            _ => panic!("{answer:?}"),
        }
    }

    async fn cancel(&mut self, session: u8) {
        let Some(at) = self.session(session) else { return };
        let location = self.sessions[at].location.clone();
        let answer = self.ask(Method::DELETE, &location).await;
        let session = &mut self.sessions[at];
        match answer.status {
            204 => assert!(!session.is_over),
            404 => session.check_gone(),
            _ => panic!("{answer:?}"),
        }
        session.is_over = true;
    }

    async fn finish(&mut self, session: u8, sent: &Sent, claim: Claim) {
        let Some(at) = self.session(session) else { return };
        let session = &self.sessions[at];
        let repository = session.repository;
        let bytes = [&session.bytes[..], &sent.bytes()].concat();
        let digest = claim.digest(&bytes);
        let path = format!("{}?digest={digest}", session.location);
        let head = Request::builder().method(Method::PUT).uri(path);
        let (head, pieces, is_right) = sent.put_on(head, session.bytes.len());
        let answer = self.send(head, body(&pieces, sent.breaks_off)).await;
        let session = &mut self.sessions[at];
        match answer.status {
            201 if session.is_over => {} // it has become this blob before
            201 => {
                assert!(is_right && !sent.breaks_off && claim.honest);
                session.is_over = true;
                self.know_blob(repository, digest, bytes);
            }
            400 => {
                assert!(!is_right || sent.breaks_off || !claim.honest);
                let was_hashed_anew = session.algorithm != digest.algorithm();
                session.may_be_over |= was_hashed_anew && answer.code() == "DIGEST_INVALID";
            }
            404 => session.check_gone(),
            416 => assert!(!is_right),
            _ => panic!("{answer:?}"),
        }
    }

    async fn whole(&mut self, repository: usize, sent: &Sent, claim: Claim) {
        let bytes = sent.bytes();
        let digest = claim.digest(&bytes);
        let path = format!("/v2/{}/blobs/uploads/?digest={digest}", NAMES[repository]);
        let head = Request::builder().method(Method::POST).uri(path);
        let answer = self.send(head, body(&sent.pieces(), sent.breaks_off)).await;
        match answer.status {
            201 => {
                assert!(claim.honest && !sent.breaks_off);
                self.know_blob(repository, digest, bytes);
            }
            400 => assert!(!claim.honest || sent.breaks_off),
            _ => panic!("{answer:?}"),
        }
    }

    fn know_blob(&mut self, repository: usize, digest: Digest, bytes: Vec<u8>) {
        self.contents[repository].blobs.insert(digest, bytes);
        if !self.blobs.contains(&digest) {
            self.blobs.push(digest);
        }
    }

    async fn mount(&mut self, repository: usize, blob: u8, from: Option<bool>) {
        let Some(digest) = pick(&self.blobs, blob).copied() else { return };
        let source = from.map(|from| format!("&from={}", NAMES[usize::from(from)]));
        let path = format!(
            "/v2/{}/blobs/uploads/?mount={digest}{}",
            NAMES[repository],
            source.unwrap_or_default()
        );
        let sources: Vec<usize> = from.map_or(vec![0, 1], |from| vec![from.into()]);
        let known = sources.iter().find_map(|at| self.contents[*at].blobs.get(&digest)).cloned();
        let answer = self.ask(Method::POST, &path).await;
        match (answer.status, known) {
            (201, Some(bytes)) => self.know_blob(repository, digest, bytes),
            (201, None) => {} // nobody had promised that it is gone
            (202, known) => assert!(known.is_none(), "{digest} could not be mounted"),
            _ => panic!("{answer:?}"),
        }
    }

    /// A descriptor of a blob that the repository may have, or of one that it has not.
    fn descriptor(&self, repository: usize, blob: u8) -> Value {
        let digest = pick(&self.blobs, blob).copied();
        let digest = digest.unwrap_or_else(|| Digest::of(Algorithm::Sha256, b"missing"));
        let size = self.contents[repository].blobs.get(&digest).map_or(0, Vec::len);
        descriptor(digest, size)
    }

    async fn put(
        &mut self,
        repository: usize,
        text: &str,
        media_type: &'static str,
        needs: &[Digest],
        put: &Put,
    ) {
        let digest = match put.tag {
            Some(_) => Digest::of(Algorithm::Sha256, text.as_bytes()),
            None => Digest::of(algorithm(put.long), text.as_bytes()),
        };
        let mut tags: BTreeSet<String> = put.tags.iter().copied().map(tag).take(3).collect();
        let query: Vec<String> = tags.iter().map(|tag| format!("tag={tag}")).collect();
        let reference = put.tag.map_or(digest.to_string(), tag);
        tags.extend(put.tag.map(tag));
        let path = format!("/v2/{}/manifests/{reference}?{}", NAMES[repository], query.join("&"));
        let head = Request::builder().method(Method::PUT).uri(path);
        let head = condition(head.header("content-type", media_type), put.condition);
        let answer = self.send(head, Body::from(text.to_owned())).await;
        let content = &mut self.contents[repository];
        let holds = |tag: &String| content.holds(tag, put.condition);
        match answer.status {
            201 => {
                assert!(tags.iter().all(holds), "{answer:?}");
                content.exists = true;
                content.manifests.insert(digest, (text.into(), media_type));
                content.tags.extend(tags.into_iter().map(|tag| (tag, digest)));
                if !self.manifests.contains(&digest) {
                    self.manifests.push(digest);
                }
            }
            404 => assert!(needs.iter().any(|digest| !content.blobs.contains_key(digest))),
            412 => assert!(!tags.iter().all(holds), "{answer:?}"),
            // Its subject may be the manifest itself only by an accident that does not happen.
            _ => panic!("{answer:?}"),
        }
    }

    /// What is known of a reference, and its text.
    fn find(&self, repository: usize, reference: Known) -> Option<(String, Option<Digest>)> {
        let content = &self.contents[repository];
        match reference {
            Known::Manifest(at) => {
                let digest = *pick(&self.manifests, at)?;
                let known = content.manifests.contains_key(&digest).then_some(digest);
                Some((digest.to_string(), known))
            }
            Known::Tag(at) => Some((tag(at), content.tags.get(&tag(at)).copied())),
        }
    }

    async fn get(&mut self, repository: usize, reference: Known, asked: Option<u8>) {
        let Some((text, known)) = self.find(repository, reference) else { return };
        let path = format!("/v2/{}/manifests/{text}", NAMES[repository]);
        let head = condition(Request::builder().method(Method::GET).uri(path), asked);
        let answer = self.send(head, Body::empty()).await;
        match (answer.status, known) {
            (200, Some(digest)) => {
                let (bytes, media_type) = &self.contents[repository].manifests[&digest];
                assert_eq!(
                    (&answer.body[..], answer.header("content-type")),
                    (&bytes[..], Some(*media_type))
                );
                assert_eq!(answer.header("docker-content-digest"), Some(&*digest.to_string()));
            }
            (304, Some(_)) => assert!(asked.is_some()),
            (404, None) => {}
            _ => panic!("{known:?}, {answer:?}"),
        }
    }

    async fn get_blob(
        &mut self,
        repository: usize,
        blob: u8,
        range: Option<(u8, Option<u8>)>,
        head_only: bool,
    ) {
        let Some(digest) = pick(&self.blobs, blob).copied() else { return };
        let method = if head_only { Method::HEAD } else { Method::GET };
        let path = format!("/v2/{}/blobs/{digest}", NAMES[repository]);
        let mut head = Request::builder().method(method).uri(path);
        if let Some((first, last)) = range {
            let last = last.map(|last| last.to_string()).unwrap_or_default();
            head = head.header("range", format!("bytes={first}-{last}"));
        }
        let answer = self.send(head, Body::empty()).await;
        let Some(bytes) = self.contents[repository].blobs.get(&digest) else {
            // It may be there: nobody said that it is gone, and nobody that it stays.
            assert!([200, 206, 404, 416].contains(&answer.status), "{answer:?}");
            return;
        };
        let first = range.map_or(0, |(first, _)| first.into());
        let last = range.and_then(|(_, last)| last).map_or(usize::MAX, usize::from);
        let end = last.saturating_add(1).min(bytes.len());
        let part = bytes.get(first..end).filter(|part| !part.is_empty());
        match (answer.status, part) {
            (200, _) => assert!(range.is_none() && (head_only || answer.body == bytes[..])),
            (206, Some(part)) => assert!(head_only || answer.body == part),
            (416, None) => {}
            _ => panic!("{range:?} of {}: {answer:?}", bytes.len()),
        }
    }

    async fn delete(&mut self, repository: usize, reference: Known, asked: Option<u8>) {
        let Some((text, known)) = self.find(repository, reference) else { return };
        let path = format!("/v2/{}/manifests/{text}", NAMES[repository]);
        let head = condition(Request::builder().method(Method::DELETE).uri(path), asked);
        let answer = self.send(head, Body::empty()).await;
        let content = &mut self.contents[repository];
        match (answer.status, known, reference) {
            (202, Some(_), Known::Tag(_)) => {
                assert!(content.holds(&text, asked));
                content.tags.remove(&text);
            }
            (202, Some(digest), Known::Manifest(_)) => {
                content.manifests.remove(&digest);
                content.tags.retain(|_, on| *on != digest);
            }
            (404, None, _) => {}
            (412, _, Known::Tag(_)) => assert!(!content.holds(&text, asked)),
            _ => panic!("{known:?}, {answer:?}"),
        }
    }

    async fn delete_blob(&mut self, repository: usize, blob: u8) {
        let Some(digest) = pick(&self.blobs, blob).copied() else { return };
        let path = format!("/v2/{}/blobs/{digest}", NAMES[repository]);
        let answer = self.ask(Method::DELETE, &path).await;
        let content = &mut self.contents[repository];
        let is_used = content.refers_to(&digest);
        match answer.status {
            202 => {
                assert!(!is_used, "{digest} is in use");
                content.blobs.remove(&digest);
                let answer = self.ask(Method::GET, &path).await;
                assert_eq!(answer.status, 404);
            }
            404 => assert!(!content.blobs.contains_key(&digest)),
            405 => assert!(is_used && answer.code() == "DENIED", "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
    }

    async fn tags(&mut self, repository: usize, n: Option<u8>, last: Option<u8>) {
        let mut query: Vec<String> = n.map(|n| format!("n={n}")).into_iter().collect();
        query.extend(last.map(|last| format!("last={}", tag(last))));
        let path = format!("/v2/{}/tags/list?{}", NAMES[repository], query.join("&"));
        let answer = self.ask(Method::GET, &path).await;
        let content = &self.contents[repository];
        if answer.status == 404 {
            assert!(!content.exists);
            return;
        }
        let after = last.map(tag);
        let behind = content.tags.keys().filter(|tag| after.as_ref().is_none_or(|a| *tag > a));
        let max = n.map_or(usize::MAX, usize::from);
        let expected: Vec<&String> = behind.clone().take(max).collect();
        let list: Value = serde_json::from_slice(&answer.body).expect("a list");
        assert_eq!(list["tags"], json!(expected));
        let goes_on = max > 0 && behind.count() > max;
        assert_eq!(answer.header("link").is_some(), goes_on, "{answer:?}");
    }

    async fn referrers(&mut self, repository: usize, subject: u8, filter: bool) {
        let Some(subject) = pick(&self.manifests, subject).copied() else { return };
        let query = if filter { "?artifactType=a/b" } else { "" };
        let path = format!("/v2/{}/referrers/{subject}{query}", NAMES[repository]);
        let answer = self.ask(Method::GET, &path).await;
        assert_eq!(answer.status, 200);
        let list: Value = serde_json::from_slice(&answer.body).expect("an index");
        let listed = list["manifests"].as_array().expect("a list").iter();
        let listed: BTreeSet<Digest> =
            listed.filter_map(|d| d["digest"].as_str()?.parse().ok()).collect();
        let manifests = self.contents[repository].manifests.iter();
        // The config of every image here is of this type.
        let about = manifests.filter(|(_, (bytes, _))| {
            let text: Value = serde_json::from_slice(bytes).expect("JSON");
            text["subject"]["digest"].as_str().and_then(|text| text.parse().ok()) == Some(subject)
        });
        assert_eq!(listed, about.map(|(digest, _)| *digest).collect());
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

    async fn anything(&mut self, anything: Anything) {
        let method = METHODS[usize::from(anything.method) % METHODS.len()];
        let words = |word: &Word| word.text(&self.blobs);
        let path: Vec<String> = anything.path.iter().map(words).collect();
        let query = anything.query.iter().map(|(n, v)| format!("{}={}", words(n), words(v)));
        let path = format!("/{}?{}", path.join("/"), query.collect::<Vec<_>>().join("&"));
        let Ok(uri) = path.parse::<Uri>() else { return };
        // The model knows nothing of what is done to its own repositories.
        if NAMES.iter().any(|name| uri.path().contains(name)) {
            return;
        }
        let mut request = Request::new(body(&[anything.body.clone()], false));
        *request.method_mut() = method.parse().expect("a method");
        *request.uri_mut() = uri;
        for (name, value) in &anything.headers {
            let name = HEADERS[usize::from(*name) % HEADERS.len()];
            if let Ok(value) = HeaderValue::from_str(&words(value)) {
                request.headers_mut().append(HeaderName::from_static(name), value);
            }
        }
        self.client.send(request).await;
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

impl Session {
    fn check_gone(&self) {
        assert!(self.is_over || self.may_be_over, "a session is gone");
    }

    fn check_range(&mut self, answer: &Answer) {
        assert!(!self.is_over);
        let last = self.bytes.len().saturating_sub(1);
        assert_eq!(answer.header("range"), Some(&*format!("0-{last}")));
    }
}

impl Content {
    fn refers_to(&self, blob: &Digest) -> bool {
        let blob = blob.to_string();
        let layers = self.manifests.values().filter(|(_, media_type)| *media_type == IMAGE);
        layers.into_iter().any(|(bytes, _)| {
            let image: Value = serde_json::from_slice(bytes).expect("JSON");
            [&image["config"], &image["layers"][0]].iter().any(|layer| layer["digest"] == *blob)
        })
    }

    /// Whether a tag is as the headers of [`condition`] want it.
    fn holds(&self, tag: &str, condition: Option<u8>) -> bool {
        let on = self.tags.get(tag);
        match condition.map(|condition| condition % CONDITIONS) {
            None => true,
            Some(0) => on.is_none(),
            Some(1) => on.is_some(),
            Some(_) => on == Some(&Digest::of(Algorithm::Sha256, b"")),
        }
    }
}

impl Sent {
    fn pieces(&self) -> Vec<Vec<u8>> {
        let piece = |len: &u8| vec![*len; usize::from(*len)];
        self.pieces.iter().map(piece).take(PIECES_MAX).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        self.pieces().concat()
    }

    /// Puts on what it says of itself, and tells whether that is right.
    fn put_on(
        &self,
        mut head: request::Builder,
        offset: usize,
    ) -> (request::Builder, Vec<Vec<u8>>, bool) {
        let pieces = self.pieces();
        let len = pieces.concat().len();
        let mut is_right = true;
        if let Some(shift) = self.shift
            && let Some(first) = offset.checked_add_signed(shift.into())
            && len > 0
        {
            head = head.header("content-range", format!("{first}-{}", first + len - 1));
            is_right = shift == 0;
            if let Some(off) = self.length
                && let Some(length) = len.checked_add_signed(off.into())
            {
                head = head.header("content-length", length);
                is_right &= off == 0;
            }
        }
        (head, pieces, is_right)
    }
}

impl Claim {
    fn digest(self, bytes: &[u8]) -> Digest {
        let other = [bytes, b"x"].concat();
        Digest::of(algorithm(self.long), if self.honest { bytes } else { &other })
    }
}

impl Word {
    fn text(&self, blobs: &[Digest]) -> String {
        match self {
            Word::Usual(at) => USUAL[usize::from(*at) % USUAL.len()].into(),
            Word::Digest(at) => pick(blobs, *at).map(ToString::to_string).unwrap_or_default(),
            Word::Number(number) => number.to_string(),
            Word::Any(text) => text.clone(),
        }
    }
}

fn condition(head: request::Builder, condition: Option<u8>) -> request::Builder {
    match condition.map(|condition| condition % CONDITIONS) {
        None => head,
        Some(0) => head.header("if-none-match", "*"),
        Some(1) => head.header("if-match", "*"),
        Some(_) => head.header("if-match", format!("\"{}\"", Digest::of(Algorithm::Sha256, b""))),
    }
}

fn pick(from: &[Digest], at: u8) -> Option<&Digest> {
    (!from.is_empty()).then(|| &from[usize::from(at) % from.len()])
}

fn algorithm(long: bool) -> Algorithm {
    if long { Algorithm::Sha512 } else { Algorithm::Sha256 }
}

fn tag(at: u8) -> String {
    format!("v{}", at % TAGS)
}

fn descriptor(digest: Digest, size: usize) -> Value {
    json!({"mediaType": "a/b", "digest": digest.to_string(), "size": size})
}

const NAMES: [&str; 2] = ["modelled/one", "modelled/one/two"];
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const SESSIONS_MAX: usize = 8;
const STEPS_MAX: usize = 60;
const PIECES_MAX: usize = 6;
const TAGS: u8 = 5;
const CONDITIONS: u8 = 3;
const METHODS: [&str; 9] =
    ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "CONNECT", "WHATEVER"];
const HEADERS: [&str; 10] = [
    "content-type",
    "content-length",
    "content-range",
    "range",
    "if-match",
    "if-none-match",
    "accept",
    "authorization",
    "expect",
    "host",
];
const USUAL: [&str; 24] = [
    "v2",
    "_catalog",
    "blobs",
    "uploads",
    "manifests",
    "tags",
    "list",
    "referrers",
    "any",
    "thing",
    "..",
    "%2e%2e",
    "",
    "n",
    "last",
    "digest",
    "mount",
    "from",
    "tag",
    "artifactType",
    "digest-algorithm",
    "sha256",
    IMAGE,
    INDEX,
];
