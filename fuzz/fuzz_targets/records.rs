//! Any bytes in place of any record of a small but complete store: what cannot be read is an error
//! that says so, nothing panics, and nothing is lost that does not depend on that record, whoever
//! reads, pushes, collects or audits.

#![no_main]

use std::sync::Arc;
use std::time::Duration;

use arbitrary::Arbitrary;
use bytes::Bytes;
use futures::TryStreamExt;
use libfuzzer_sys::fuzz_target;
use orlop::backend::memory::MemoryRecords;
use orlop::backend::{Entry, Key, Prefix, RandomId, SystemClock, envelope};
use orlop::{
    Algorithm, AuditOptions, CollectOptions, Digest, Environment, ErrorKind, Manifest, MountFrom,
    Options, PutManifest, Reference, Registry, Repository, Result, UploadId,
};
use orlop_fuzz::ids::Ids;

/// What is done to a record.
#[derive(Arbitrary, Debug)]
enum Damage<'b> {
    /// As a broken medium would leave it.
    Torn(&'b [u8]),
    /// As a writer with other ideas of the format would.
    Foreign(&'b [u8]),
    /// The value with something else in the middle, in a sound envelope.
    Edited { at: u16, removed: u16, put: &'b [u8] },
    /// Cut off.
    Cut(u16),
    /// What another key has.
    Swapped(u8),
}

/// Something that can be read, and what there is to be read.
#[derive(Debug)]
enum Thing {
    Blob(&'static str, Digest, &'static [u8]),
    Manifest(&'static str, Manifest),
    Tag(&'static str, &'static str, Digest),
    Upload(&'static str, UploadId, u64),
}

fuzz_target!(|input: (u8, Damage)| orlop_fuzz::run(async {
    let (choice, damage) = input;
    let entropy = Arc::new(Ids::default());
    let records = MemoryRecords::new(Arc::new(SystemClock), entropy.clone());
    let store =
        Environment { records: Arc::new(records.clone()), entropy, ..Environment::memory() };
    let registry = Registry::open(store.clone(), Options::default()).await.expect("a registry");
    let things = make(&registry).await.expect("a store");

    let keys = keys(&store).await;
    let key = &keys[usize::from(choice) % keys.len()];
    let bytes = damaged(&records, key, &keys, &damage);
    records.damage(key, |old| *old = bytes);

    for thing in &things {
        let is_as_it_was = thing.check(&registry).await;
        assert!(is_as_it_was || thing.depends_on(key), "{thing:?} is lost with {key}");
    }
    act(&registry).await;
    // What hangs together may be gone by now, but not what has nothing to do with it.
    // A session that nobody goes on with is given up.
    let is_alone =
        |thing: &&Thing| !thing.repository().contains('/') && !matches!(thing, Thing::Upload(..));
    for thing in things.iter().filter(is_alone) {
        let is_as_it_was = thing.check(&registry).await;
        assert!(is_as_it_was || thing.depends_on(key), "{thing:?} was lost after {key}");
    }
    match Registry::open(store, Options::default()).await {
        Ok(_) => {}
        Err(error) => {
            assert_eq!(key.as_str(), "store");
            assert!(
                [ErrorKind::Corrupt, ErrorKind::Unsupported].contains(&error.kind()),
                "{error:?}"
            );
        }
    }
}));

/// Two repositories that share something, and a third that shares nothing.
async fn make(registry: &Registry) -> Result<Vec<Thing>> {
    let repository = |name: &str| Ok::<_, orlop::Error>(registry.repository(name.parse()?));
    let (shared, alone, base) = (repository("a/b")?, repository("c")?, repository("base/x")?);
    let mut things = Vec::new();
    for (repository, config, layer) in [
        (&shared, b"config" as &'static [u8], b"layer" as &'static [u8]),
        (&alone, b"config alone", b"layer alone"),
    ] {
        let name = if repository.name().as_str() == "c" { "c" } else { "a/b" };
        let digests = [push_blob(repository, config).await?, push_blob(repository, layer).await?];
        things.push(Thing::Blob(name, digests[0], config));
        things.push(Thing::Blob(name, digests[1], layer));
        let image = image(&digests, None);
        put(repository, &image, &["v1"]).await?;
        things.push(Thing::Tag(name, "v1", *image.digest()));
        let about = self::image(&digests[..1], Some(*image.digest()));
        put(repository, &about, &[]).await?;
        let index = index(&[*image.digest()]);
        put(repository, &index, &["multi", "gone"]).await?;
        things.push(Thing::Tag(name, "multi", *index.digest()));
        things.extend([image, about, index].map(|manifest| Thing::Manifest(name, manifest)));
    }
    // A note of a manifest that nothing keeps, for the time being.
    put(&shared, &index(&[]), &[]).await?;
    let lease = Duration::ZERO;
    let untagged = Some(Duration::from_secs(3600));
    let eager = CollectOptions { lease, untagged, ..CollectOptions::default() };
    registry.collect(&eager, &()).await?;
    // A candidate, and blobs and sessions that nothing refers to yet.
    shared.delete_tag(&"gone".parse()?, orlop::Condition::Any).await?;
    let mounted = push_blob(&base, b"mounted").await?;
    shared.mount(&mounted, MountFrom::Repository(base.name())).await?.expect("a mount");
    things.push(Thing::Blob("a/b", mounted, b"mounted"));
    things.push(Thing::Blob("base/x", mounted, b"mounted"));
    for repository in [&shared, &alone] {
        let mut upload = repository.begin_upload(Algorithm::Sha512).await?;
        upload.write("half of it".into()).await?;
        let name = if repository.name().as_str() == "c" { "c" } else { "a/b" };
        things.push(Thing::Upload(name, upload.id(), 10));
        upload.pause().await?;
    }
    drop(shared.begin_upload_of(&mounted).await?);
    Ok(things)
}

async fn push_blob(repository: &Repository, bytes: &'static [u8]) -> Result<Digest> {
    let digest = Digest::of(Algorithm::Sha256, bytes);
    let mut upload = repository.begin_upload(Algorithm::Sha256).await?;
    upload.write(Bytes::from_static(bytes)).await?;
    upload.commit(&digest).await?;
    Ok(digest)
}

async fn put(repository: &Repository, manifest: &Manifest, tags: &[&str]) -> Result<()> {
    let tags = tags.iter().map(|tag| tag.parse()).collect::<Result<_, _>>()?;
    let put = PutManifest { tags, ..PutManifest::default() };
    repository.put_manifest(manifest, &put).await.map(drop)
}

fn image(blobs: &[Digest], subject: Option<Digest>) -> Manifest {
    let descriptors: Vec<String> = blobs.iter().map(descriptor).collect();
    let subject = subject.map(|subject| format!(r#","subject":{}"#, descriptor(&subject)));
    let text = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]{}}}"#,
        descriptors[0],
        descriptors.join(","),
        subject.unwrap_or_default()
    );
    Manifest::parse(text.into(), None, Algorithm::Sha256).expect("an image")
}

fn index(children: &[Digest]) -> Manifest {
    let children: Vec<String> = children.iter().map(descriptor).collect();
    let text = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, children.join(","));
    Manifest::parse(text.into(), None, Algorithm::Sha256).expect("an index")
}

fn descriptor(digest: &Digest) -> String {
    format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":1}}"#)
}

/// Every key there is, always in the same order.
async fn keys(store: &Environment) -> Vec<Key> {
    let mut keys = vec![Key::new(["store"]).expect("a key")];
    for place in ["b", "l", "e", "u", "c", "r", "q", "n"] {
        let walk = store.records.walk(&Prefix::new([place]).expect("a prefix"));
        let found: Vec<Key> =
            walk.map_ok(|Entry { key, .. }| key).try_collect().await.expect("a walk");
        assert!(!found.is_empty(), "nothing under {place}");
        keys.extend(found);
    }
    keys
}

fn damaged(records: &MemoryRecords, key: &Key, keys: &[Key], damage: &Damage) -> Vec<u8> {
    let seal = |value: &[u8]| envelope::seal(key, RandomId::from_bits(1), value).to_vec();
    let mut old = read(records, key);
    match damage {
        Damage::Torn(bytes) => bytes.to_vec(),
        Damage::Foreign(bytes) => seal(bytes),
        Damage::Edited { at, removed, put } => {
            let sealed = Bytes::from(old);
            let mut value =
                envelope::open(key, &sealed).map(|(_, value)| value.to_vec()).unwrap_or_default();
            let at = usize::from(*at) % (value.len() + 1);
            let end = value.len().min(at + usize::from(*removed));
            value.splice(at..end, put.iter().copied());
            seal(&value)
        }
        Damage::Cut(at) => {
            old.truncate(usize::from(*at) % (old.len() + 1));
            old
        }
        Damage::Swapped(other) => read(records, &keys[usize::from(*other) % keys.len()]),
    }
}

fn read(records: &MemoryRecords, key: &Key) -> Vec<u8> {
    let mut read = Vec::new();
    records.damage(key, |bytes| read.clone_from(bytes));
    read
}

/// Everything else that reads, and some of what writes.
async fn act(registry: &Registry) {
    let shared = registry.repository("a/b".parse().expect("a name"));
    for limit in [0, 1, 100] {
        typed(registry.repositories(None, limit).await);
        typed(shared.tags(None, limit).await);
        typed(shared.referrers(image_of_shared().digest(), None, None, limit).await);
    }
    typed(shared.exists().await);
    typed(push_blob(&shared, b"layer").await);
    typed(push_blob(&shared, b"more").await);
    typed(put(&shared, &image_of_shared(), &["v1", "v2"]).await);
    typed(shared.hold_manifest(&(*image_of_shared().digest()).into()).await);
    let mounted = Digest::of(Algorithm::Sha256, b"mounted");
    typed(shared.hold_blob(&mounted).await);
    typed(shared.delete_blob(&mounted).await);
    for lease in [Duration::ZERO, Duration::from_secs(86400)] {
        let untagged = Some(lease);
        for dry_run in [true, false] {
            let options =
                CollectOptions { lease, upload_idle: lease, untagged, dry_run, at_once: 2 };
            let done = typed(registry.collect(&options, &()).await);
            assert!(done.is_some(), "a record stops a collection");
        }
        for repair in [false, true] {
            let options = AuditOptions { repair, lease, at_once: 2 };
            let done = typed(registry.audit(&options, &()).await);
            assert!(done.is_some(), "a record stops an audit");
        }
    }
    typed(shared.delete_manifest(image_of_shared().digest()).await);
    typed(put(&shared, &image_of_shared(), &["v1"]).await);
}

fn image_of_shared() -> Manifest {
    let digests = [b"config" as &[u8], b"layer"].map(|bytes| Digest::of(Algorithm::Sha256, bytes));
    image(&digests, None)
}

/// A failure names a record, or what is missing because of it.
fn typed<T>(result: Result<T>) -> Option<T> {
    let expected = [
        ErrorKind::Corrupt,
        ErrorKind::Denied,
        ErrorKind::ManifestBlobUnknown,
        ErrorKind::ManifestUnknown,
        ErrorKind::Unavailable,
        ErrorKind::UploadConflict,
        ErrorKind::UploadUnknown,
    ];
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(expected.contains(&error.kind()), "{error:?}");
            None
        }
    }
}

