use std::fs::File;
use std::io::Write;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Context, Waker};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::join_all;
use orlop_backend::Environment;
use orlop_oci::{Algorithm, Digest};
use proptest::collection::vec;
use proptest::prelude::*;

use super::stream::PIECE_BYTES;
use super::*;
use crate::{Options, Registry};

fn poll(future: Pin<&mut impl Future<Output = ()>>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn bytes(fill: u8) -> Bytes {
    vec![fill; 10_000].into()
}

fn stream(hashing: &Arc<Hashing>) -> Stream {
    hashing.stream(Hasher::new(Algorithm::Sha256))
}

/// With nothing left to do.
fn check(mut stream: Stream, bytes: &[u8]) {
    assert_eq!(stream.size(), bytes.len() as u64);
    let hasher = stream.settle().now_or_never().expect("nothing is under way").clone();
    assert_eq!(hasher.finish().digest(), &Digest::of(stream.algorithm(), bytes));
}

#[test]
fn who_comes_first_hashes_for_three() {
    let hashing = Arc::new(Hashing::default());
    let mut streams: [_; 5] = std::array::from_fn(|_| stream(&hashing));
    let all: [_; 5] = std::array::from_fn(|fill| bytes(fill.to_le_bytes()[0]));
    {
        let mut updates: Vec<_> = streams
            .iter_mut()
            .zip(&all)
            .map(|(stream, bytes)| Box::pin(stream.update(bytes.clone())))
            .collect();
        // The first one finds nobody else yet.
        assert!(poll(updates[0].as_mut()));
        for update in &mut updates[1..] {
            assert!(!poll(update.as_mut()), "others may come");
        }
        assert_eq!(hashing.queue.len(), 4);
        // The last one takes himself and one that came before: two and two.
        assert!(poll(updates[4].as_mut()));
        assert_eq!(hashing.queue.len(), 2);
        assert!(poll(updates[1].as_mut()));
        assert_eq!(hashing.queue.len(), 2, "there was nothing left to do");
        assert!(poll(updates[2].as_mut()));
        assert_eq!(hashing.queue.len(), 0);
        assert!(poll(updates[3].as_mut()));
    }
    for (stream, bytes) in streams.into_iter().zip(&all) {
        check(stream, bytes);
    }
}

#[test]
fn who_is_alone_or_brings_little_waits_for_nobody() {
    let hashing = Arc::new(Hashing::default());
    let (mut one, mut two, mut three) = (stream(&hashing), stream(&hashing), stream(&hashing));
    assert!(one.update(bytes(1)).now_or_never().is_some());
    assert!(two.update(bytes(2).slice(..4000)).now_or_never().is_some());
    assert!(two.update(bytes(2).slice(4000..)).now_or_never().is_none());
    drop(two);
    assert!(three.update(bytes(3)).now_or_never().is_none());
    drop(one);
    let mut four = stream(&hashing);
    drop(three);
    assert!(four.update(bytes(4)).now_or_never().is_some(), "alone again");
    check(four, &bytes(4));
}

#[test]
fn a_poll_hashes_no_more_than_a_piece() {
    let hashing = Arc::new(Hashing::default());
    let large: Bytes = vec![3; 3 * PIECE_BYTES + 1].into();
    let mut stream = stream(&hashing);
    {
        let mut update = pin!(stream.update(large.clone()));
        for _ in 0..3 {
            assert!(!poll(update.as_mut()));
        }
        assert!(poll(update.as_mut()));
    }
    check(stream, &large);
}

#[test]
fn who_is_dropped_takes_his_bytes_along() {
    let hashing = Arc::new(Hashing::default());
    let (mut one, mut two) = (stream(&hashing), stream(&hashing));
    assert!(one.update(bytes(1)).now_or_never().is_some());
    {
        let mut dropped = pin!(two.update(bytes(2)));
        assert!(!poll(dropped.as_mut()));
        assert_eq!(hashing.queue.len(), 1);
        let mut update = pin!(one.update(bytes(1)));
        assert!(!poll(update.as_mut()));
        assert_eq!(hashing.queue.len(), 2);
        // Both are given up.
    }
    assert_eq!(hashing.queue.len(), 0);
    check(one, &bytes(1));
    check(two, b"");
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
    let whole: Bytes = vec![7; 1 << 20].into();
    let mut shared = 0;
    {
        let mut writes: Vec<_> = uploads
            .iter_mut()
            .map(|upload| Box::pin(upload.write(whole.clone()).map(Result::unwrap)))
            .collect();
        while !writes.is_empty() {
            writes.retain_mut(|write| !poll(write.as_mut()));
            shared = shared.max(queue.len());
        }
    }
    assert!(shared > 1, "each hashes for himself");
    let digest = Digest::of(Algorithm::Sha256, &[b"few", &whole[..]].concat());
    for upload in uploads {
        upload.commit(&digest).await.unwrap();
    }
}

/// Threads that exist only when somebody asks for them.
#[derive(Debug)]
struct Later {
    count: usize,
    work: Mutex<Vec<Work>>,
}

impl Later {
    fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { count, work: Mutex::default() })
    }
}

