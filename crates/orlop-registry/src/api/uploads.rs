//! Pushing blobs (end-4, end-5, end-6, end-11, end-13, end-14).

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use orlop::{
    Access, Algorithm, Descriptor, Digest, ErrorKind, MountFrom, Repository, RepositoryName,
    Upload, UploadId,
};

use super::{Answer, Call, location};
use crate::body::Incoming;
use crate::error::ApiError;
use crate::headers;
use crate::range::parse_chunk;

impl Call {
    /// Starts an upload; or mounts a blob; or takes a whole blob at once.
    pub(super) async fn start_upload(
        &self,
        repository: &Repository,
        body: &mut Incoming,
    ) -> Answer {
        if let Some(digest) = self.query.get("mount") {
            let digest = digest.parse()?;
            if let Some(mounted) = self.mount(repository, &digest).await? {
                return Ok(created(repository, &mounted));
            }
        } else if let Some(digest) = self.query.get("digest") {
            let digest = digest.parse()?;
            let mut upload = repository.begin_upload_of(&digest).await?;
            write_to(&mut upload, None, body).await?;
            return Ok(created(repository, &upload.commit(&digest).await?));
        }
        let algorithm = match self.query.get("digest-algorithm") {
            Some(algorithm) => algorithm.parse()?,
            None => Algorithm::default(),
        };
        let mut head = status_headers(repository, repository.new_upload_id(algorithm)?, 0);
        head.insert(headers::CHUNK_MIN_LENGTH, HeaderValue::from(CHUNK_MIN_LENGTH));
        Ok((StatusCode::ACCEPTED, head).into_response())
    }

    /// Adds a chunk, or a stream of unknown length.
    pub(super) async fn append_upload(
        &self,
        repository: &Repository,
        id: &str,
        body: &mut Incoming,
    ) -> Answer {
        let (mut upload, length) = self.resume(repository, id, None, body).await?;
        let asked = upload.id();
        // If it breaks off, nothing of it counts: the client may have gone on elsewhere by now.
        let written = write_to(&mut upload, length, body).await;
        self.or_status(repository, asked, written).await?;
        let id = upload.id();
        let offset = self.or_status(repository, id, upload.pause().await).await?;
        Ok((StatusCode::ACCEPTED, status_headers(repository, id, offset)).into_response())
    }

    /// Ends an upload, with or without a last chunk.
    pub(super) async fn finish_upload(
        &self,
        repository: &Repository,
        id: &str,
        body: &mut Incoming,
    ) -> Answer {
        let Some(digest) = self.query.get("digest") else {
            let message = format!("upload {id} ends without a digest, expected \"?digest=\"");
            return Err(ApiError::bad_request("DIGEST_INVALID", message));
        };
        let digest: Digest = digest.parse()?;
        let (mut upload, length) = match self.resume(repository, id, Some(&digest), body).await {
            Err(error) if error.is(StatusCode::NOT_FOUND) => {
                return ended_before(repository, id, &digest).await?.ok_or(error);
            }
            resumed => resumed?,
        };
        let id = upload.id();
        let written = write_to(&mut upload, length, body).await;
        self.or_status(repository, id, written).await?;
        let is_empty = upload.offset() == 0;
        let committed = upload.commit(&digest).await;
        if let Err(error) = &committed
            && is_empty
            && error.kind() == ErrorKind::DigestInvalid
        {
            // It had bytes, says who ends it: it was ended before, or given up, and is forgotten.
            let blob = repository.hold_blob(&digest).await?;
            let blob = blob.map(|blob| created(repository, blob.descriptor()));
            return blob.ok_or_else(|| ApiError::upload_unknown(id, repository.name().as_str()));
        }
        Ok(created(repository, &self.or_status(repository, id, committed).await?))
    }

