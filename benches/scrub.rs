//! What a scrub costs, against reading the same files and hashing them with `sha2`.
//!
//! ```sh
//! cargo bench -p orlop-benches --bench scrub [-- --quick]
//! ```
//!
//! One process, a store on files that are in the page cache. Every contestant reads all blobs in
//! each round, in an order that is shuffled anew; the first round does not count. Shown are
//! medians: of the throughput, and of the ratios of time and of CPU time to those of the first
//! contestant in the same round.

mod cpu_time;
mod random;
mod rounds;

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cpu_time::cpu_time;
use orlop::fs::FsOptions;
use orlop::{Algorithm, Cores, Digest, Options, Registry, ScrubOptions};
use random::Random;
use rounds::{median, shuffled};
use sha2::Digest as _;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Whatever goes wrong, the measurement is void.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Who reads everything.
#[derive(Clone, Copy, Debug)]
enum Contestant {
    /// By hand, on so many threads.
    Sha2(usize),
    /// A scrub that hashes on its own task.
    Task,
    /// A scrub with so many threads.
    Threads(usize),
}

const CONTESTANTS: [Contestant; 5] = [
    Contestant::Sha2(1),
    Contestant::Task,
    Contestant::Threads(1),
    Contestant::Sha2(2),
    Contestant::Threads(2),
];

fn main() -> Result<()> {
    let is = |flag: &str| std::env::args().any(|argument| argument == flag);
    if !is("--bench") {
        return Ok(()); // somebody runs all targets as tests
    }
    let rounds = if is("--quick") { 5 } else { 21 };
    let mut random = Random::new();
    let runtime = Runtime::new()?;
    println!("| blobs of | contestant | GB/s | time | CPU time |");
    println!("|---|---|---:|---:|---:|");
    for (name, size, count) in
        [("64 KiB", 64 << 10, 8000), ("1 MiB", 1 << 20, 1000), ("16 MiB", 16 << 20, 64)]
    {
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        let registry = runtime.block_on(filled(directory.path(), size, count, &mut random))?;
        let mut files = Vec::new();
        find_files(directory.path(), size as u64, &mut files)?;
        let mut results = vec![Vec::new(); CONTESTANTS.len()];
        for round in 0..=rounds {
            for contestant in shuffled(CONTESTANTS.len(), &mut random) {
                let (cpu, start) = (cpu_time()?, Instant::now());
                CONTESTANTS[contestant].read_all(&runtime, &registry, &files, count)?;
                let spent = (start.elapsed(), cpu_time()?.saturating_sub(cpu));
                if round > 0 {
                    results[contestant].push(spent);
                }
            }
        }
        print_table(name, size * count, &results);
    }
    Ok(())
}

impl Contestant {
    fn name(self) -> String {
        match self {
            Self::Sha2(threads) => format!("read + sha2, {threads} threads"),
            Self::Task => "scrub, no threads".into(),
            Self::Threads(threads) => format!("scrub, {threads} threads"),
        }
    }

    fn read_all(
        self,
        runtime: &Runtime,
        registry: &Registry,
        files: &[PathBuf],
        count: usize,
    ) -> Result<()> {
        let options = match self {
            Self::Sha2(threads) => {
                return thread::scope(|scope| {
                    let parts = files.chunks(files.len().div_ceil(threads));
                    let parts: Vec<_> =
                        parts.map(|part| scope.spawn(|| hash_files(part))).collect();
                    parts.into_iter().try_for_each(|part| part.join().map_err(|_| "a panic")?)
                });
            }
            Self::Task => ScrubOptions::default(),
            Self::Threads(threads) => ScrubOptions {
                at_once: 6 * threads,
                threads: Some(Arc::new(Cores::new(threads))),
                ..ScrubOptions::default()
            },
        };
        let scrubbed = runtime.block_on(registry.scrub(&options, &()))?;
        if scrubbed.is_sound() && scrubbed.blobs == count as u64 {
            return Ok(());
        }
        Err(format!("{scrubbed:?}").into())
    }
}

async fn filled(root: &Path, size: usize, count: usize, random: &mut Random) -> Result<Registry> {
    let store = orlop::fs::open(root, &FsOptions { durable: false })?;
    let registry = Registry::open(store, Options::default()).await?;
    let repository = registry.repository("bench".parse()?);
    for _ in 0..count {
        let bytes: Vec<u8> = (0..size / 8).flat_map(|_| random.next().to_le_bytes()).collect();
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        let mut upload = repository.begin_upload_of(&digest).await?;
        upload.write(bytes.into()).await?;
        upload.commit(&digest).await?;
    }
    Ok(registry)
}

fn find_files(directory: &Path, size: u64, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            find_files(&entry.path(), size, found)?;
        } else if metadata.len() == size {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn hash_files(files: &[PathBuf]) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    for path in files {
        let (mut file, mut sha) = (File::open(path)?, sha2::Sha256::new());
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            sha.update(&buffer[..read]);
        }
        black_box(sha.finalize());
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "nobody reads that many digits")]
fn print_table(name: &str, bytes: usize, results: &[Vec<(Duration, Duration)>]) {
    for (contestant, own) in CONTESTANTS.iter().zip(results) {
        let rate = bytes as f64 / median(own.iter().map(|(time, _)| time.as_secs_f64())) / 1e9;
        let pairs = || results[0].iter().zip(own);
        let times = pairs().map(|((hand, _), (own, _))| hand.as_secs_f64() / own.as_secs_f64());
        let cpus = pairs().map(|((_, hand), (_, own))| hand.as_secs_f64() / own.as_secs_f64());
        let (time, cpu, who) = (median(times), median(cpus), contestant.name());
        println!("| {name} | {who} | {rate:.2} | {time:.2} | {cpu:.2} |");
    }
}
