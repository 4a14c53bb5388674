//! The store in which every operation is tried, and what is in it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use orlop_engine::{MountFrom, PutManifest, Registry, Repository, Result, UploadId};
use orlop_oci::{Algorithm, Digest, Manifest};

use crate::place::{Place, Process};

/// Blobs: their bytes follow from their names.
pub(crate) const BLOBS: [&str; 9] =
    ["one", "two", "shared", "loose", "doomed", "gone", "stray", "slow", "new"];

pub(crate) const REPOSITORIES: [&str; 2] = ["a", "b/c"];

pub(crate) const TAGS: [&str; 11] =
    ["v1", "latest", "d1", "d2", "index", "s", "t1", "t2", "t3", "again", "other"];

pub(crate) fn content(blob: &str) -> Bytes {
    blob.bytes().cycle().take(70 + blob.len()).collect()
}

pub(crate) fn digest(blob: &str) -> Digest {
    static DIGESTS: LazyLock<BTreeMap<&str, Digest>> = LazyLock::new(|| {
        BLOBS.iter().map(|blob| (*blob, Digest::of(Algorithm::Sha256, &content(blob)))).collect()
    });
    DIGESTS[blob]
}

fn described(media_type: &str, digest: &Digest, size: usize) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
}

fn of_blob(blob: &str) -> String {
    described("application/octet-stream", &digest(blob), content(blob).len())
}

fn of_manifest(name: &str) -> String {
    let manifest = made(name);
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    described(media_type, manifest.digest(), manifest.bytes().len())
}

/// What a manifest is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) blobs: &'static [&'static str],
    pub(crate) children: &'static [&'static str],
    pub(crate) subject: Option<&'static str>,
}

const fn image(name: &'static str, blobs: &'static [&'static str]) -> Plan {
    Plan { name, blobs, children: &[], subject: None }
}

const fn index(name: &'static str, children: &'static [&'static str]) -> Plan {
    Plan { name, blobs: &[], children, subject: None }
}

/// Every manifest that is pushed anywhere.
pub(crate) const MANIFESTS: [Plan; 11] = [
    image("One", &["one"]),
    image("Two", &["two", "one"]),
    image("Shared", &["shared"]),
    image("Doomed", &["doomed", "one"]),
    image("Gone", &["gone"]),
    image("Stray", &["stray"]),
    image("New", &["loose", "one", "new"]),
    index("Index", &["One", "Two"]),
    index("NewIndex", &["One", "Shared"]),
    Plan { subject: Some("One"), ..image("Sig", &["one"]) },
    Plan { subject: Some("One"), ..image("NewSig", &["two"]) },
];

pub(crate) fn plan(name: &str) -> Plan {
    *MANIFESTS.iter().find(|plan| plan.name == name).unwrap()
}

pub(crate) fn manifest(name: &str) -> Manifest {
    static MADE: LazyLock<BTreeMap<&str, Manifest>> =
        LazyLock::new(|| MANIFESTS.iter().map(|plan| (plan.name, made(plan.name))).collect());
    MADE[name].clone()
}

fn made(name: &str) -> Manifest {
    let Plan { blobs, children, subject, .. } = plan(name);
    let subject =
        subject.map(|name| format!(r#","subject":{}"#, of_manifest(name))).unwrap_or_default();
    let text = if children.is_empty() {
        let layers: Vec<String> = blobs.iter().map(|blob| of_blob(blob)).collect();
        let (config, layers) = (&layers[0], layers.join(","));
        format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layers}]{subject}}}"#)
    } else {
        let children: Vec<String> = children.iter().map(|child| of_manifest(child)).collect();
        let children = children.join(",");
        format!(r#"{{"schemaVersion":2,"manifests":[{children}]{subject}}}"#)
    };
    Manifest::parse(text.into(), None, Algorithm::Sha256).unwrap()
}

pub(crate) fn repository(registry: &Registry, name: &str) -> Repository {
    registry.repository(name.parse().unwrap())
}

pub(crate) fn tagged(tags: &[&str]) -> PutManifest {
    let tags = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    PutManifest { tags, ..PutManifest::default() }
}

/// Uploads a blob in one go.
pub(crate) async fn upload(repository: &Repository, blob: &str) -> Result<()> {
    let mut upload = repository.begin_upload_of(&digest(blob)).await?;
    upload.write(content(blob)).await?;
    upload.commit(&digest(blob)).await.map(drop)
}

/// Pushes a manifest as a client does: blobs that are not there, then itself.
pub(crate) async fn push(repository: &Repository, name: &str, tags: &[&str]) -> Result<()> {
    for blob in plan(name).blobs {
        if repository.hold_blob(&digest(blob)).await?.is_none() {
            upload(repository, blob).await?;
        }
    }
    repository.put_manifest(&manifest(name), &tagged(tags)).await.map(drop)
}

/// What clients know of the uploads that they have begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uploads {
    /// Begun, and nothing else.
    pub(crate) fresh: UploadId,
    /// The first bytes of `slow`.
    pub(crate) paused: UploadId,
}

/// As far as the paused upload has come.
pub(crate) const PAUSED_AT: usize = 30;

/// A store with something of everything.
#[derive(Debug)]
pub(crate) struct Base {
    place: Place,
    uploads: Uploads,
}

impl Base {
    pub(crate) async fn new(place: Place) -> Self {
        let uploads = fill(&place.enter().await).await.unwrap();
        Self { place, uploads }
    }

    /// The same store once more.
    pub(crate) async fn fresh(&self) -> (Place, Uploads) {
        if let Some(place) = self.place.copied() {
            return (place, self.uploads);
        }
        let place = self.place.emptied();
        let uploads = fill(&place.enter().await).await.unwrap();
        (place, uploads)
    }
}

async fn fill(process: &Process) -> Result<Uploads> {
    let [a, b] = REPOSITORIES.map(|name| repository(&process.registry, name));
    push(&a, "One", &["v1", "latest"]).await?;
    push(&a, "Two", &[]).await?;
    push(&a, "Index", &["index"]).await?;
    push(&a, "Sig", &[]).await?;
    push(&a, "Doomed", &["d1", "d2"]).await?;
    push(&a, "Shared", &["s"]).await?;
    for blob in ["shared", "two"] {
        b.mount(&digest(blob), MountFrom::Repository(a.name())).await?;
    }
    push(&b, "Shared", &["s"]).await?;
    for blob in ["loose", "new"] {
        upload(&a, blob).await?;
    }
    // Garbage that nobody has collected yet.
    push(&a, "Stray", &["t1"]).await?;
    a.delete_tag(&"t1".parse().unwrap(), orlop_engine::Condition::Any).await?;
    push(&a, "Gone", &["t1"]).await?;
    a.delete_manifest(manifest("Gone").digest()).await?;
    let mut idle = a.begin_upload(Algorithm::Sha256).await?;
    idle.write("idle".into()).await?;
    idle.pause().await?;

    let fresh = a.begin_upload(Algorithm::Sha256).await?.id();
    let mut upload = a.begin_upload(Algorithm::Sha256).await?;
    let paused = upload.id();
    upload.write(content("slow").slice(..PAUSED_AT)).await?;
    upload.pause().await?;
    Ok(Uploads { fresh, paused })
}
