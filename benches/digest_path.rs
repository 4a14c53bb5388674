//! How fast bytes become a blob with a known digest, one contestant after the other.
//!
//! ```sh
//! cargo bench -p orlop-benches --bench digest_path [-- --quick]
//! ```
//!
//! Made for watching one contestant over time. Criterion runs them one after the other, and a
//! machine is never the same for long: to compare them, run the bench `ratios`.

mod contestants;
mod random;

use std::time::{Duration, Instant};

use contestants::{Arena, Blob, Contestant, Result, Source};
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use random::Random;
use tokio::runtime::Runtime;

/// One blob after the other.
fn digest_path(criterion: &mut Criterion) {
    for (name, size) in [("4 KiB", 4 << 10), ("1 MiB", 1 << 20), ("64 MiB", 64 << 20)] {
        let group = criterion.benchmark_group(format!("digest_path/{name}"));
        measure(group, size, 1);
    }
}

/// Configs and manifests of several clients, which can share what makes them durable.
fn small_commits(criterion: &mut Criterion) {
    for streams in [1, 8, 32] {
        let group = criterion.benchmark_group(format!("small_commits/{streams} at once"));
        measure(group, 4 << 10, streams);
    }
}

fn measure(mut group: BenchmarkGroup<'_, WallTime>, size: usize, streams: usize) {
    let runtime = Runtime::new().expect("a runtime");
    let mut source = Source::new(size, &mut Random::new());
    group
        .throughput(Throughput::Bytes((size * streams) as u64))
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    for contestant in Contestant::ALL {
        let mut arena = runtime.block_on(Arena::open(contestant)).expect("an arena");
        group.bench_function(contestant.name(), |bencher| {
            bencher.iter_custom(|count| {
                let (mut left, mut time) = (usize::try_from(count).expect("few"), Duration::ZERO);
                while left > 0 {
                    let count = left.min(BATCH_BYTES.div_ceil(size * streams));
                    let blobs = (0..streams).map(|_| source.blobs(count, size)).collect();
                    let taken = runtime.block_on(timed(&mut arena, blobs));
                    time += taken.expect("every blob is taken");
                    left -= count;
                }
                time
            });
        });
    }
    group.finish();
}

async fn timed(arena: &mut Arena, streams: Vec<Vec<Blob>>) -> Result<Duration> {
    let start = Instant::now();
    arena.take_at_once(streams).await?;
    let time = start.elapsed();
    arena.recycle().await?;
    Ok(time)
}

/// As much as is taken before its memory is given back.
const BATCH_BYTES: usize = 64 << 20;

criterion_group!(benches, digest_path, small_commits);
criterion_main!(benches);