    async fn mount(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<Descriptor>, ApiError> {
        let from = self.query.get("from").map(str::parse::<RepositoryName>);
        let Ok(from) = from.transpose() else {
            return Ok(None); // no such source: the client uploads
        };
        let from = match &from {
            Some(from) => MountFrom::Repository(from),
            None => MountFrom::Anywhere(&Everybody),
        };
        Ok(repository.mount(digest, from).await?)
    }

    /// Takes an upload up where the chunk begins, with which it ends if there is a digest, and says how
    /// long the chunk must be.
    async fn resume(
        &self,
        repository: &Repository,
        id: &str,
        digest: Option<&Digest>,
        body: &mut Incoming,
    ) -> Result<(Upload, Option<u64>), ApiError> {
        let unknown = || ApiError::upload_unknown(id, repository.name().as_str());
        let id: UploadId = id.parse().map_err(|_| unknown())?;
        let range = headers::text(&self.headers, header::CONTENT_RANGE)
            .map(parse_chunk)
            .transpose()
            .map_err(|invalid| ApiError::bad_request("BLOB_UPLOAD_INVALID", invalid.to_string()))?;
        let length = range.as_ref().map(|range| range.end - range.start);
        if let (Some(length), Some(declared)) = (length, self.content_length())
            && length != declared
        {
            let message = format!("expected a chunk of {length} bytes, found {declared}");
            return Err(ApiError::bad_request("SIZE_INVALID", message));
        }
        let at = range.map(|range| range.start);
        // The first bytes, sent to where a POST led: what follows is sent to where their answer leads.
        if at.unwrap_or(0) == 0
            && !body.is_over()
            && let Some(upload) = repository.begin_upload_as(&id, digest)?
        {
            return Ok((upload, length));
        }
        let resumed = repository.resume_upload(&id, at).await;
        let upload = self.or_status(repository, id, resumed).await?.ok_or_else(unknown)?;
        Ok((upload, length))
    }

    /// Adds to a 416 how far the upload is, so that the client can go on at once.
    async fn or_status<T>(
        &self,
        repository: &Repository,
        id: UploadId,
        result: Result<T, impl Into<ApiError>>,
    ) -> Result<T, ApiError> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error.into(),
        };
        if error.is(StatusCode::RANGE_NOT_SATISFIABLE)
            && let Some(upload) = repository.resume_upload(&id, None).await?
        {
            return Err(error.with_headers(status_headers(
                repository,
                upload.id(),
                upload.offset(),
            )));
        }
        Err(error)
    }

    fn content_length(&self) -> Option<u64> {
        headers::text(&self.headers, header::CONTENT_LENGTH)?.parse().ok()
    }
}

pub(super) async fn upload_status(repository: &Repository, id: &str) -> Answer {
    let upload = find(repository, id).await?;
    let head = status_headers(repository, upload.id(), upload.offset());
    Ok((StatusCode::NO_CONTENT, head).into_response())
}

pub(super) async fn cancel_upload(repository: &Repository, id: &str) -> Answer {
    find(repository, id).await?.cancel().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The answer that got lost, if this upload has become that blob already.
async fn ended_before(
    repository: &Repository,
    id: &str,
    digest: &Digest,
) -> Result<Option<Response>, ApiError> {
    let Ok(id) = id.parse() else {
        return Ok(None);
    };
    let blob = repository.finished_upload(&id).await?;
    Ok(blob.filter(|blob| blob.digest == *digest).map(|blob| created(repository, &blob)))
}

async fn find(repository: &Repository, id: &str) -> Result<Upload, ApiError> {
    let upload = match id.parse() {
        Ok(id) => repository.resume_upload(&id, None).await?,
        Err(_) => None,
    };
    upload.ok_or_else(|| ApiError::upload_unknown(id, repository.name().as_str()))
}

/// Writes the body, which must have `length` bytes if that is known.
async fn write_to(
    upload: &mut Upload,
    length: Option<u64>,
    body: &mut Incoming,
) -> Result<(), ApiError> {
    let start = upload.offset();
    while let Some(bytes) = body.next().await? {
        let found = upload.offset() - start + bytes.len() as u64;
        if let Some(length) = length.filter(|length| found > *length) {
            return Err(size_mismatch(upload, length, found));
        }
        upload.write(bytes).await?;
    }
    let found = upload.offset() - start;
    match length {
        Some(length) if found != length => Err(size_mismatch(upload, length, found)),
        _ => Ok(()),
    }
}

fn size_mismatch(upload: &Upload, expected: u64, found: u64) -> ApiError {
    let id = upload.id();
    let message = format!("chunk of upload {id}: expected {expected} bytes, found {found}");
    ApiError::bad_request("SIZE_INVALID", message)
}

fn created(repository: &Repository, blob: &Descriptor) -> Response {
    let digest = blob.digest;
    let mut head = HeaderMap::new();
    head.insert(header::LOCATION, location(repository, format_args!("blobs/{digest}")));
    head.insert(headers::CONTENT_DIGEST, headers::value(digest));
    (StatusCode::CREATED, head).into_response()
}

fn status_headers(repository: &Repository, id: UploadId, offset: u64) -> HeaderMap {
    let mut head = HeaderMap::new();
    head.insert(header::LOCATION, location(repository, format_args!("blobs/uploads/{id}")));
    // Both ends are inclusive, so nothing at all looks like one byte; the spec has no other way.
    let last = offset.saturating_sub(1);
    head.insert(header::RANGE, headers::value(format_args!("0-{last}")));
    head.insert(headers::UPLOAD_UUID, headers::value(id));
    head
}

/// This server asks nobody who they are, so everybody may read everything.
#[derive(Debug)]
struct Everybody;

#[async_trait::async_trait]
impl Access for Everybody {
    async fn may_read(&self, _repository: &RepositoryName) -> bool {
        true
    }
}

/// Smaller chunks work, but each is made durable, which costs more than to send it.
const CHUNK_MIN_LENGTH: u64 = 1 << 20;
