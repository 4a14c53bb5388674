//! A small HTTP/1.1 client, which sends what it is told to, right or wrong.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{HeaderName, HeaderValue, Method, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::answer::Answer;

type Outgoing = BoxBody<Bytes, Infallible>;

/// A client of one server, with connections that it keeps open.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    http: HttpClient<HttpConnector, Outgoing>,
}

/// A request that is not sent yet.
#[derive(Debug)]
#[must_use = "a request does nothing before it is sent"]
pub(crate) struct Request {
    http: HttpClient<HttpConnector, Outgoing>,
    head: http::Request<()>,
    body: Outgoing,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let http = HttpClient::builder(TokioExecutor::new()).build_http();
        Self { address, http }
    }

    /// A request for a path as it stands, with query.
    pub(crate) fn request(&self, method: Method, path: &str) -> Request {
        self.request_url(method, &format!("http://{}{path}", self.address))
    }

    /// A request to whatever server, by its whole URL.
    pub(crate) fn request_url(&self, method: Method, url: &str) -> Request {
        let mut head = http::Request::new(());
        *head.method_mut() = method;
        *head.uri_mut() = Uri::try_from(url).expect("a path that a URI can hold");
        Request { http: self.http.clone(), head, body: Full::new(Bytes::new()).boxed() }
    }

    pub(crate) fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }

    pub(crate) fn put(&self, path: &str) -> Request {
        self.request(Method::PUT, path)
    }

    pub(crate) fn patch(&self, path: &str) -> Request {
        self.request(Method::PATCH, path)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path).send().await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.request(Method::HEAD, path).send().await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path).send().await
    }
}

impl Request {
    pub(crate) fn header(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        let value = HeaderValue::from_str(value.as_ref()).expect("a value that a header can hold");
        self.head.headers_mut().append(HeaderName::from_static(name), value);
        self
    }

    /// A body whose length is said at the beginning.
    pub(crate) fn bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = Full::new(bytes.into()).boxed();
        self
    }

    /// A body that comes in pieces and whose length nobody is told.
    pub(crate) fn pieces(mut self, pieces: Vec<Bytes>) -> Self {
        let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
        self.body = StreamBody::new(stream::iter(frames)).boxed();
        self
    }

    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The answer, or why there is none.
    pub(crate) async fn try_send(self) -> Result<Answer, String> {
        let (parts, ()) = self.head.into_parts();
        let asked = format!("{} {}", parts.method, parts.uri.path());
        let request = http::Request::from_parts(parts, self.body);
        let answer = async {
            let answer = self.http.request(request).await;
            let (parts, body) =
                answer.map_err(|error| format!("{asked} got no answer: {error:?}"))?.into_parts();
            let body = body.collect().await;
            let body = body.map_err(|error| format!("{asked} got half an answer: {error:?}"))?;
            let (status, headers, body) = (parts.status.as_u16(), parts.headers, body.to_bytes());
            Ok(Answer { asked: asked.clone(), status, headers, body })
        };
        let answer = timeout(ANSWER_TIME_MAX, answer).await;
        answer.unwrap_or_else(|_| Err(format!("{asked} got no answer in {ANSWER_TIME_MAX:?}")))
    }
}

/// Longer than a server tries to reach its store.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(5);
