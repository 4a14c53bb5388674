//! What the head of a request may say, as text of whatever kind: ranges, query strings, references,
//! session ids, conditions and media types, each of them where the server reads it, against what
//! the RFCs and the spec make of it.

#![no_main]

use arbitrary::Arbitrary;
use axum::body::Body;
use http::{HeaderValue, Method, Request, Uri};
use libfuzzer_sys::fuzz_target;
use orlop::{Algorithm, Digest, Environment, Options, PutManifest, Registry, Result, UploadId};
use orlop_fuzz::client::{Answer, Client};
use serde_json::Value;

/// Where the text stands.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Place {
    Range,
    ContentRange,
    TagsQuery,
    CatalogQuery,
    UploadsQuery,
    EndQuery,
    ManifestQuery,
    ReferrersQuery,
    Path,
    Session,
    Reference,
    BlobDigest,
    IfNoneMatch,
    IfMatch,
    ContentType,
}

fuzz_target!(|input: (Place, &str)| orlop_fuzz::run(async {
    let (place, text) = input;
    let registry = Registry::open(Environment::memory(), Options::default()).await;
    let registry = registry.expect("a registry");
    let session = make(&registry).await.expect("a store");
    let mut asker = Asker { client: Client::new(registry), text, session };
    asker.ask(place).await;
}));

struct Asker<'t> {
    client: Client,
    text: &'t str,
    session: UploadId,
}

async fn make(registry: &Registry) -> Result<UploadId> {
    let repository = registry.repository("a/b".parse()?);
    let mut upload = repository.begin_upload(Algorithm::Sha256).await?;
    upload.write(BLOB.into()).await?;
    upload.commit(&blob()).await?;
    let manifest = orlop::Manifest::parse(INDEX.into(), None, Algorithm::Sha256)?;
    let tags = TAGS.iter().map(|tag| tag.parse()).collect::<Result<_, _>>()?;
    repository.put_manifest(&manifest, &PutManifest { tags, ..Default::default() }).await?;
    let mut upload = repository.begin_upload(Algorithm::Sha256).await?;
    upload.write("0123456789".into()).await?;
    let id = upload.id();
    upload.pause().await?;
    Ok(id)
}

