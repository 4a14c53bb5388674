//! Which manifests are about another one (end-12).

use http::{HeaderValue, header};
use orlop::{Digest, MediaType, Repository};
use serde_json::json;

use super::{Answer, Call, json};
use crate::headers;
use crate::query::encode;

impl Call {
    pub(super) async fn referrers(&self, repository: &Repository, subject: Digest) -> Answer {
        let filter = self.query.get("artifactType");
        // A type that cannot be one is nobody's type.
        let artifact_type = filter.map(str::parse::<MediaType>);
        let mut next: Option<Digest> = self.query.get("last").map(str::parse).transpose()?;
        let (mut manifests, mut bytes) = (Vec::new(), 0);
        loop {
            let artifact_type = match &artifact_type {
                Some(Err(_)) => break,
                Some(Ok(artifact_type)) => Some(artifact_type),
                None => None,
            };
            let page =
                repository.referrers(&subject, artifact_type, next.as_ref(), PAGE_ENTRIES).await?;
            next = page.next.map(|next| next.parse()).transpose()?;
            for descriptor in page.items {
                let entry = serde_json::to_value(&descriptor).unwrap_or_default();
                bytes += entry.to_string().len();
                manifests.push(entry);
            }
            if next.is_none() || bytes > ANSWER_BYTES_MAX {
                break;
            }
        }
        let index = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "manifests": manifests,
        });
        let mut response = json(index.to_string());
        let head = response.headers_mut();
        head.insert(header::CONTENT_TYPE, HeaderValue::from_static(MediaType::OCI_INDEX));
        if let Some(filter) = filter {
            head.insert(headers::FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
            if let Some(next) = next {
                let filter = encode(filter);
                let query = format!("?artifactType={filter}&last={next}");
                head.insert(header::LINK, link(repository, &subject, &query));
            }
        } else if let Some(next) = next {
            head.insert(header::LINK, link(repository, &subject, &format!("?last={next}")));
        }
        Ok(response)
    }
}

fn link(repository: &Repository, subject: &Digest, query: &str) -> HeaderValue {
    let path = format!("/v2/{}/referrers/{subject}{query}", repository.name());
    headers::value(format!("<{path}>; rel=\"next\""))
}

/// An answer is a manifest too, and clients take manifests of up to 4 MiB.
const ANSWER_BYTES_MAX: usize = 2 << 20;

const PAGE_ENTRIES: usize = 100;
