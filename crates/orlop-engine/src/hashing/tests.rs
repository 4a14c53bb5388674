use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Context, Waker};

use futures::FutureExt;
use futures::future::join_all;
use orlop_backend::Environment;
use orlop_oci::Digest;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{Options, Registry};

fn poll(future: Pin<&mut impl Future<Output = ()>>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn bytes(fill: u8) -> Bytes {
    vec![fill; 10_000].into()
}

fn hasher() -> Hasher {
    Hasher::new(Algorithm::Sha256)
}

fn check(hasher: Hasher, bytes: &[u8]) {
    assert_eq!(hasher.finish().digest(), &Digest::of(Algorithm::Sha256, bytes));
}

#[test]
fn who_comes_first_hashes_for_three() {
    let hashing = Arc::new(Hashing::default());
    let streams: [_; 5] = std::array::from_fn(|_| hashing.stream());
    let mut hashers: [_; 5] = std::array::from_fn(|_| hasher());
    let all: [_; 5] = std::array::from_fn(|fill| bytes(fill.to_le_bytes()[0]));
    {
        let mut updates: Vec<_> = streams
            .iter()
            .zip(&mut hashers)
            .zip(&all)
            .map(|((stream, hasher), bytes)| Box::pin(stream.update(hasher, bytes)))
            .collect();
        for update in &mut updates {
            assert!(!poll(update.as_mut()), "others may come");
        }
        assert_eq!(hashing.queue.len(), 5);
        // The last one takes himself and the two that came first.
        assert!(poll(updates[4].as_mut()));
        assert_eq!(hashing.queue.len(), 2);
        assert!(poll(updates[0].as_mut()) && poll(updates[1].as_mut()));
        assert_eq!(hashing.queue.len(), 2, "they had nothing left to do");
        assert!(poll(updates[2].as_mut()));
        assert_eq!(hashing.queue.len(), 0);
        assert!(poll(updates[3].as_mut()));
    }
    for (hasher, bytes) in hashers.into_iter().zip(&all) {
        check(hasher, bytes);
    }
}

#[test]
fn who_is_alone_or_brings_little_waits_for_nobody() {
    let hashing = Arc::new(Hashing::default());
    let (one, mut first) = (hashing.stream(), hasher());
    assert!(one.update(&mut first, &bytes(1)).now_or_never().is_some());
    let (two, mut second) = (hashing.stream(), hasher());
    assert!(two.update(&mut second, &bytes(2).slice(..4000)).now_or_never().is_some());
    assert!(two.update(&mut second, &bytes(2).slice(4000..)).now_or_never().is_none());
    drop(one);
    let mut second = hasher();
    assert!(two.update(&mut second, &bytes(2)).now_or_never().is_some(), "alone again");
    check(first, &bytes(1));
    check(second, &bytes(2));
}

#[test]
fn a_poll_hashes_no_more_than_a_piece() {
    let hashing = Arc::new(Hashing::default());
    let large: Bytes = vec![3; 3 * PIECE_BYTES + 1].into();
    let (stream, mut hasher) = (hashing.stream(), hasher());
    {
        let mut update = pin!(stream.update(&mut hasher, &large));
        for _ in 0..3 {
            assert!(!poll(update.as_mut()));
        }
        assert!(poll(update.as_mut()));
    }
    check(hasher, &large);
}

#[test]
fn who_is_dropped_takes_his_bytes_along() {
    let hashing = Arc::new(Hashing::default());
    let (one, two) = (hashing.stream(), hashing.stream());
    let (mut first, mut second) = (hasher(), hasher());
    let all = bytes(1);
    {
        let mut update = pin!(one.update(&mut first, &all));
        assert!(!poll(update.as_mut()));
        {
            let mut dropped = pin!(two.update(&mut second, &all));
            assert!(!poll(dropped.as_mut()));
            assert_eq!(hashing.queue.len(), 2);
        }
        assert_eq!(hashing.queue.len(), 1);
        assert!(poll(update.as_mut()));
    }
    check(first, &all);
    check(second, b"");
}

#[tokio::test]
async fn concurrent_uploads_share() {
    let options = Options { inline_bytes_max: 0, ..Options::default() };
    let registry = Registry::open(Environment::memory(), options).await.unwrap();
    let repository = registry.repository("app".parse().unwrap());
    let mut uploads = Vec::new();
    for _ in 0..3 {
        let mut upload = repository.begin_upload(Algorithm::Sha256).await.unwrap();
        upload.write("few".into()).await.unwrap();
        uploads.push(upload);
    }
    let queue = registry.shared.hashing.queue.clone();
    {
        let mut writes: Vec<_> = uploads
            .iter_mut()
            .map(|upload| Box::pin(upload.write(bytes(7)).map(Result::unwrap)))
            .collect();
        for write in &mut writes {
            assert!(!poll(write.as_mut()));
        }
        assert_eq!(queue.len(), 3);
        assert!(poll(writes[1].as_mut()));
        assert_eq!(queue.len(), 0, "one has hashed for all");
        assert!(poll(writes[0].as_mut()) && poll(writes[2].as_mut()));
    }
    let digest = Digest::of(Algorithm::Sha256, &[b"few", &bytes(7)[..]].concat());
    for upload in uploads {
        upload.commit(&digest).await.unwrap();
    }
}

/// Threads that exist only when somebody asks for them.
#[derive(Debug, Default)]
struct Later {
    work: Mutex<Vec<Work>>,
}

struct Work(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}

impl Threads for Later {
    fn count(&self) -> usize {
        1
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        self.work.lock().unwrap().push(Work(work));
    }
}

#[test]
fn threads_go_on_until_nothing_is_left() {
    for is_run in [true, false] {
        let threads = Arc::new(Later::default());
        let hashing = Arc::new(Hashing::on(Some(threads.clone())));
        let mut hashers: [_; 5] = std::array::from_fn(|_| hasher());
        let (stream, all) = (hashing.stream(), bytes(5));
        for _ in 0..2 {
            let mut updates: Vec<_> =
                hashers.iter_mut().map(|hasher| Box::pin(stream.update(hasher, &all))).collect();
            for update in &mut updates {
                assert!(!poll(update.as_mut()));
            }
            let mut work = std::mem::take(&mut *threads.work.lock().unwrap());
            assert_eq!(work.len(), 1, "it has one thread only");
            let Work(work) = work.remove(0);
            if is_run {
                work();
            } else {
                drop(work); // as a runtime does that ends
            }
            assert_eq!(hashing.queue.len(), 0);
            assert!(updates.iter_mut().all(|update| poll(update.as_mut())));
        }
        for hasher in hashers {
            check(hasher, &[&all[..], &all].concat());
        }
    }
}

/// Threads that are there.
#[derive(Debug)]
struct Spawned;

impl Threads for Spawned {
    fn count(&self) -> usize {
        3
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(work);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_streams_on_any_threads(
        lens in vec(vec(0usize..20_000, 0..8), 1..12),
        has_threads: bool,
        long in 0usize..12,
    ) {
        let threads: Option<Arc<dyn Threads>> = if has_threads { Some(Arc::new(Spawned)) } else { None };
        let hashing = Arc::new(Hashing::on(threads));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
        let tasks = lens.into_iter().enumerate().map(|(index, lens)| {
            let stream = hashing.stream();
            runtime.spawn(async move {
                let algorithm = if index == long { Algorithm::Sha512 } else { Algorithm::Sha256 };
                let (mut hasher, mut whole) = (Hasher::new(algorithm), Vec::new());
                for (fill, len) in (0..).zip(lens) {
                    let piece: Bytes = vec![fill; len].into();
                    stream.update(&mut hasher, &piece).await;
                    whole.extend_from_slice(&piece);
                }
                assert_eq!(hasher.finish().digest(), &Digest::of(algorithm, &whole));
            })
        });
        let tasks: Vec<_> = tasks.collect();
        for ended in runtime.block_on(join_all(tasks)) {
            ended.unwrap();
        }
        prop_assert_eq!(hashing.queue.len(), 0);
    }
}
