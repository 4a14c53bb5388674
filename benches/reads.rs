//! Pulls and HEADs against the least that they could cost.
//!
//! ```sh
//! cargo bench -p orlop-benches --bench reads [-- --quick] > reads.md
//! ```
//!
//! The same blobs as bare files (opened, read in pieces, closed), in `object_store`'s local
//! directory, and in Orlop's backends; all contestants in each round, in an order that is shuffled
//! anew for each; the first round does not count. Everything is in the page cache. Shown are
//! medians, and ratios to the bare file in the same round.

mod random;
mod rounds;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStoreExt, PutPayload};
use orlop::fs::FsOptions;
use orlop::{Algorithm, Digest, Environment, Options, Registry, Repository};
use random::Random;
use rounds::{median, shuffled};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What is read in a round: `blobs` blobs of `size` bytes in turn, `times` reads in all.
struct Load {
    name: &'static str,
    size: usize,
    blobs: usize,
    times: usize,
}

const LOADS: [Load; 3] = [
    Load { name: "pull 4 KiB", size: 4 << 10, blobs: 64, times: 2000 },
    Load { name: "pull 1 MiB", size: 1 << 20, blobs: 16, times: 200 },
    Load { name: "pull 64 MiB", size: 64 << 20, blobs: 1, times: 8 },
];

const HEADS: Load = Load { name: "HEAD", size: 4 << 10, blobs: 64, times: 2000 };

/// One place in which all the blobs are.
enum Place {
    Files(PathBuf),
    ObjectStore(LocalFileSystem),
    Orlop(Repository),
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let is = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if !is("--bench") {
        return Ok(()); // somebody runs all targets as tests
    }
    let rounds = if is("--quick") { 3 } else { 15 };
    for load in LOADS {
        measure(&load, false, rounds).await?;
    }
    measure(&HEADS, true, rounds).await
}

async fn measure(load: &Load, heads: bool, rounds: usize) -> Result<()> {
    // A disk that is known to be one: the directory for temporary files may be memory.
    let work = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let blobs: Vec<Bytes> = (0..load.blobs).map(|n| content(n, load.size)).collect();
    let digests: Vec<Digest> =
        blobs.iter().map(|blob| Digest::of(Algorithm::Sha256, blob)).collect();
    let places = places(work.path()).await?;
    for (_, place) in &places {
        for (blob, digest) in blobs.iter().zip(&digests) {
            place.put(digest, blob.clone()).await?;
        }
    }
    let mut times = vec![Vec::new(); places.len()];
    let mut random = Random::new();
    for round in 0..=rounds {
        for at in shuffled(places.len(), &mut random) {
            let start = Instant::now();
            for digest in digests.iter().cycle().take(load.times) {
                let found = if heads {
                    places[at].1.head(digest).await?
                } else {
                    places[at].1.read(digest).await?
                };
                if found != load.size as u64 {
                    return Err(format!("{}: {found} bytes", places[at].0).into());
                }
            }
            if round > 0 {
                times[at].push(start.elapsed());
            }
        }
    }
    print_table(load, heads, &places, &times);
    Ok(())
}

async fn places(work: &Path) -> Result<Vec<(&'static str, Place)>> {
    let [bare, theirs, ours] = ["bare", "object_store", "orlop"].map(|name| work.join(name));
    fs::create_dir(&bare)?;
    fs::create_dir(&theirs)?;
    let files = orlop::fs::open(&ours, &FsOptions::default())?;
    Ok(vec![
        ("a file", Place::Files(bare)),
        ("object_store", Place::ObjectStore(LocalFileSystem::new_with_prefix(theirs)?)),
        ("orlop, memory", orlop_in(Environment::memory()).await?),
        ("orlop, files, durable", orlop_in(files).await?),
    ])
}

async fn orlop_in(environment: Environment) -> Result<Place> {
    let registry = Registry::open(environment, Options::default()).await?;
    Ok(Place::Orlop(registry.repository("bench".parse()?)))
}

impl Place {
    async fn put(&self, digest: &Digest, blob: Bytes) -> Result<()> {
        match self {
            Self::Files(directory) => fs::write(directory.join(digest.encoded()), blob)?,
            Self::ObjectStore(store) => {
                store.put(&digest.encoded().into(), PutPayload::from(blob)).await?;
            }
            Self::Orlop(repository) => {
                let mut upload = repository.begin_upload_of(digest).await?;
                upload.write(blob).await?;
                upload.commit(digest).await?;
            }
        }
        Ok(())
    }

    /// Reads it to its end, and says how many bytes there were.
    async fn read(&self, digest: &Digest) -> Result<u64> {
        match self {
            Self::Files(directory) => {
                let mut file = File::open(directory.join(digest.encoded()))?;
                let len = usize::try_from(file.metadata()?.len())?;
                let mut buffer = vec![0; len.min(PIECE_BYTES)];
                let mut found = 0;
                loop {
                    match file.read(&mut buffer)? {
                        0 => return Ok(found),
                        read => found += read as u64,
                    }
                }
            }
            Self::ObjectStore(store) => {
                let pieces = store.get(&digest.encoded().into()).await?.into_stream();
                let add = |sum, piece: Bytes| async move { Ok(sum + piece.len() as u64) };
                Ok(pieces.try_fold(0, add).await?)
            }
            Self::Orlop(repository) => {
                let blob = repository.blob(digest).await?.ok_or("a blob is gone")?;
                let pieces = blob.read(0..u64::MAX).await?;
                let add = |sum, piece: Bytes| async move { Ok(sum + piece.len() as u64) };
                Ok(pieces.try_fold(0, add).await?)
            }
        }
    }

    /// Says how large it is.
    async fn head(&self, digest: &Digest) -> Result<u64> {
        Ok(match self {
            Self::Files(directory) => fs::metadata(directory.join(digest.encoded()))?.len(),
            Self::ObjectStore(store) => store.head(&digest.encoded().into()).await?.size,
            Self::Orlop(repository) => {
                let blob = repository.hold_blob(digest).await?.ok_or("a blob is gone")?;
                blob.descriptor().size
            }
        })
    }
}

#[allow(clippy::cast_precision_loss)] // nobody reads that many digits
fn print_table(load: &Load, heads: bool, places: &[(&str, Place)], times: &[Vec<Duration>]) {
    println!("\n| {} | us | MB/s | ratio |", load.name);
    println!("|---|---:|---:|---:|");
    for ((name, _), own) in places.iter().zip(times) {
        let time = median(own.iter().map(Duration::as_secs_f64)) / load.times as f64;
        let pairs = times[0].iter().zip(own);
        let ratio = median(pairs.map(|(bare, own)| own.as_secs_f64() / bare.as_secs_f64()));
        let rate =
            if heads { "–".into() } else { format!("{:.0}", load.size as f64 / time / 1e6) };
        println!("| {name} | {:.1} | {rate} | {ratio:.2} |", time * 1e6);
    }
}

fn content(number: usize, size: usize) -> Bytes {
    let mut bytes = vec![0x5a; size];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes.into()
}

const PIECE_BYTES: usize = 256 << 10;
