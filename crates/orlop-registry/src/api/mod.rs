//! The endpoints of the distribution-spec, one short function each.

mod blobs;
mod lists;
mod manifests;
mod referrers;
mod uploads;

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use orlop::Repository;

use self::blobs::delete_blob;
use self::uploads::{cancel_upload, upload_status};
use crate::body::Incoming;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::headers;
use crate::query::Query;
use crate::sendfile::TakesFiles;
use crate::server::Server;

/// A request but for its body, taken apart for its endpoint.
#[derive(Debug)]
struct Call {
    server: Server,
    method: Method,
    query: Query,
    headers: HeaderMap,
    takes_files: Option<TakesFiles>,
}

type Answer = Result<Response, ApiError>;

/// The HTTP layer of a registry: to be served as it is, or put into a larger application.
pub fn router(server: Server) -> Router {
    Router::new().fallback(answer).with_state(server)
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let mut body = Incoming::new(body, server.limits);
    let call = Call {
        server,
        method: parts.method.clone(),
        query: Query::parse(parts.uri.query()),
        headers: parts.headers,
        takes_files: parts.extensions.get().copied(),
    };
    let answer = call.dispatch(parts.uri.path(), &mut body).await;
    body.drain().await;
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    if parts.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response.headers_mut().insert(headers::API_VERSION, HeaderValue::from_static("registry/2.0"));
    tracing::info!(
        method = %parts.method,
        uri = %parts.uri,
        status = response.status().as_u16(),
        ms = started.elapsed().as_millis(),
        "answered"
    );
    response
}

impl Call {
    async fn dispatch(&self, path: &str, body: &mut Incoming) -> Answer {
        let Some(endpoint) = Endpoint::parse(path) else {
            let message = format!("{path} is no endpoint of the distribution-spec");
            return Err(ApiError::new(StatusCode::NOT_FOUND, "UNSUPPORTED", message));
        };
        let of = |name| self.server.registry.repository(name);
        // HEAD is GET without the body, which is taken off at the end.
        match (endpoint?, self.method.as_str()) {
            (Endpoint::Base, "GET" | "HEAD") => Ok(json("{}")),
            (Endpoint::Catalog, "GET" | "HEAD") => self.catalog().await,
            (Endpoint::Tags(name), "GET" | "HEAD") => self.tags(&of(name)).await,
            (Endpoint::Referrers(name, digest), "GET" | "HEAD") => {
                self.referrers(&of(name), digest.parse()?).await
            }
            (Endpoint::Blob(name, digest), "GET" | "HEAD") => {
                self.get_blob(&of(name), digest.parse()?).await
            }
            (Endpoint::Blob(name, digest), "DELETE") => {
                delete_blob(&of(name), digest.parse()?).await
            }
            (Endpoint::Manifest(name, reference), "GET" | "HEAD") => {
                self.get_manifest(&of(name), &reference).await
            }
            (Endpoint::Manifest(name, reference), "PUT") => {
                self.put_manifest(&of(name), &reference.parse()?, body).await
            }
            (Endpoint::Manifest(name, reference), "DELETE") => {
                self.delete_manifest(&of(name), &reference).await
            }
            (Endpoint::Uploads(name), "POST") => self.start_upload(&of(name), body).await,
            (Endpoint::Upload(name, id), "PATCH") => self.append_upload(&of(name), &id, body).await,
            (Endpoint::Upload(name, id), "PUT") => self.finish_upload(&of(name), &id, body).await,
            (Endpoint::Upload(name, id), "GET" | "HEAD") => upload_status(&of(name), &id).await,
            (Endpoint::Upload(name, id), "DELETE") => cancel_upload(&of(name), &id).await,
            (endpoint, method) => Err(method_not_allowed(&endpoint, method)),
        }
    }
}

fn method_not_allowed(endpoint: &Endpoint, method: &str) -> ApiError {
    let allowed = match endpoint {
        Endpoint::Base | Endpoint::Catalog | Endpoint::Tags(_) | Endpoint::Referrers(..) => {
            "GET, HEAD"
        }
        Endpoint::Blob(..) => "GET, HEAD, DELETE",
        Endpoint::Manifest(..) => "GET, HEAD, PUT, DELETE",
        Endpoint::Uploads(_) => "POST",
        Endpoint::Upload(..) => "GET, HEAD, PATCH, PUT, DELETE",
    };
    let message = format!("{method} is not allowed here, expected one of {allowed}");
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
        .with_header(header::ALLOW, HeaderValue::from_static(allowed))
}

fn json(body: impl Into<Body>) -> Response {
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (content_type, body.into()).into_response()
}

/// What is called by this path, relative to whatever host and scheme the client sees.
fn location(repository: &Repository, rest: impl std::fmt::Display) -> HeaderValue {
    headers::value(format!("/v2/{}/{rest}", repository.name()))
}
