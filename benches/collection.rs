//! What a collection costs in stores of several sizes, without garbage and with some.
//!
//! ```sh
//! cargo bench -p orlop-benches --bench collection -- STORE [BLOBS...]
//! ```
//!
//! STORE is `memory`, `files` (in a directory below TMPDIR) or a URL like `s3://bucket/prefix`;
//! BLOBS are the sizes, by default 1000 10000 100000. A store of each size is filled with images
//! of ten blobs of their own. Then a collection runs that finds nothing; then 1 % of the images are
//! deleted and collected, and then 10 %. Time is that of the collection alone; memory is how much
//! the process grew meanwhile. The filesystem is not synced while it is filled, but is while it
//! is collected. Prints a markdown table.

use std::fs;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use orlop::fs::FsOptions;
use orlop::object_store::ObjectStoreOptions;
use orlop::{
    Algorithm, CollectOptions, Collected, Digest, Environment, Manifest, Options, PutManifest,
    Registry, Repository,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const BLOBS_OF_IMAGE: usize = 10;
const PUSHES_AT_ONCE: usize = 32;
const EAGER: Duration = Duration::ZERO;

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    if !std::env::args().any(|word| word == "--bench") {
        return Ok(()); // somebody runs all targets as tests
    }
    let store = words.by_ref().find(|word| word != "--bench").unwrap_or_else(|| "memory".into());
    let mut sizes: Vec<usize> = words.filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000, 100_000];
    }
    println!(
        "| {store}: blobs | garbage | collected | ms | calls | ms for each | calls for each | MiB |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    for size in sizes {
        measure(&store, size).await?;
    }
    Ok(())
}

/// A store of a size.
async fn measure(store: &str, blobs: usize) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let open = async |durable| {
        Ok::<Environment, Box<dyn std::error::Error + Send + Sync>>(match store {
            "memory" => Environment::memory(),
            "files" => orlop::fs::open(directory.path(), &FsOptions { durable })?,
            url => {
                let url = format!("{}/{blobs}", url.trim_end_matches('/'));
                orlop::object_store::open(&url, &ObjectStoreOptions::default()).await?
            }
        })
    };
    let mut environment = open(false).await?;
    let images =
        fill(&Registry::open(environment.clone(), Options::default()).await?, blobs).await?;
    if store == "files" {
        environment = open(true).await?;
    }
    let registry = Registry::open(environment, Options::default()).await?;
    let apps = registry.repository("apps".parse()?);
    collect(&registry).await?; // what the pushes left to be looked at, and warm caches
    let mut images = images.into_iter();
    for percent in [0, 1, 10] {
        let garbage = images.by_ref().take(blobs / BLOBS_OF_IMAGE * percent / 100);
        delete(&apps, garbage.collect()).await?;
        let before = forget_peak()?;
        let (took, done) = collect(&registry).await?;
        print_row(blobs, percent, took, &done, memory("VmHWM")?.saturating_sub(before));
    }
    Ok(())
}

fn print_row(blobs: usize, percent: usize, took: Duration, done: &Collected, grown_kib: u64) {
    let millis = took.as_secs_f64() * 1e3;
    #[allow(clippy::cast_precision_loss)] // these numbers are small
    let each = |total: f64| match done.blobs {
        0 => "–".to_owned(),
        blobs => format!("{:.3}", total / blobs as f64),
    };
    #[allow(clippy::cast_precision_loss)] // so is this one
    let calls = done.calls as f64;
    println!(
        "| {blobs} | {percent} % | {} | {millis:.1} | {} | {} | {} | {:.1} |",
        done.blobs,
        done.calls,
        each(millis),
        each(calls),
        grown_kib >> 10,
    );
}

/// Pushes images, and returns their digests.
async fn fill(registry: &Registry, blobs: usize) -> Result<Vec<Digest>> {
    let apps = registry.repository("apps".parse()?);
    stream::iter(0..blobs / BLOBS_OF_IMAGE)
        .map(|image| {
            let apps = apps.clone();
            async move { tokio::spawn(async move { push(&apps, image).await }).await? }
        })
        .buffered(PUSHES_AT_ONCE)
        .try_collect()
        .await
}

async fn push(apps: &Repository, image: usize) -> Result<Digest> {
    let mut layers = Vec::new();
    for blob in 0..BLOBS_OF_IMAGE {
        let content = format!("blob {blob} of image {image}");
        let digest = Digest::of(Algorithm::Sha256, content.as_bytes());
        layers.push(format!(
            r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":{}}}"#,
            content.len()
        ));
        let mut upload = apps.begin_upload_of(&digest).await?;
        upload.write(content.into()).await?;
        upload.commit(&digest).await?;
    }
    let text = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        layers[0],
        layers[1..].join(",")
    );
    let manifest = Manifest::parse(text.into(), None, Algorithm::Sha256)?;
    let tags = vec![format!("v{image}").parse()?];
    apps.put_manifest(&manifest, &PutManifest { tags, ..PutManifest::default() }).await?;
    Ok(*manifest.digest())
}

async fn delete(apps: &Repository, images: Vec<Digest>) -> Result<()> {
    stream::iter(images)
        .map(|image| async move { apps.delete_manifest(&image).await })
        .buffered(PUSHES_AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(())
}

async fn collect(registry: &Registry) -> Result<(Duration, Collected)> {
    let options = CollectOptions { lease: EAGER, upload_idle: EAGER, ..CollectOptions::default() };
    let began = Instant::now();
    let done = registry.collect(&options, &()).await?;
    Ok((began.elapsed(), done))
}

/// Begins a new measurement of peak memory, and returns what there is now, in KiB.
fn forget_peak() -> Result<u64> {
    fs::write("/proc/self/clear_refs", "5")?;
    memory("VmRSS")
}

/// A figure of this process, in KiB.
fn memory(figure: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(figure));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(words.ok_or("no such figure")?.parse()?)
}
