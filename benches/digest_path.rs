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
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use random::Random;
use tokio::runtime::Runtime;

fn digest_path(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut source = Source::new(64 << 20, &mut Random::new());
    for (name, size) in [("4 KiB", 4 << 10), ("1 MiB", 1 << 20), ("64 MiB", 64 << 20)] {
        let mut group = criterion.benchmark_group(format!("digest_path/{name}"));
        group
            .throughput(Throughput::Bytes(size as u64))
            .sampling_mode(SamplingMode::Flat)
            .sample_size(10)
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(Duration::from_secs(3));
        for contestant in Contestant::ALL {
            let open = Arena::open(contestant);
            let mut arena = runtime.block_on(open).expect("an arena");
            group.bench_function(contestant.name(), |bencher| {
                bencher.iter_custom(|count| {
                    let (mut left, mut time) =
                        (usize::try_from(count).expect("few"), Duration::ZERO);
                    while left > 0 {
                        let count = left.min(BATCH_BYTES.div_ceil(size));
                        let blobs = source.blobs(count, size);
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
}

async fn timed(arena: &mut Arena, blobs: Vec<Blob>) -> Result<Duration> {
    let start = Instant::now();
    for blob in blobs {
        arena.take(blob).await?;
    }
    let time = start.elapsed();
    arena.recycle().await?;
    Ok(time)
}

/// As much as is taken before its memory is given back.
const BATCH_BYTES: usize = 64 << 20;

criterion_group!(benches, digest_path);
criterion_main!(benches);
