//! Lists in pages: tags (end-8) and the catalog.

use axum::response::Response;
use http::{StatusCode, header};
use orlop::Repository;
use serde_json::json;

use super::{Answer, Call, json};
use crate::error::ApiError;
use crate::headers;
use crate::query::encode;

impl Call {
    pub(super) async fn tags(&self, repository: &Repository) -> Answer {
        let limit = self.limit()?;
        let page = repository.tags(self.query.get("last"), limit).await?;
        let name = repository.name();
        if page.items.is_empty() && !repository.exists().await? {
            let message = format!("there is no repository {name}");
            return Err(ApiError::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", message));
        }
        let tags: Vec<&str> = page.items.iter().map(orlop::Tag::as_str).collect();
        let body = json!({"name": name.as_str(), "tags": tags});
        let path = format!("/v2/{name}/tags/list");
        Ok(page_of(&body, &path, page.next.as_deref(), limit))
    }

    pub(super) async fn catalog(&self) -> Answer {
        let limit = self.limit()?;
        let page = self.server.registry.repositories(self.query.get("last"), limit).await?;
        let names: Vec<&str> = page.items.iter().map(orlop::RepositoryName::as_str).collect();
        let body = json!({"repositories": names});
        Ok(page_of(&body, "/v2/_catalog", page.next.as_deref(), limit))
    }

    /// How many entries the client wants, at most as many as fit a page.
    fn limit(&self) -> Result<usize, ApiError> {
        let Some(n) = self.query.get("n") else {
            return Ok(PAGE_ENTRIES_MAX);
        };
        let Ok(limit) = n.parse::<u64>() else {
            let message = format!("expected a number as \"n\", found {n:?}");
            return Err(ApiError::bad_request("UNSUPPORTED", message));
        };
        Ok(usize::try_from(limit).map_or(PAGE_ENTRIES_MAX, |limit| limit.min(PAGE_ENTRIES_MAX)))
    }
}

fn page_of(body: &serde_json::Value, path: &str, next: Option<&str>, limit: usize) -> Response {
    let mut response = json(body.to_string());
    if let Some(next) = next {
        let link = format!("<{path}?last={}&n={limit}>; rel=\"next\"", encode(next));
        response.headers_mut().insert(header::LINK, headers::value(link));
    }
    response
}

/// Many clients never follow a `Link`, so a page is large.
const PAGE_ENTRIES_MAX: usize = 10_000;
