//! Blobs that are there.

use axum::body::Body;
use http::{Method, Request};

use crate::step::pick;
use crate::{NAMES, World};

impl World {
    pub(super) async fn get_blob(
        &mut self,
        repository: usize,
        blob: u8,
        range: Option<(u8, Option<u8>)>,
        head_only: bool,
    ) {
        let Some(digest) = pick(&self.blobs, blob).copied() else { return };
        let method = if head_only { Method::HEAD } else { Method::GET };
        let path = format!("/v2/{}/blobs/{digest}", NAMES[repository]);
        let mut head = Request::builder().method(method).uri(path);
        if let Some((first, last)) = range {
            let last = last.map(|last| last.to_string()).unwrap_or_default();
            head = head.header("range", format!("bytes={first}-{last}"));
        }
        let answer = self.send(head, Body::empty()).await;
        let Some(bytes) = self.contents[repository].blobs.get(&digest) else {
            // It may be there: nobody said that it is gone, and nobody that it stays.
            assert!([200, 206, 404, 416].contains(&answer.status), "{answer:?}");
            return;
        };
        let first = range.map_or(0, |(first, _)| first.into());
        let last = range.and_then(|(_, last)| last).map_or(usize::MAX, usize::from);
        let end = last.saturating_add(1).min(bytes.len());
        let part = bytes.get(first..end).filter(|part| !part.is_empty());
        match (answer.status, part) {
            (200, _) => assert!(range.is_none() && (head_only || answer.body == bytes[..])),
            (206, Some(part)) => assert!(head_only || answer.body == part),
            (416, None) => {}
            _ => panic!("{range:?} of {}: {answer:?}", bytes.len()),
        }
    }

    pub(super) async fn delete_blob(&mut self, repository: usize, blob: u8) {
        let Some(digest) = pick(&self.blobs, blob).copied() else { return };
        let path = format!("/v2/{}/blobs/{digest}", NAMES[repository]);
        let answer = self.ask(Method::DELETE, &path).await;
        let content = &mut self.contents[repository];
        let is_used = content.refers_to(&digest);
        match answer.status {
            202 => {
                assert!(!is_used, "{digest} is in use");
                content.blobs.remove(&digest);
                let answer = self.ask(Method::GET, &path).await;
                assert_eq!(answer.status, 404);
            }
            404 => assert!(!content.blobs.contains_key(&digest)),
            405 => assert!(is_used && answer.code() == "DENIED", "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
    }
}
