//! Requests of S3 that `object_store` has no call for, sent as presigned URLs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use http::header::IF_MATCH;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use object_store::client::{HttpClient, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use orlop_backend::{Error, ErrorKind, Result};
use serde::Deserialize;

/// Signs and sends.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    signer: Arc<dyn Signer>,
    client: HttpClient,
}

/// A multipart upload that was neither completed nor aborted.
#[derive(Debug)]
pub(crate) struct OpenUpload {
    pub(crate) path: Path,
    pub(crate) upload: String,
    pub(crate) begun: SystemTime,
}

impl Signed {
    pub(crate) fn new(signer: Arc<dyn Signer>, client: HttpClient) -> Self {
        Self { signer, client }
    }

    /// Deletes an object if it still has this entity tag; `false` if it has not.
    pub(crate) async fn delete_if(&self, path: &Path, e_tag: &str) -> Result<bool> {
        let tag = HeaderValue::from_str(e_tag).map_err(|error| failed("delete", path, error))?;
        let options = SignedUrlOptions::default().with_signed_header(IF_MATCH, tag);
        let (status, body) = self.send(Method::DELETE, path, &options).await?;
        match status {
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT | StatusCode::NOT_FOUND => {
                Ok(false)
            }
            status if status.is_success() => Ok(true),
            _ => Err(failed("delete", path, answer(status, &body))),
        }
    }

    /// One page of the open multipart uploads below `prefix`, and where the next one begins.
    pub(crate) async fn open_uploads(
        &self,
        prefix: &str,
        from: Option<&Marker>,
    ) -> Result<(Vec<OpenUpload>, Option<Marker>)> {
        let mut query = vec![("prefix", prefix), ("uploads", "")];
        if let Some((key, upload)) = from {
            query.extend([("key-marker", key.as_str()), ("upload-id-marker", upload)]);
        }
        let options = SignedUrlOptions::default().with_query(query);
        let root = Path::default();
        let (status, body) = self.send(Method::GET, &root, &options).await?;
        if !status.is_success() {
            return Err(failed("list the uploads of", &root, answer(status, &body)));
        }
        let listed: Listed = quick_xml::de::from_str(&body)
            .map_err(|error| failed("list the uploads of", &root, error))?;
        let next = listed.is_truncated.then_some((listed.next_key, listed.next_upload));
        let uploads = listed.uploads.into_iter();
        let uploads = uploads.filter_map(|listed| {
            let path = Path::parse(&listed.key).ok()?; // a foreign one, if it is no path
            let begun = listed.initiated.parse::<DateTime<Utc>>().ok()?.into();
            Some(OpenUpload { path, upload: listed.upload, begun })
        });
        Ok((uploads.collect(), next))
    }

    async fn send(
        &self,
        method: Method,
        path: &Path,
        options: &SignedUrlOptions,
    ) -> Result<(StatusCode, String)> {
        let act = format!("send a {method} for");
        let url = self.signer.signed_url_opts(method.clone(), path, SIGNED_FOR, options).await;
        let url = url.map_err(|error| failed(&act, path, error))?;
        let mut request = http::Request::builder().method(method).uri(url.as_str());
        if let Some(headers) = request.headers_mut() {
            headers.extend(options.signed_headers.clone());
        }
        let request =
            request.body(HttpRequestBody::empty()).map_err(|error| failed(&act, path, error))?;
        let response =
            self.client.execute(request).await.map_err(|error| failed(&act, path, error))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| failed(&act, path, error))?;
        Ok((head.status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    }
}

/// The key and the upload behind which a page begins.
pub(crate) type Marker = (String, String);

/// The answer to `ListMultipartUploads`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default, rename = "NextKeyMarker")]
    next_key: String,
    #[serde(default, rename = "NextUploadIdMarker")]
    next_upload: String,
    #[serde(default, rename = "Upload")]
    uploads: Vec<ListedUpload>,
}

#[derive(Debug, Deserialize)]
struct ListedUpload {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "UploadId")]
    upload: String,
    #[serde(rename = "Initiated")]
    initiated: String,
}

fn answer(status: StatusCode, body: &str) -> String {
    let body: String = body.chars().take(500).collect();
    format!("the store answered {status}: {body}")
}

fn failed(
    act: &str,
    path: &Path,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot {act} object {path}")).with_source(error)
}

const SIGNED_FOR: Duration = Duration::from_mins(5);
