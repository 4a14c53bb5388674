//! Whether a store grows when the same images are pushed and deleted again and again.
//!
//! ```sh
//! cargo bench -p orlop-benches --bench space -- STORE [ROUNDS [IMAGES]]
//! ```
//!
//! STORE is `files` (in a directory below TMPDIR) or a URL like `s3://bucket/prefix`; by default
//! there are 6 rounds with 1000 images of three blobs of their own and one that all of them have.
//! In the first half of the rounds they are deleted by digest, and in the others by their tags. A
//! round ends with a collection. What is counted is what lies on the disk, directories too, or in
//! the bucket, tombstones too, and the memory of this process. Prints a markdown table.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use orlop::fs::FsOptions;
use orlop::object_store::ObjectStoreOptions;
use orlop::{
    Algorithm, CollectOptions, Condition, Digest, Manifest, Options, PutManifest, Registry,
    Repository,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const AT_ONCE: usize = 32;

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    if !std::env::args().any(|word| word == "--bench") {
        return Ok(()); // somebody runs all targets as tests
    }
    let store = words.next().unwrap_or_else(|| "files".into());
    let rounds: usize = words.next().map_or(Ok(6), |word| word.parse())?;
    let images: usize = words.next().map_or(Ok(1000), |word| word.parse())?;
    let directory = tempfile::tempdir()?;
    let environment = if store == "files" {
        // What a power cut does is not what is counted here, and to sync is slow.
        orlop::fs::open(directory.path(), &FsOptions { durable: false })?
    } else {
        orlop::object_store::open(&store, &ObjectStoreOptions::default()).await?
    };
    let registry = Registry::open(environment, Options::default()).await?;
    let apps = registry.repository("apps".parse()?);
    println!("| {store}: round | deleted by | names | KiB | memory in MiB |");
    println!("|---:|---|---:|---:|---:|");
    for round in 0..rounds {
        let by_tag = round >= rounds.div_ceil(2);
        let images = stream::iter(0..images).map(|image| push_and_delete(&apps, image, by_tag));
        images.buffer_unordered(AT_ONCE).try_for_each(|()| async { Ok(()) }).await?;
        let options = CollectOptions {
            lease: Duration::ZERO,
            upload_idle: Duration::ZERO,
            untagged: Some(Duration::ZERO),
            ..CollectOptions::default()
        };
        registry.collect(&options, &()).await?;
        let (names, bytes) = match store.as_str() {
            "files" => on_disk(directory.path())?,
            url => in_bucket(url).await?,
        };
        let by = if by_tag { "tag" } else { "digest" };
        println!("| {} | {by} | {names} | {} | {} |", round + 1, bytes >> 10, memory()? >> 10);
    }
    Ok(())
}

async fn push_and_delete(apps: &Repository, image: usize, by_tag: bool) -> Result<()> {
    let contents = ["one of", "two of", "three of"].map(|blob| format!("{blob} {image}"));
    let mut blobs = Vec::new();
    for content in contents.into_iter().chain(["of all of them".to_owned()]) {
        let digest = Digest::of(Algorithm::Sha256, content.as_bytes());
        if apps.hold_blob(&digest).await?.is_none() {
            let mut upload = apps.begin_upload_of(&digest).await?;
            upload.write(content.into()).await?;
            upload.commit(&digest).await?;
        }
        blobs.push(format!(
            r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":1}}"#
        ));
    }
    let text =
        format!(r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#, blobs[0], blobs.join(","));
    let manifest = Manifest::parse(text.into(), None, Algorithm::Sha256)?;
    let tag = format!("v{image}").parse()?;
    let put = PutManifest { tags: vec![tag], ..PutManifest::default() };
    apps.put_manifest(&manifest, &put).await?;
    if by_tag {
        apps.delete_tag(&put.tags[0], Condition::Any).await?;
    } else {
        apps.delete_manifest(manifest.digest()).await?;
    }
    Ok(())
}

/// How many names there are on a disk, and the bytes that they take.
fn on_disk(root: &Path) -> Result<(u64, u64)> {
    let (mut names, mut bytes) = (0, 0);
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let metadata = path.symlink_metadata()?;
            names += 1;
            bytes += metadata.blocks() * 512;
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok((names, bytes))
}

/// How many objects there are in a bucket, and their bytes.
async fn in_bucket(url: &str) -> Result<(u64, u64)> {
    let prefix = url.splitn(4, '/').nth(3).unwrap_or_default();
    let bucket = AmazonS3Builder::from_env().with_url(url).build()?;
    let objects = bucket.list(Some(&prefix.into()));
    let add = async |(names, bytes), object: object_store::ObjectMeta| {
        Ok::<_, object_store::Error>((names + 1, bytes + object.size))
    };
    Ok(objects.try_fold((0, 0), add).await?)
}

/// What this process has, in KiB.
fn memory() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(words.ok_or("no such figure")?.parse()?)
}
