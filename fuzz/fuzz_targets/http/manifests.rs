//! Manifests, tags and referrers.

use std::collections::BTreeSet;

use axum::body::Body;
use http::{Method, Request};
use orlop::{Algorithm, Digest};
use serde_json::{Value, json};

use crate::step::{Known, Put, algorithm, condition, descriptor, pick, tag};
use crate::{NAMES, World};

impl World {
    /// A descriptor of a blob that the repository may have, or of one that it has not.
    pub(super) fn descriptor(&self, repository: usize, blob: u8) -> Value {
        let digest = pick(&self.blobs, blob).copied();
        let digest = digest.unwrap_or_else(|| Digest::of(Algorithm::Sha256, b"missing"));
        let size = self.contents[repository].blobs.get(&digest).map_or(0, Vec::len);
        descriptor(digest, size)
    }

    pub(super) async fn put(
        &mut self,
        repository: usize,
        text: &str,
        media_type: &'static str,
        needs: &[Digest],
        put: &Put,
    ) {
        let digest = match put.tag {
            Some(_) => Digest::of(Algorithm::Sha256, text.as_bytes()),
            None => Digest::of(algorithm(put.long), text.as_bytes()),
        };
        let mut tags: BTreeSet<String> = put.tags.iter().copied().map(tag).take(3).collect();
        let query: Vec<String> = tags.iter().map(|tag| format!("tag={tag}")).collect();
        let reference = put.tag.map_or(digest.to_string(), tag);
        tags.extend(put.tag.map(tag));
        let path = format!("/v2/{}/manifests/{reference}?{}", NAMES[repository], query.join("&"));
        let head = Request::builder().method(Method::PUT).uri(path);
        let head = condition(head.header("content-type", media_type), put.condition);
        let answer = self.send(head, Body::from(text.to_owned())).await;
        let content = &mut self.contents[repository];
        let holds = |tag: &String| content.holds(tag, put.condition);
        match answer.status {
            201 => {
                assert!(tags.iter().all(holds), "{answer:?}");
                content.exists = true;
                content.manifests.insert(digest, (text.into(), media_type));
                content.tags.extend(tags.into_iter().map(|tag| (tag, digest)));
                if !self.manifests.contains(&digest) {
                    self.manifests.push(digest);
                }
            }
            404 => assert!(needs.iter().any(|digest| !content.blobs.contains_key(digest))),
            412 => assert!(!tags.iter().all(holds), "{answer:?}"),
            // Its subject may be the manifest itself only by an accident that does not happen.
            _ => panic!("{answer:?}"),
        }
    }

    /// What is known of a reference, and its text.
    pub(super) fn find(
        &self,
        repository: usize,
        reference: Known,
    ) -> Option<(String, Option<Digest>)> {
        let content = &self.contents[repository];
        match reference {
            Known::Manifest(at) => {
                let digest = *pick(&self.manifests, at)?;
                let known = content.manifests.contains_key(&digest).then_some(digest);
                Some((digest.to_string(), known))
            }
            Known::Tag(at) => Some((tag(at), content.tags.get(&tag(at)).copied())),
        }
    }

    pub(super) async fn get(&mut self, repository: usize, reference: Known, asked: Option<u8>) {
        let Some((text, known)) = self.find(repository, reference) else { return };
        let path = format!("/v2/{}/manifests/{text}", NAMES[repository]);
        let head = condition(Request::builder().method(Method::GET).uri(path), asked);
        let answer = self.send(head, Body::empty()).await;
        match (answer.status, known) {
            (200, Some(digest)) => {
                let (bytes, media_type) = &self.contents[repository].manifests[&digest];
                assert_eq!(
                    (&answer.body[..], answer.header("content-type")),
                    (&bytes[..], Some(*media_type))
                );
                assert_eq!(answer.header("docker-content-digest"), Some(&*digest.to_string()));
            }
            (304, Some(_)) => assert!(asked.is_some()),
            (404, None) => {}
            _ => panic!("{known:?}, {answer:?}"),
        }
    }

    pub(super) async fn delete(&mut self, repository: usize, reference: Known, asked: Option<u8>) {
        let Some((text, known)) = self.find(repository, reference) else { return };
        let path = format!("/v2/{}/manifests/{text}", NAMES[repository]);
        let head = condition(Request::builder().method(Method::DELETE).uri(path), asked);
        let answer = self.send(head, Body::empty()).await;
        let content = &mut self.contents[repository];
        match (answer.status, known, reference) {
            (202, Some(_), Known::Tag(_)) => {
                assert!(content.holds(&text, asked));
                content.tags.remove(&text);
            }
            (202, Some(digest), Known::Manifest(_)) => {
                content.manifests.remove(&digest);
                content.tags.retain(|_, on| *on != digest);
            }
            (404, None, _) => {}
            (412, _, Known::Tag(_)) => assert!(!content.holds(&text, asked)),
            _ => panic!("{known:?}, {answer:?}"),
        }
    }

    pub(super) async fn tags(&mut self, repository: usize, n: Option<u8>, last: Option<u8>) {
        let mut query: Vec<String> = n.map(|n| format!("n={n}")).into_iter().collect();
        query.extend(last.map(|last| format!("last={}", tag(last))));
        let path = format!("/v2/{}/tags/list?{}", NAMES[repository], query.join("&"));
        let answer = self.ask(Method::GET, &path).await;
        let content = &self.contents[repository];
        if answer.status == 404 {
            assert!(!content.exists);
            return;
        }
        let after = last.map(tag);
        let behind = content.tags.keys().filter(|tag| after.as_ref().is_none_or(|a| *tag > a));
        let max = n.map_or(usize::MAX, usize::from);
        let expected: Vec<&String> = behind.clone().take(max).collect();
        let list: Value = serde_json::from_slice(&answer.body).expect("a list");
        assert_eq!(list["tags"], json!(expected));
        let goes_on = max > 0 && behind.count() > max;
        assert_eq!(answer.header("link").is_some(), goes_on, "{answer:?}");
    }

    pub(super) async fn referrers(&mut self, repository: usize, subject: u8, filter: bool) {
        let Some(subject) = pick(&self.manifests, subject).copied() else { return };
        let query = if filter { "?artifactType=a/b" } else { "" };
        let path = format!("/v2/{}/referrers/{subject}{query}", NAMES[repository]);
        let answer = self.ask(Method::GET, &path).await;
        assert_eq!(answer.status, 200);
        let list: Value = serde_json::from_slice(&answer.body).expect("an index");
        let listed = list["manifests"].as_array().expect("a list").iter();
        let listed: BTreeSet<Digest> =
            listed.filter_map(|d| d["digest"].as_str()?.parse().ok()).collect();
        let manifests = self.contents[repository].manifests.iter();
        // The config of every image here is of this type.
        let about = manifests.filter(|(_, (bytes, _))| {
            let text: Value = serde_json::from_slice(bytes).expect("JSON");
            text["subject"]["digest"].as_str().and_then(|text| text.parse().ok()) == Some(subject)
        });
        assert_eq!(listed, about.map(|(digest, _)| *digest).collect());
    }
}