impl Asker<'_> {
    async fn ask(&mut self, place: Place) {
        let (text, session) = (self.text, format!("/v2/a/b/blobs/uploads/{}", self.session));
        match place {
            Place::Range => self.range().await,
            Place::ContentRange => self.content_range(&session).await,
            Place::TagsQuery => {
                let answer = self.send("GET", &format!("/v2/a/b/tags/list?{text}"), None, "").await;
                self.check_list(answer, "tags", &TAGS);
            }
            Place::CatalogQuery => {
                let answer = self.send("GET", &format!("/v2/_catalog?{text}"), None, "").await;
                self.check_list(answer, "repositories", &["a/b"]);
            }
            Place::UploadsQuery => {
                let path = format!("/v2/a/b/blobs/uploads/?{text}");
                self.send("POST", &path, None, "body").await;
            }
            Place::EndQuery => {
                let path = format!("{session}?{text}");
                if let Some(answer) = self.send("PUT", &path, None, "abc").await {
                    let whole = b"0123456789abc";
                    let is_right = answer.status != 201
                        || Algorithm::ALL.iter().any(|algorithm| {
                            let digest = Digest::of(*algorithm, whole).to_string();
                            answer.header("docker-content-digest") == Some(&*digest)
                        });
                    assert!(is_right, "{answer:?}");
                }
            }
            Place::ManifestQuery => {
                let path = format!("/v2/a/b/manifests/v1?{text}");
                self.send("PUT", &path, None, INDEX).await;
            }
            Place::ReferrersQuery => {
                let path = format!("/v2/a/b/referrers/{}?{text}", blob());
                if let Some(answer) = self.send("GET", &path, None, "").await {
                    assert!([200, 400].contains(&answer.status), "{answer:?}");
                }
            }
            Place::Path => {
                for method in ["GET", "PUT", "DELETE"] {
                    self.send(method, &format!("/v2/{text}"), None, INDEX).await;
                }
            }
            Place::Session => {
                let path = format!("/v2/a/b/blobs/uploads/{text}");
                if let Some(answer) = self.send("GET", &path, None, "").await
                    && answer.status == 204
                {
                    assert_eq!(
                        answer.header("docker-upload-uuid"),
                        Some(&*self.session.to_string())
                    );
                }
            }
            Place::Reference => {
                for method in ["GET", "HEAD", "PUT", "DELETE"] {
                    self.send(method, &format!("/v2/a/b/manifests/{text}"), None, INDEX).await;
                }
            }
            Place::BlobDigest => {
                for method in ["GET", "HEAD", "DELETE"] {
                    self.send(method, &format!("/v2/a/b/blobs/{text}"), None, "").await;
                }
            }
            Place::IfNoneMatch => {
                let header = Some("if-none-match");
                if let Some(answer) = self.send("GET", "/v2/a/b/manifests/v1", header, "").await {
                    assert!([200, 304].contains(&answer.status), "{answer:?}");
                }
            }
            Place::IfMatch => {
                for method in ["PUT", "DELETE"] {
                    self.send(method, "/v2/a/b/manifests/v1", Some("if-match"), INDEX).await;
                }
            }
            Place::ContentType => {
                let header = Some("content-type");
                self.send("PUT", "/v2/a/b/manifests/new", header, INDEX).await;
            }
        }
    }

    /// Sends a request with the text in a header, if it can be sent at all.
    async fn send(
        &mut self,
        method: &'static str,
        path: &str,
        header: Option<&'static str>,
        body: &'static str,
    ) -> Option<Answer> {
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
        *request.uri_mut() = path.parse::<Uri>().ok()?;
        if let Some(name) = header {
            let value = HeaderValue::from_bytes(self.text.as_bytes()).ok()?;
            request.headers_mut().insert(name, value);
        }
        Some(self.client.send(request).await)
    }

    /// RFC 9110, section 14.
    async fn range(&mut self) {
        let path = format!("/v2/a/b/blobs/{}", blob());
        let Some(answer) = self.send("GET", &path, Some("range"), "").await else { return };
        let size = BLOB.len() as u64;
        let expected = simple_range(self.text).map(|(first, last)| match (first, last) {
            (Some(first), Some(last)) => (first, last.saturating_add(1).min(size)),
            (Some(first), None) => (first, size),
            (None, last) => (size.saturating_sub(last.unwrap_or_default()), size),
        });
        match (answer.status, expected) {
            (200, None) => assert_eq!(answer.body, BLOB),
            (206, Some((first, end))) => {
                let part = format!("bytes {first}-{}/{size}", end - 1);
                assert_eq!(answer.header("content-range"), Some(&*part));
                let at = |byte: u64| usize::try_from(byte).expect("small");
                assert_eq!(answer.body, BLOB[at(first)..at(end)]);
            }
            (416, Some((first, end))) => assert!(first >= end),
            _ => panic!("{:?}: {answer:?}", self.text),
        }
    }

    async fn content_range(&mut self, session: &str) {
        let header = Some("content-range");
        let Some(answer) = self.send("PATCH", session, header, "abcde").await else { return };
        match simple_chunk(self.text) {
            Some((10, 14)) => assert_eq!(answer.status, 202),
            _ if !self.text.is_ascii() => return, // no header of text: it may be ignored
            Some((first, last)) if first <= last => {
                assert!([400, 416].contains(&answer.status), "{answer:?}");
            }
            _ => assert_eq!(answer.status, 400, "{:?}", self.text),
        }
        let end = if answer.status == 202 { 14 } else { 9 };
        let request = Request::get(session).body(Body::empty()).expect("a request");
        let status = self.client.send(request).await;
        assert_eq!(status.header("range"), Some(&*format!("0-{end}")));
    }

    fn check_list(&self, answer: Option<Answer>, field: &str, all: &[&str]) {
        let Some(answer) = answer else { return };
        assert!([200, 400].contains(&answer.status), "{answer:?}");
        if answer.status == 200 {
            let list: Value = serde_json::from_slice(&answer.body).expect("a list");
            let listed = list[field].as_array().expect("a list");
            let places = listed.iter().map(|name| {
                let place = all.iter().position(|known| name == known);
                place.expect("nothing that is not there")
            });
            assert!(places.is_sorted_by(|a, b| a < b), "{listed:?}");
            let link = answer.header("link");
            assert!(
                link.is_none_or(
                    |link| link.starts_with("</v2/") && link.ends_with(">; rel=\"next\"")
                )
            );
        }
    }
}

/// One range of bytes; `None` for several, for none, and for other units.
fn simple_range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    match (first, last) {
        ("", "") => None,
        ("", last) => Some((None, Some(digits(last)?))),
        (first, "") => Some((Some(digits(first)?), None)),
        (first, last) => Some((Some(digits(first)?), Some(digits(last)?))),
    }
}

fn simple_chunk(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once('-')?;
    Some((digits(first)?, digits(last)?))
}

fn digits(text: &str) -> Option<u64> {
    let are_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if are_digits { text.parse().ok() } else { None }
}

fn blob() -> Digest {
    Digest::of(Algorithm::Sha256, BLOB.as_bytes())
}

const BLOB: &str = "The quick brown fox jumps over the lazy dog";
const INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;
const TAGS: [&str; 4] = ["V1", "latest", "v1", "v1.0-rc_1"];
