//! Errors as the spec wants them: a status, a code, and a message for people.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use orlop::{Error, ErrorKind, Invalid};
use serde_json::json;

/// An answer that says what is wrong (distribution-spec, "Error Codes").
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    headers: Box<HeaderMap>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Box::default() }
    }

    pub(crate) fn blob_unknown(digest: impl std::fmt::Display, repository: &str) -> Self {
        let message = format!("{repository} has no blob {digest}");
        Self::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", message)
    }

    pub(crate) fn manifest_unknown(reference: impl std::fmt::Display, repository: &str) -> Self {
        let message = format!("{repository} has no manifest {reference}");
        Self::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", message)
    }

    pub(crate) fn upload_unknown(id: impl std::fmt::Display, repository: &str) -> Self {
        let message = format!("{repository} has no upload {id}");
        Self::new(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", message)
    }

    /// A parameter or header that cannot be understood.
    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    #[must_use]
    pub(crate) fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    #[must_use]
    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    pub(crate) fn is(&self, status: StatusCode) -> bool {
        self.status == status
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::DigestInvalid | ErrorKind::ManifestInvalid | ErrorKind::NameInvalid => {
                StatusCode::BAD_REQUEST
            }
            ErrorKind::ManifestBlobUnknown
            | ErrorKind::ManifestUnknown
            | ErrorKind::UploadUnknown => StatusCode::NOT_FOUND,
            ErrorKind::ManifestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Precondition => StatusCode::PRECONDITION_FAILED,
            // What a client does next is the same for both: ask how far it is, and go on there.
            ErrorKind::RangeInvalid | ErrorKind::UploadConflict => {
                StatusCode::RANGE_NOT_SATISFIABLE
            }
            ErrorKind::Denied | ErrorKind::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
            ErrorKind::Full => StatusCode::INSUFFICIENT_STORAGE,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!(%error, "a request failed");
        }
        Self::new(status, error.kind().code(), error.to_string())
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Error::from(invalid).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({"errors": [{"code": self.code, "message": self.message}]});
        let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (self.status, json, *self.headers, body.to_string()).into_response()
    }
}
