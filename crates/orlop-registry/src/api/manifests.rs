//! Pulling, pushing and deleting manifests (end-3, end-7, end-9).

use axum::body::Body;
use axum::response::IntoResponse;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use orlop::{
    Algorithm, Condition, Digest, Manifest, MediaType, PutManifest, Reference, Repository, Tag,
};

use super::{Answer, Call, location};
use crate::body::Incoming;
use crate::error::ApiError;
use crate::headers;

impl Call {
    pub(super) async fn get_manifest(&self, repository: &Repository, reference: &str) -> Answer {
        let known = known(repository, reference)?;
        let found = match self.method {
            Method::HEAD => repository.hold_manifest(&known).await?,
            _ => repository.manifest(&known).await?,
        };
        let Some(manifest) = found else {
            return Err(ApiError::manifest_unknown(reference, repository.name().as_str()));
        };
        let descriptor = &manifest.descriptor;
        let etag = format!("\"{}\"", descriptor.digest);
        let mut head = HeaderMap::new();
        head.insert(headers::CONTENT_DIGEST, headers::value(descriptor.digest));
        head.insert(header::ETAG, headers::value(&etag));
        if headers::text(&self.headers, header::IF_NONE_MATCH)
            .is_some_and(|list| names(list, &etag))
        {
            return Ok((StatusCode::NOT_MODIFIED, head).into_response());
        }
        head.insert(header::CONTENT_TYPE, headers::value(&descriptor.media_type));
        head.insert(header::CONTENT_LENGTH, HeaderValue::from(descriptor.size));
        Ok((head, Body::from(manifest.bytes)).into_response())
    }

    pub(super) async fn put_manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
        body: &mut Incoming,
    ) -> Answer {
        let put = PutManifest {
            tags: self.tags_to_set(reference)?,
            condition: self.condition()?,
            references: None,
        };
        let manifest = self.read_manifest(reference, body).await?;
        let descriptor = repository.put_manifest(&manifest, &put).await?;
        let mut head = HeaderMap::new();
        let digest = descriptor.digest;
        head.insert(header::LOCATION, location(repository, format_args!("manifests/{digest}")));
        head.insert(headers::CONTENT_DIGEST, headers::value(digest));
        if let Some(subject) = manifest.subject() {
            head.insert(headers::SUBJECT, headers::value(subject.digest));
        }
        if self.query.get("tag").is_some() {
            let tags: Vec<&str> = put.tags.iter().map(Tag::as_str).collect();
            head.insert(headers::TAG, headers::value(tags.join(", ")));
        }
        Ok((StatusCode::CREATED, head).into_response())
    }

    /// The body as a manifest. What its reference says of its digest must be true.
    async fn read_manifest(
        &self,
        reference: &Reference,
        body: &mut Incoming,
    ) -> Result<Manifest, ApiError> {
        let max = self.server.registry.options().manifest_bytes_max;
        let Some(bytes) = body.whole(max).await? else {
            let length = headers::text(&self.headers, header::CONTENT_LENGTH).unwrap_or("more");
            let message =
                format!("manifest {reference} has {length} bytes, at most {max} are allowed");
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", message));
        };
        let algorithm = match reference {
            Reference::Digest(digest) => digest.algorithm(),
            Reference::Tag(_) => Algorithm::default(),
        };
        let declared = headers::text(&self.headers, header::CONTENT_TYPE)
            .and_then(|content_type| content_type.split(';').next())
            .map(|media_type| media_type.trim().parse::<MediaType>())
            .transpose()?;
        let manifest = Manifest::parse(bytes, declared.as_ref(), algorithm)?;
        if let Reference::Digest(claimed) = reference
            && claimed != manifest.digest()
        {
            let message = format!("expected {claimed}, hashed {}", manifest.digest());
            return Err(ApiError::bad_request("DIGEST_INVALID", message));
        }
        Ok(manifest)
    }

    /// The tag in the path, and those in the query (end-7b).
    fn tags_to_set(&self, reference: &Reference) -> Result<Vec<Tag>, ApiError> {
        let mut tags = Vec::new();
        if let Reference::Tag(tag) = reference {
            tags.push(tag.clone());
        }
        for tag in self.query.all("tag") {
            let tag: Tag = tag.parse()?;
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        if tags.len() > TAGS_MAX {
            let message = format!("{} tags at once, at most {TAGS_MAX} are allowed", tags.len());
            return Err(ApiError::new(StatusCode::URI_TOO_LONG, "UNSUPPORTED", message));
        }
        Ok(tags)
    }

    /// Compare-and-swap for tags: `If-None-Match: *` for a new one, `If-Match: "<digest>"` for one
    /// that must still be where it was, `If-Match: *` for one that must be there.
    fn condition(&self) -> Result<Condition, ApiError> {
        if headers::text(&self.headers, header::IF_NONE_MATCH) == Some("*") {
            return Ok(Condition::Absent);
        }
        match headers::text(&self.headers, header::IF_MATCH) {
            None => Ok(Condition::Any),
            Some("*") => Ok(Condition::Present),
            Some(etag) => {
                let digest: Digest = etag.trim_matches('"').parse()?;
                Ok(Condition::Is(digest))
            }
        }
    }

    pub(super) async fn delete_manifest(&self, repository: &Repository, reference: &str) -> Answer {
        let was_there = match known(repository, reference)? {
            Reference::Tag(tag) => repository.delete_tag(&tag, self.condition()?).await?,
            Reference::Digest(digest) => repository.delete_manifest(&digest).await?,
        };
        if !was_there {
            return Err(ApiError::manifest_unknown(reference, repository.name().as_str()));
        }
        Ok(StatusCode::ACCEPTED.into_response())
    }
}

/// The reference of a manifest that may be there. What can be no tag is not there.
fn known(repository: &Repository, reference: &str) -> Result<Reference, ApiError> {
    match reference.parse() {
        Err(_) if !reference.contains(':') => {
            let shown: String = reference.chars().take(SHOWN_CHARS_MAX).collect();
            Err(ApiError::manifest_unknown(shown, repository.name().as_str()))
        }
        parsed => Ok(parsed?),
    }
}

/// Whether the list of an `If-None-Match` names this tag, weakly or not (RFC 9110, 13.1.2).
fn names(list: &str, etag: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

const SHOWN_CHARS_MAX: usize = 128;

/// The spec asks for ten at least.
const TAGS_MAX: usize = 100;