struct Work(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}

impl Threads for Later {
    fn count(&self) -> usize {
        self.count
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        self.work.lock().unwrap().push(Work(work));
    }
}

#[test]
fn threads_go_on_until_nothing_is_left() {
    for is_run in [true, false] {
        let threads = Later::new(1);
        let hashing = Arc::new(Hashing::on(Some(threads.clone())));
        let mut streams: [_; 5] = std::array::from_fn(|_| stream(&hashing));
        let all = bytes(5);
        for _ in 0..2 {
            for stream in &mut streams {
                assert!(stream.update(all.clone()).now_or_never().is_some(), "nobody waits");
            }
            assert_eq!(hashing.queue.len(), 5);
            let mut work = std::mem::take(&mut *threads.work.lock().unwrap());
            assert_eq!(work.len(), 1, "it has one thread only");
            let Work(work) = work.remove(0);
            if is_run {
                work();
            } else {
                drop(work); // as a runtime does that ends
            }
            assert_eq!(hashing.queue.len(), 0);
        }
        for stream in streams {
            check(stream, &[&all[..], &all].concat());
        }
    }
}

#[test]
fn a_stream_with_a_thread_for_itself_is_two_pieces_ahead_at_most() {
    let threads = Later::new(1);
    let hashing = Arc::new(Hashing::on(Some(threads.clone())));
    let (mut one, few) = (stream(&hashing), Bytes::from_static(b"few"));
    for fill in 1..=2 {
        assert!(one.update(bytes(fill)).now_or_never().is_some());
    }
    assert_eq!(hashing.queue.len(), 1, "the second piece is behind the first");
    assert_eq!(one.size(), 20_000, "what is under way counts");
    assert!(one.update(bytes(3)).now_or_never().is_none());
    assert!(one.update(few.clone()).now_or_never().is_none(), "order is kept");
    assert_eq!(one.size(), 20_000, "what was given up does not");
    let mut two = stream(&hashing);
    assert!(two.update(bytes(4)).now_or_never().is_some());
    assert!(two.update(bytes(5)).now_or_never().is_none(), "there is one thread for both");
    let Work(work) = threads.work.lock().unwrap().remove(0);
    work();
    assert_eq!(hashing.queue.len(), 0, "it went on with what was behind");
    assert!(one.update(few.clone()).now_or_never().is_some());
    check(one, &[&bytes(1)[..], &bytes(2), &few].concat());
    check(two, &bytes(4));
}

#[test]
fn what_is_behind_goes_where_the_bytes_before_it_go() {
    for is_dropped in [true, false] {
        let threads = Later::new(1);
        let hashing = Arc::new(Hashing::on(Some(threads.clone())));
        let mut one = stream(&hashing);
        for fill in 1..=2 {
            assert!(one.update(bytes(fill)).now_or_never().is_some());
        }
        let Work(work) = threads.work.lock().unwrap().remove(0);
        if is_dropped {
            drop(one);
            assert_eq!(hashing.queue.len(), 0);
            work();
        } else {
            drop(work); // as a runtime does that ends
            check(one, &[bytes(1), bytes(2)].concat());
        }
        assert_eq!(hashing.queue.len(), 0);
    }
}

