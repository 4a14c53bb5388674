//! A client of the server's router, in this process, that looks at every answer as the spec does.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use orlop::Registry;
use serde_json::Value;
use tower_service::Service;

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    router: Router,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// All of its body.
    pub body: Bytes,
}

impl Client {
    /// Of the server of a registry.
    pub fn new(registry: Registry) -> Self {
        Self { router: orlop_registry::router(registry.into()) }
    }

    /// Sends a request, and checks what any answer of a sound store must be.
    pub async fn send(&mut self, request: Request<Body>) -> Answer {
        let method = request.method().clone();
        let shown = format!("{method} {}", request.uri());
        let answer: Result<Response<Body>, Infallible> = self.router.call(request).await;
        let Ok(answer) = answer;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a whole answer").to_bytes();
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body };
        answer.check(&method, &shown);
        answer
    }
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The error's code.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).expect("an error in JSON");
        body["errors"][0]["code"].as_str().expect("a code").to_owned()
    }

    fn check(&self, method: &Method, shown: &str) {
        assert!(self.status < 500, "{shown}: {self:?}");
        assert_eq!(self.header("docker-distribution-api-version"), Some("registry/2.0"));
        if *method == Method::HEAD {
            assert!(self.body.is_empty(), "{shown}: {self:?}");
        } else if self.status >= 400 {
            assert_eq!(self.header("content-type"), Some("application/json"), "{shown}");
            let code = self.code();
            assert!(CODES.contains(&&*code), "{shown}: {code}");
        }
        let location = self.header("location");
        assert!(location.is_none_or(|location| location.starts_with("/v2/")), "{shown}: {self:?}");
        let needs_location = [StatusCode::CREATED, StatusCode::ACCEPTED];
        let is_push = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        if is_push && needs_location.iter().any(|status| status.as_u16() == self.status) {
            assert!(location.is_some(), "{shown}: {self:?}");
        }
    }
}

/// A body that comes in pieces, and breaks off behind the last one if it is to.
pub fn body(pieces: &[Vec<u8>], is_broken: bool) -> Body {
    let pieces = pieces.iter().map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))));
    let end = is_broken.then(|| Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)));
    let frames: Vec<_> = pieces.chain(end).collect();
    Body::new(StreamBody::new(stream::iter(frames)))
}

/// The codes of the spec that this server uses. `UNKNOWN`, its own, is for failures of the store.
const CODES: [&str; 12] = [
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DENIED",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNSUPPORTED",
];
