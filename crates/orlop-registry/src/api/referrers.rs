//! Which manifests are about another one (end-12).

use http::{HeaderValue, header};
use orlop::{Digest, MediaType, Repository};
use serde_json::{Value, json};

use super::{Answer, Call, json};
use crate::error::ApiError;
use crate::headers;
use crate::query::encode;

impl Call {
    pub(super) async fn referrers(&self, repository: &Repository, subject: Digest) -> Answer {
        let filter = self.query.get("artifactType");
        let after = self.query.get("last").map(str::parse).transpose()?;
        let (manifests, next) = match filter.map(str::parse::<MediaType>) {
            None => collect(repository, &subject, None, after).await?,
            Some(Ok(filter)) => collect(repository, &subject, Some(&filter), after).await?,
            Some(Err(_)) => (Vec::new(), None), // what cannot be a type is nobody's
        };
        let index = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "manifests": manifests,
        });
        let mut response = json(index.to_string());
        let head = response.headers_mut();
        head.insert(header::CONTENT_TYPE, HeaderValue::from_static(MediaType::OCI_INDEX));
        let mut query = String::new();
        if let Some(filter) = filter {
            head.insert(headers::FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
            query = format!("artifactType={}&", encode(filter));
        }
        if let Some(next) = next {
            head.insert(header::LINK, link(repository, &subject, &format!("?{query}last={next}")));
        }
        Ok(response)
    }
}

/// As many entries behind `after` as fit an answer, at least one if there is one, and the digest
/// behind which the next answer begins.
async fn collect(
    repository: &Repository,
    subject: &Digest,
    filter: Option<&MediaType>,
    mut after: Option<Digest>,
) -> Result<(Vec<Value>, Option<Digest>), ApiError> {
    let (mut manifests, mut bytes) = (Vec::new(), 0);
    loop {
        let page = repository.referrers(subject, filter, after.as_ref(), PAGE_ENTRIES).await?;
        for descriptor in page.items {
            let entry = json!(descriptor);
            bytes += entry.to_string().len();
            if bytes > ANSWER_BYTES_MAX && !manifests.is_empty() {
                return Ok((manifests, after));
            }
            manifests.push(entry);
            after = Some(descriptor.digest);
        }
        match page.next {
            Some(next) => after = Some(next.parse()?),
            None => return Ok((manifests, None)),
        }
    }
}

fn link(repository: &Repository, subject: &Digest, query: &str) -> HeaderValue {
    let path = format!("/v2/{}/referrers/{subject}{query}", repository.name());
    headers::value(format!("<{path}>; rel=\"next\""))
}

/// An answer is a manifest too, and clients take manifests of up to 4 MiB.
const ANSWER_BYTES_MAX: usize = 2 << 20;

/// Each may have annotations of up to the size of a manifest.
const PAGE_ENTRIES: usize = 10;
