//! How long a running collection holds others up.
//!
//! ```sh
//! cargo build --release --bin orlop
//! cargo bench -p orlop-benches --bench stall [-- ROUNDS [ARGUMENT OF GC]...]
//! ```
//!
//! One client does what clients do to a store of files that is synced: HEAD and GET of a blob, a
//! PATCH of 64 KiB, and PUT of a manifest with a tag. In each round it does so for a while alone,
//! and then beside `orlop gc` in another process, which has some thousand blobs to delete. Prints
//! a markdown table: what each takes alone and beside it, in milliseconds. The longest of many is
//! mostly the machine's own noise, which is why it is shown for both.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use orlop::fs::FsOptions;
use orlop::{Algorithm, Digest, Manifest, Options, PutManifest, Registry, Repository};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const OPERATIONS: [&str; 4] = ["HEAD blob", "GET blob", "PATCH 64 KiB", "PUT manifest"];
const WINDOW: Duration = Duration::from_secs(4);
const GARBAGE_IMAGES: usize = 150;
const BLOBS_OF_IMAGE: usize = 10;

/// How long each operation took, alone and beside a collection.
#[derive(Debug, Default)]
struct Times([[Vec<f64>; 2]; 4]);

#[tokio::main]
async fn main() -> Result<()> {
    if !std::env::args().any(|word| word == "--bench") {
        return Ok(()); // somebody runs all targets as tests
    }
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let rounds = words.next().map_or(Ok(10), |word| word.parse())?;
    let arguments: Vec<String> = words.collect();
    let directory = tempfile::tempdir()?;
    let environment = orlop::fs::open(directory.path(), &FsOptions::default())?;
    let registry = Registry::open(environment, Options::default()).await?;
    let (apps, garbage) =
        (registry.repository("apps".parse()?), registry.repository("old".parse()?));
    let blob = push_blob(&apps, "a blob that everybody pulls").await?;
    let mut times = Times::default();
    let mut images = 0;
    let mut collected = Duration::ZERO;
    for round in 0..rounds {
        make_garbage(&garbage, round).await?;
        work(&apps, &blob, &mut images, &mut times, 0, |began| began.elapsed() > WINDOW).await?;
        let mut collection = collection(directory.path(), &arguments)?;
        let began = Instant::now();
        let is_over = |_| collection.try_wait().is_ok_and(|status| status.is_some());
        work(&apps, &blob, &mut images, &mut times, 1, is_over).await?;
        collected += began.elapsed();
    }
    println!(
        "{rounds} collections of {} blobs, {:.1} s each",
        GARBAGE_IMAGES * BLOBS_OF_IMAGE,
        collected.as_secs_f64() / f64::from(rounds)
    );
    times.print();
    Ok(())
}

/// Does one operation after the other until it is over.
async fn work(
    apps: &Repository,
    blob: &Digest,
    images: &mut usize,
    times: &mut Times,
    beside: usize,
    mut is_over: impl FnMut(Instant) -> bool,
) -> Result<()> {
    let began = Instant::now();
    let upload = apps.begin_upload(Algorithm::Sha256).await?;
    let id = upload.id();
    upload.pause().await?;
    while !is_over(began) {
        let mut at = Instant::now();
        let mut lap = |operation: usize| {
            times.0[operation][beside].push(at.elapsed().as_secs_f64() * 1e3);
            at = Instant::now();
        };
        apps.hold_blob(blob).await?.ok_or("the blob is gone")?;
        lap(0);
        let found = apps.blob(blob).await?.ok_or("the blob is gone")?;
        found.read(0..u64::MAX).await?.try_collect::<Vec<_>>().await?;
        lap(1);
        let mut upload = apps.resume_upload(&id, None).await?.ok_or("the upload is gone")?;
        upload.write(vec![7; 64 << 10].into()).await?;
        upload.pause().await?;
        lap(2);
        *images += 1;
        let put = PutManifest { tags: vec!["latest".parse()?], ..PutManifest::default() };
        apps.put_manifest(&image(&[*blob], *images)?, &put).await?;
        lap(3);
    }
    Ok(())
}

/// Pushes images and deletes them.
async fn make_garbage(old: &Repository, round: u32) -> Result<()> {
    for number in 0..GARBAGE_IMAGES {
        let mut blobs = Vec::new();
        for blob in 0..BLOBS_OF_IMAGE {
            blobs.push(push_blob(old, &format!("{blob} of {number} of {round}")).await?);
        }
        let image = image(&blobs, number)?;
        old.put_manifest(&image, &PutManifest::default()).await?;
        old.delete_manifest(image.digest()).await?;
    }
    Ok(())
}

async fn push_blob(repository: &Repository, content: &str) -> Result<Digest> {
    let digest = Digest::of(Algorithm::Sha256, content.as_bytes());
    let mut upload = repository.begin_upload_of(&digest).await?;
    upload.write(content.as_bytes().to_vec().into()).await?;
    upload.commit(&digest).await?;
    Ok(digest)
}

fn image(blobs: &[Digest], number: usize) -> Result<Manifest> {
    let layers: Vec<String> = blobs
        .iter()
        .map(|blob| {
            format!(r#"{{"mediaType":"application/octet-stream","digest":"{blob}","size":1}}"#)
        })
        .collect();
    let text = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}],"annotations":{{"n":"{number}"}}}}"#,
        layers[0],
        layers.join(",")
    );
    Ok(Manifest::parse(text.into(), None, Algorithm::Sha256)?)
}

fn collection(store: &Path, arguments: &[String]) -> Result<Child> {
    let binary = std::env::var_os("ORLOP_BIN").map_or_else(built, PathBuf::from);
    let child = Command::new(binary)
        .arg("gc")
        .arg("--store")
        .arg(store)
        .args(["--lease", "0s", "--upload-idle", "1h"])
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()?;
    Ok(child)
}

fn built() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../target").into());
    target.join("release/orlop")
}

impl Times {
    fn print(self) {
        println!("| ms | n | p50 alone | beside | p99 alone | beside | longest alone | beside |");
        println!("|---|---:|---:|---:|---:|---:|---:|---:|");
        for (name, [mut alone, mut beside]) in OPERATIONS.into_iter().zip(self.0) {
            alone.sort_by(f64::total_cmp);
            beside.sort_by(f64::total_cmp);
            print!("| {name} | {} |", beside.len());
            for thousandth in [500, 990, 1000] {
                for times in [&alone, &beside] {
                    let at = (times.len() * thousandth / 1000).min(times.len() - 1);
                    print!(" {:.2} |", times[at]);
                }
            }
            println!();
        }
    }
}
