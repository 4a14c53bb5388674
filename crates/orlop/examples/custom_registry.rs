//! A registry of one's own: everybody may pull, and each user pushes below a name of theirs.
//!
//! It has just what real clients need to push and pull an image; the rest is the engine's.
//!
//! `cargo run -p orlop --example custom_registry`, then, with any image,
//! `skopeo copy --dest-tls-verify=false --dest-creds alice:wonder IMAGE docker://127.0.0.1:5001/alice/app`

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt;
use orlop::{Algorithm, Environment, Manifest, MediaType, Options, PutManifest, Reference};
use orlop::{Registry, Repository};

/// What a browser sends as `Authorization` for `alice:wonder` and `bob:builder`.
const USERS: [(&str, &str); 2] =
    [("alice", "Basic YWxpY2U6d29uZGVy"), ("bob", "Basic Ym9iOmJ1aWxkZXI=")];

type Answer = Result<Response, Refusal>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::open(Environment::memory(), Options::default()).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:5001").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, Router::new().fallback(answer).with_state(registry)).await?)
}

async fn answer(State(registry): State<Registry>, request: Request) -> Response {
    let answer = route(&registry, request).await;
    answer.unwrap_or_else(|Refusal(status, message)| (status, message).into_response())
}

/// The rules of this registry.
fn authorise(user: Option<&str>, method: &str, name: &str) -> Result<(), Refusal> {
    match user {
        _ if ["GET", "HEAD"].contains(&method) => Ok(()),
        Some(user) if name.split('/').next() == Some(user) => Ok(()),
        Some(user) => Err(Refusal(StatusCode::FORBIDDEN, format!("{name} is not {user}'s"))),
        None => Err(Refusal(StatusCode::UNAUTHORIZED, "who are you?".into())),
    }
}

async fn route(registry: &Registry, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let token = parts.headers.get(header::AUTHORIZATION);
    let user = USERS.iter().find(|(_, secret)| token.is_some_and(|token| token == secret));
    let path = parts.uri.path().trim_start_matches("/v2").trim_start_matches('/');
    if path.is_empty() {
        let status = if user.is_some() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        return Ok((status, [(header::WWW_AUTHENTICATE, "Basic")]).into_response());
    }
    let (name, kind, last) = split(path).ok_or_else(not_found)?;
    authorise(user.map(|(user, _)| *user), parts.method.as_str(), name)?;
    let repository = registry.repository(name.parse()?);
    match (kind, parts.method.as_str()) {
        ("blobs", "GET" | "HEAD") => pull_blob(&repository, last).await,
        ("uploads", "POST") => {
            let id = repository.new_upload_id(Algorithm::Sha256)?; // nothing is stored
            let location = format!("/v2/{name}/blobs/uploads/{id}");
            Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)]).into_response())
        }
        ("uploads", "PATCH" | "PUT") => push_blob(&repository, last, parts.uri.query(), body).await,
        ("manifests", "GET" | "HEAD") => pull_manifest(&repository, last).await,
        ("manifests", "PUT") => push_manifest(&repository, last, &parts.headers, body).await,
        _ => Err(not_found()),
    }
}

async fn pull_blob(repository: &Repository, digest: &str) -> Answer {
    let blob = repository.blob(&digest.parse()?).await?.ok_or_else(not_found)?;
    let length = [(header::CONTENT_LENGTH, blob.descriptor().size)];
    Ok((length, Body::from_stream(blob.read(0..u64::MAX).await?)).into_response())
}

async fn push_blob(to: &Repository, id: &str, query: Option<&str>, body: Body) -> Answer {
    let mut upload = to.resume_upload(&id.parse()?, None).await?.ok_or_else(not_found)?;
    let mut body = body.into_data_stream();
    while let Some(bytes) = body.try_next().await? {
        upload.write(bytes).await?;
    }
    let Some(digest) = query.and_then(|query| query.strip_prefix("digest=")) else {
        let location = format!("/v2/{}/blobs/uploads/{}", to.name(), upload.id());
        let range = format!("0-{}", upload.pause().await?.saturating_sub(1));
        let head = [(header::LOCATION, location), (header::RANGE, range)];
        return Ok((StatusCode::ACCEPTED, head).into_response());
    };
    let blob = upload.commit(&digest.replace("%3A", ":").parse()?).await?;
    let location = format!("/v2/{}/blobs/{}", to.name(), blob.digest);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
}

async fn pull_manifest(repository: &Repository, reference: &str) -> Answer {
    let manifest = repository.manifest(&reference.parse()?).await?.ok_or_else(not_found)?;
    let media_type = manifest.descriptor.media_type.to_string();
    Ok(([(header::CONTENT_TYPE, media_type)], manifest.bytes).into_response())
}

async fn push_manifest(to: &Repository, name: &str, headers: &HeaderMap, body: Body) -> Answer {
    let bytes = to_bytes(body, 4 << 20).await?;
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let declared = declared.map(str::parse::<MediaType>).transpose()?;
    let manifest = Manifest::parse(bytes, declared.as_ref(), Algorithm::Sha256)?;
    let mut put = PutManifest::default();
    if let Reference::Tag(tag) = name.parse()? {
        put.tags.push(tag);
    }
    let digest = to.put_manifest(&manifest, &put).await?.digest.to_string();
    Ok((StatusCode::CREATED, [("docker-content-digest", digest)]).into_response())
}

/// `<name>/<kind>/<last>`, where a session lies below `blobs/uploads`.
fn split(path: &str) -> Option<(&str, &str, &str)> {
    let (rest, last) = path.rsplit_once('/')?;
    let (name, kind) = rest.rsplit_once('/')?;
    Some((name.strip_suffix("/blobs").unwrap_or(name), kind, last))
}

/// A status and a word to the client.
struct Refusal(StatusCode, String);

fn not_found() -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "there is no such thing".into())
}

impl<E: std::error::Error> From<E> for Refusal {
    fn from(error: E) -> Self {
        Refusal(StatusCode::BAD_REQUEST, error.to_string())
    }
}