impl Thing {
    fn repository(&self) -> &'static str {
        match self {
            Self::Blob(name, ..)
            | Self::Manifest(name, _)
            | Self::Tag(name, ..)
            | Self::Upload(name, ..) => name,
        }
    }

    /// Whether it is what it was.
    async fn check(&self, registry: &Registry) -> bool {
        let repository = registry.repository(self.repository().parse().expect("a name"));
        match self {
            Self::Blob(_, digest, bytes) => match typed(repository.blob(digest).await).flatten() {
                None => false,
                Some(blob) => match typed(blob.read(0..u64::MAX).await) {
                    None => false,
                    Some(read) => {
                        let read: Vec<Bytes> = read.try_collect().await.expect("memory");
                        read.concat() == *bytes
                    }
                },
            },
            Self::Manifest(_, manifest) => {
                let reference: Reference = (*manifest.digest()).into();
                let found = typed(repository.manifest(&reference).await).flatten();
                found.is_some_and(|found| found.bytes == manifest.bytes())
            }
            Self::Tag(_, tag, digest) => {
                let reference: Reference = tag.parse().expect("a tag");
                let found = typed(repository.manifest(&reference).await).flatten();
                found.is_some_and(|found| found.descriptor.digest == *digest)
            }
            Self::Upload(_, id, offset) => {
                let found = typed(repository.resume_upload(id, None).await).flatten();
                found.is_some_and(|upload| upload.offset() == *offset)
            }
        }
    }

    /// Whether it may be lost with this record.
    fn depends_on(&self, key: &Key) -> bool {
        let key = key.as_str();
        let (repository, tag) = (self.repository().replace('/', "!"), |tag| format!("/t/{tag}"));
        match self {
            Self::Blob(_, digest, _) => key.contains(&digest.encoded()) || key.starts_with("l/"),
            Self::Manifest(_, manifest) => key.contains(&manifest.digest().encoded()),
            Self::Tag(_, name, digest) => {
                let is_its_own = key.contains(&digest.encoded()) || key.ends_with(&tag(*name));
                is_its_own && key.starts_with(&format!("r/{repository}/"))
            }
            Self::Upload(_, id, _) => key == format!("u/{id}"),
        }
    }
}
