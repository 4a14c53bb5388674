//! Requests of any kind, to repositories that the model does not know.

use arbitrary::Arbitrary;
use http::{HeaderName, HeaderValue, Request, Uri};
use orlop::Digest;
use orlop_fuzz::client::body;

use crate::step::pick;
use crate::{IMAGE, INDEX, NAMES, World};

#[derive(Arbitrary, Debug)]
pub(super) struct Anything {
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

impl World {
    pub(super) async fn anything(&mut self, anything: Anything) {
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
