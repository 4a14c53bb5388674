//! Pulling and deleting blobs (end-2, end-10).

use axum::Extension;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use orlop::{Digest, Repository};

use super::{Answer, Call};
use crate::error::ApiError;
use crate::headers;
use crate::range::Wanted;
use crate::sendfile::FileAnswer;

impl Call {
    pub(super) async fn get_blob(&self, repository: &Repository, digest: Digest) -> Answer {
        let found = match self.method {
            // The client may push a manifest that relies on it, and no blob.
            Method::HEAD => repository.hold_blob(&digest).await?,
            _ => repository.blob(&digest).await?,
        };
        let Some(blob) = found else {
            return Err(ApiError::blob_unknown(digest, repository.name().as_str()));
        };
        let size = blob.descriptor().size;
        let mut head = HeaderMap::new();
        head.insert(headers::CONTENT_DIGEST, headers::value(digest));
        head.insert(header::ETAG, headers::value(format_args!("\"{digest}\"")));
        head.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        head.insert(header::CONTENT_TYPE, headers::value(&blob.descriptor().media_type));
        let (status, range) = match Wanted::parse(headers::text(&self.headers, header::RANGE), size)
        {
            Wanted::All => (StatusCode::OK, 0..size),
            Wanted::Part(range) => {
                let part = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                head.insert(header::CONTENT_RANGE, headers::value(part));
                (StatusCode::PARTIAL_CONTENT, range)
            }
            Wanted::Nothing => {
                let status = StatusCode::RANGE_NOT_SATISFIABLE;
                let message = format!("blob {digest} has {size} bytes, and none in that range");
                return Err(ApiError::new(status, "SIZE_INVALID", message).with_header(
                    header::CONTENT_RANGE,
                    headers::value(format_args!("bytes */{size}")),
                ));
            }
        };
        if self.method == Method::GET
            && let Some(ttl) = self.server.redirect
            && let Some(url) = blob.presign(ttl).await?
        {
            return Ok(redirect(head, &url));
        }
        head.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
        if self.method == Method::HEAD {
            return Ok((status, head).into_response());
        }
        if self.takes_files.is_some()
            && let Some(file) = blob.file(range.clone()).await?
        {
            return Ok((status, head, Extension(FileAnswer::from(file))).into_response());
        }
        let body = Body::from_stream(blob.read(range).await?);
        Ok((status, head, body).into_response())
    }
}

/// Sends the client to where the bytes are; it repeats its range there.
fn redirect(mut head: HeaderMap, url: &str) -> Response {
    for name in [header::CONTENT_RANGE, header::CONTENT_TYPE] {
        head.remove(name);
    }
    head.insert(header::LOCATION, headers::value(url));
    (StatusCode::TEMPORARY_REDIRECT, head).into_response()
}

pub(super) async fn delete_blob(repository: &Repository, digest: Digest) -> Answer {
    if !repository.delete_blob(&digest).await? {
        return Err(ApiError::blob_unknown(digest, repository.name().as_str()));
    }
    Ok(StatusCode::ACCEPTED.into_response())
}
