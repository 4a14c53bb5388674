//! Every way to take a blob against hashing alone, fairly.
//!
//! ```sh
//! cargo bench -p orlop-benches --bench ratios [-- --quick] [LOAD]... > ratios.md
//! ```
//!
//! One process, all contestants in each round, in an order that is shuffled anew for each; the
//! first round does not count. Shown are medians: of the throughput, and of its ratio to that of
//! the bare hash in the same round, which is what stays when the machine slows down. CPU time is
//! that of the whole process, all rounds together; what the kernel does on its own threads (like
//! writing back what nobody waits for) is in none of it.
//!
//! On ext4 without a journal do not run it twice within six minutes: the directories of the first
//! run are deleted at its end, and every new file is slow while the kernel remembers that.

mod contestants;
mod cpu_time;
mod random;
mod rounds;

use std::time::{Duration, Instant};

use contestants::{Arena, CHUNK_BYTES, Contestant, Result, Source};
use cpu_time::cpu_time;
use random::Random;
use rounds::{median, shuffled};
use tokio::runtime::Runtime;

/// What is taken in a round: `streams` at once, and each of them `blobs` blobs one by one.
struct Load {
    name: &'static str,
    size: usize,
    blobs: usize,
    streams: usize,
    rounds: usize,
}

/// Large ones first: the many small files are a burden on the file system.
const LOADS: [Load; 7] = [
    Load::new("256 MiB", 256 << 20, 1, 1, 9),
    Load::new("64 MiB", 64 << 20, 2, 1, 15),
    Load::new("64 MiB, 8 at once", 64 << 20, 1, 8, 7),
    Load::new("1 MiB", 1 << 20, 64, 1, 15),
    Load::new("4 KiB", 4 << 10, 1000, 1, 5),
    Load::new("4 KiB, 8 at once", 4 << 10, 400, 8, 5),
    Load::new("4 KiB, 32 at once", 4 << 10, 125, 32, 5),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let is = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if !is("--bench") {
        return Ok(()); // somebody runs all targets as tests
    }
    let mut random = Random::new();
    let mut source = Source::new(256 << 20, &mut random);
    println!("Chunks of {} KiB. Ratios of throughput to the bare hash.", CHUNK_BYTES >> 10);
    let asked: Vec<&String> =
        arguments.iter().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_asked = |load: &Load| asked.is_empty() || asked.iter().any(|name| *name == load.name);
    for mut load in LOADS.into_iter().filter(is_asked) {
        if is("--quick") {
            load.rounds = 3;
        }
        let results = measure(&load, &mut source, &mut random)?;
        print_table(&load, &results);
    }
    Ok(())
}

/// What a contestant did in the rounds that count.
struct Results {
    contestant: Contestant,
    times: Vec<Duration>,
    cpu: Duration,
}

fn measure(load: &Load, source: &mut Source, random: &mut Random) -> Result<Vec<Results>> {
    let runtime = Runtime::new()?;
    let mut arenas = Vec::new();
    let mut results = Vec::new();
    for contestant in Contestant::ALL {
        arenas.push(runtime.block_on(Arena::open(contestant))?);
        results.push(Results { contestant, times: Vec::new(), cpu: Duration::ZERO });
    }
    for round in 0..=load.rounds {
        for contestant in shuffled(arenas.len(), random) {
            let blobs = (0..load.streams).map(|_| source.blobs(load.blobs, load.size)).collect();
            let (cpu, start) = (cpu_time()?, Instant::now());
            runtime.block_on(arenas[contestant].take_at_once(blobs))?;
            let (time, cpu) = (start.elapsed(), cpu_time()?.saturating_sub(cpu));
            if round > 0 {
                results[contestant].times.push(time);
                results[contestant].cpu += cpu;
            }
            runtime.block_on(arenas[contestant].recycle())?;
        }
    }
    Ok(results)
}

#[allow(clippy::cast_precision_loss)] // nobody reads that many digits
fn print_table(load: &Load, results: &[Results]) {
    let bytes = (load.size * load.blobs * load.streams) as f64;
    let blobs = (load.blobs * load.streams) as f64;
    println!("\n| {} | MB/s | blobs/s | ratio | CPU s/GB | CPU us/blob |", load.name);
    println!("|---|---:|---:|---:|---:|---:|");
    for result in results {
        let time = median(result.times.iter().map(Duration::as_secs_f64));
        let pairs = results[0].times.iter().zip(&result.times);
        let ratio = median(pairs.map(|(hash, own)| hash.as_secs_f64() / own.as_secs_f64()));
        let (per_gb, per_blob) = if result.cpu < CPU_TIME_MIN {
            ("-".into(), "-".into())
        } else {
            let cpu = result.cpu.as_secs_f64() / result.times.len() as f64;
            (format!("{:.2}", cpu / bytes * 1e9), format!("{:.0}", cpu / blobs * 1e6))
        };
        println!(
            "| {} | {:.0} | {:.0} | {ratio:.3} | {per_gb} | {per_blob} |",
            result.contestant.name(),
            bytes / time / 1e6,
            blobs / time,
        );
    }
}

/// The clock has steps of 10 ms, so less says nothing.
const CPU_TIME_MIN: Duration = Duration::from_millis(100);

impl Load {
    const fn new(
        name: &'static str,
        size: usize,
        blobs: usize,
        streams: usize,
        rounds: usize,
    ) -> Self {
        Self { name, size, blobs, streams, rounds }
    }
}