#[test]
fn streams_that_met_part_where_there_is_a_thread_for_each() {
    let threads = Later::new(2);
    let hashing = Arc::new(Hashing::on(Some(threads.clone())));
    let mut streams = [stream(&hashing), stream(&hashing)];
    for fill in 1..=2 {
        for stream in &mut streams {
            assert!(stream.update(bytes(fill)).now_or_never().is_some());
        }
    }
    let mut asked = std::mem::take(&mut *threads.work.lock().unwrap());
    assert_eq!(asked.len(), 2, "nobody is asked for what is behind");
    drop(asked.pop());
    let Work(work) = asked.remove(0);
    work();
    assert_eq!(threads.work.lock().unwrap().len(), 1, "it asked for the other one");
    for stream in streams {
        check(stream, &[bytes(1), bytes(2)].concat());
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn file(parts: &[&[u8]]) -> Arc<File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&parts.concat()).unwrap();
    Arc::new(file)
}

#[test]
fn a_file_may_be_shorter_or_not_to_be_read() {
    for threads in [None, Some(Arc::new(Spawned) as Arc<dyn Threads>)] {
        let hashing = Arc::new(Hashing::on(threads));
        let mut one = stream(&hashing);
        let short = file(&[&bytes(1)]);
        assert_eq!(block_on(one.update_from(&short, 0..500_000)).unwrap(), 10_000);
        assert_eq!(block_on(one.update_from(&short, 10_000..10_001)).unwrap(), 0);
        let unread = tempfile::NamedTempFile::new().unwrap();
        let unread = Arc::new(File::options().write(true).open(unread.path()).unwrap());
        block_on(stream(&hashing).update_from(&unread, 0..1)).unwrap_err();
        check(one, &bytes(1));
    }
}

#[test]
fn a_file_whose_thread_went_away_is_read_by_who_waits() {
    let threads = Later::new(1);
    let hashing = Arc::new(Hashing::on(Some(threads.clone())));
    let mut stream = stream(&hashing);
    let file = file(&[&bytes(7)]);
    {
        let mut update = pin!(stream.update_from(&file, 0..10_000));
        assert!(update.as_mut().now_or_never().is_none());
        threads.work.lock().unwrap().clear(); // as a runtime does that ends
        assert_eq!(update.now_or_never().unwrap().unwrap(), 10_000);
    }
    check(stream, &bytes(7));
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
        lens in vec(vec((0usize..20_000, prop::option::of(1usize..12)), 0..8), 1..12),
        has_threads: bool,
        long in 0usize..12,
    ) {
        let threads: Option<Arc<dyn Threads>> = if has_threads { Some(Arc::new(Spawned)) } else { None };
        let hashing = Arc::new(Hashing::on(threads));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
        let tasks = lens.into_iter().enumerate().map(|(index, lens)| {
            let algorithm = if index == long { Algorithm::Sha512 } else { Algorithm::Sha256 };
            let mut stream = hashing.stream(Hasher::new(algorithm));
            runtime.spawn(async move {
                let mut whole = Vec::new();
                for (fill, (len, times)) in (0..).zip(lens) {
                    let piece: Bytes = vec![fill; len * times.unwrap_or(1)].into();
                    if times.is_some() {
                        let (file, len) = (file(&[b"before", &piece[..], b"behind"]), piece.len() as u64);
                        assert_eq!(stream.update_from(&file, 6..6 + len).await.unwrap(), len);
                    } else {
                        stream.update(piece.clone()).await;
                    }
                    whole.extend_from_slice(&piece);
                    assert_eq!(stream.size(), whole.len() as u64);
                }
                let hasher = stream.settle().await.clone();
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
