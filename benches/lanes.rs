//! Several streams hashed in one thread, against hashing them one after the other.
//!
//! ```sh
//! cargo bench -p orlop-benches --bench lanes [-- --quick]
//! ```
//!
//! One process and one thread; every contestant in each round, in an order that is shuffled anew.
//! Shown are medians: of the throughput, and of its ratio to that of `sha2` in the same round. A
//! round is short, so that most of them are not interrupted on a machine that does other things.

mod random;
mod rounds;

use std::hint::black_box;
use std::time::{Duration, Instant};

use orlop_lanes::Sha256;
use random::Random;
use rounds::{median, shuffled};
use sha2::Digest as _;

/// Who hashes.
#[derive(Clone, Copy)]
enum Contestant {
    /// One stream after the other.
    Sha2,
    /// So many streams at once.
    Lanes(usize),
}

const CONTESTANTS: [Contestant; 5] = [
    Contestant::Sha2,
    Contestant::Lanes(1),
    Contestant::Lanes(2),
    Contestant::Lanes(3),
    Contestant::Lanes(6),
];

/// What each stream is given at a time.
const SIZES: [(&str, usize); 4] =
    [("64 B", 64), ("4 KiB", 4 << 10), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20)];

fn main() {
    let is = |flag: &str| std::env::args().any(|argument| argument == flag);
    if !is("--bench") {
        return; // somebody runs all targets as tests
    }
    let rounds = if is("--quick") { 101 } else { 1001 };
    let mut random = Random::new();
    println!("Ratios of throughput to sha2, one thread.\n");
    println!("| | {} |", SIZES.map(|(name, _)| name).join(" | "));
    println!("|---|{}", "---:|".repeat(SIZES.len()));
    let columns = SIZES.map(|(_, size)| measure(size, rounds, &mut random));
    for (row, contestant) in CONTESTANTS.iter().enumerate() {
        let cells = columns.each_ref().map(|column| {
            let (gigabytes, ratio) = column[row];
            format!("{ratio:.3} ({gigabytes:.2} GB/s)")
        });
        println!("| {} | {} |", contestant.name(), cells.join(" | "));
    }
}

/// The median throughput of each contestant, and that of its ratio to the first one.
#[expect(clippy::cast_precision_loss, reason = "nobody reads that many digits")]
fn measure(size: usize, rounds: usize, random: &mut Random) -> Vec<(f64, f64)> {
    let streams: Vec<Vec<u8>> = (0..STREAMS_MAX)
        .map(|_| (0..size).map(|_| random.next().to_le_bytes()[0]).collect())
        .collect();
    let mut rates = vec![Vec::new(); CONTESTANTS.len()];
    for round in 0..=rounds {
        for contestant in shuffled(CONTESTANTS.len(), random) {
            let (bytes, time) = CONTESTANTS[contestant].hash(&streams);
            if round > 0 {
                rates[contestant].push(bytes as f64 / time.as_secs_f64() / 1e9);
            }
        }
    }
    let ratio = |own: &[f64]| median(rates[0].iter().zip(own).map(|(sha2, own)| own / sha2));
    rates.iter().map(|own| (median(own.iter().copied()), ratio(own))).collect()
}

impl Contestant {
    fn name(self) -> String {
        match self {
            Self::Sha2 => "sha2, one stream".into(),
            Self::Lanes(1) => "orlop-lanes, one stream".into(),
            Self::Lanes(streams) => format!("orlop-lanes, {streams} streams"),
        }
    }

    /// Hashes each of its pieces as often as a round takes, and says how many bytes these were.
    fn hash(self, pieces: &[Vec<u8>]) -> (usize, Duration) {
        let streams = self.streams();
        let pieces = &pieces[..streams];
        let bytes = pieces.iter().map(Vec::len).sum();
        let times = ROUND_BYTES.div_ceil(bytes);
        let start = Instant::now();
        match self {
            Self::Sha2 => {
                let mut sha = sha2::Sha256::new();
                for _ in 0..times {
                    sha.update(&pieces[0]);
                }
                black_box(sha.finalize());
            }
            Self::Lanes(1) => {
                let mut sha = Sha256::new();
                for _ in 0..times {
                    sha.update(&pieces[0]);
                }
                black_box(sha.finish());
            }
            Self::Lanes(_) => {
                let mut shas = vec![Sha256::new(); streams];
                for _ in 0..times {
                    let pieces = pieces.iter().map(Vec::as_slice);
                    Sha256::update_many(shas.iter_mut().zip(pieces));
                }
                for sha in shas {
                    black_box(sha.finish());
                }
            }
        }
        (bytes * times, start.elapsed())
    }

    fn streams(self) -> usize {
        match self {
            Self::Sha2 => 1,
            Self::Lanes(streams) => streams,
        }
    }
}

const STREAMS_MAX: usize = 6;

/// What is hashed in a round, at least.
const ROUND_BYTES: usize = 768 << 10;
