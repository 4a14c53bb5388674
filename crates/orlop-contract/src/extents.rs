//! The clauses of [`orlop_backend::Extents`].
//!
//! Each panics if the backend breaks it, and on any error that the backend gives.
#![allow(clippy::missing_panics_doc)] // said once, above

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{Appender, Checkpoint, Claim, Environment, ExtentId, ExtentState, FileRange};

use crate::Subject;

/// Bytes that were written in pieces and sealed are read as one.
pub async fn a_sealed_extent_reads_back(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    let content = pattern(5 << 20);
    let mut appender = claim(&store, id, &Checkpoint::start()).await;
    for piece in [0..1, 1..4096, 4096..3_000_000, 3_000_000..content.len()] {
        appender.write(content.slice(piece)).await.expect("written");
    }
    appender.seal().await.expect("sealed");
    let read = read(&subject.open().await, id, 0..u64::MAX).await.expect("it is there");
    assert!(read == content);
}

/// A range may begin and end anywhere, also behind the end.
pub async fn ranges_are_cut_at_the_end(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    let content = pattern(100_000);
    write_sealed(&store, id, &content).await;
    for range in [0..1, 0..100_000, 99_999..100_000, 500..70_000, 99_990..200_000, 7..usize::MAX] {
        let expected = content.slice(range.start..range.end.min(100_000));
        let range = range.start as u64..range.end as u64;
        let read = read(&store, id, range.clone()).await.expect("it is there");
        assert!(read == expected, "{range:?}");
    }
    for range in [0..0, 100_000..100_001, 200_000..u64::MAX] {
        assert!(read(&store, id, range).await.expect("it is there").is_empty());
    }
}

/// No bytes at all are an extent too.
pub async fn an_empty_extent_can_be_sealed_and_read(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    claim(&store, id, &Checkpoint::start()).await.seal().await.expect("sealed");
    assert!(read(&store, id, 0..10).await.expect("it is there").is_empty());
}

/// Only a seal makes readable.
pub async fn an_extent_that_is_not_sealed_cannot_be_read(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    assert!(read(&store, id, 0..10).await.is_none());
    let mut appender = claim(&store, id, &Checkpoint::start()).await;
    appender.write("bytes".into()).await.expect("written");
    appender.checkpoint().await.expect("durable");
    assert!(read(&store, id, 0..10).await.is_none());
}

/// A checkpoint is all that another process needs.
pub async fn any_opening_goes_on_from_a_checkpoint(subject: &dyn Subject) {
    let content = pattern(3 << 20);
    let id = fresh(&subject.open().await);
    let mut at = Checkpoint::start();
    for piece in content.chunks(700_000) {
        let store = subject.open().await;
        let mut appender = claim(&store, id, &at).await;
        appender.write(Bytes::copy_from_slice(piece)).await.expect("written");
        let next = appender.checkpoint().await.expect("durable");
        assert_eq!(next.len, at.len + piece.len() as u64);
        at = next;
    }
    let store = subject.open().await;
    claim(&store, id, &at).await.seal().await.expect("sealed");
    assert!(read(&store, id, 0..u64::MAX).await.expect("it is there") == content);
}

/// What was written behind a checkpoint and never made durable is not mixed into what comes.
pub async fn what_followed_a_checkpoint_is_discarded(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    let mut appender = claim(&store, id, &Checkpoint::start()).await;
    appender.write(pattern(2 << 20)).await.expect("written");
    let at = appender.checkpoint().await.expect("durable");
    appender.write(pattern(5 << 20)).await.expect("written");
    drop(appender);
    let mut appender = claim(&store, id, &at).await;
    appender.write("the end".into()).await.expect("written");
    appender.seal().await.expect("sealed");
    let read = read(&store, id, 0..u64::MAX).await.expect("it is there");
    assert_eq!(read.len() as u64, at.len + 7);
    assert_eq!(read.slice(2 << 20..), "the end");
}

/// Who goes on from an older checkpoint is told that it discards what a newer one has, or harms
/// nobody who has the newer one.
pub async fn a_writer_knows_whether_it_discards_something(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    let mut appender = claim(&store, id, &Checkpoint::start()).await;
    assert!(!appender.discards(), "there is nothing yet");
    appender.write("one ".into()).await.expect("written");
    let first = appender.checkpoint().await.expect("durable");
    drop(appender);
    let mut appender = claim(&store, id, &first).await;
    assert!(!appender.discards(), "there is nothing behind the checkpoint");
    appender.write("two".into()).await.expect("written");
    let second = appender.checkpoint().await.expect("durable");
    drop(appender);
    let mut appender = claim(&store, id, &first).await;
    if appender.discards() {
        return;
    }
    appender.write("TWO AND MORE".into()).await.expect("written");
    appender.checkpoint().await.expect("durable");
    drop(appender);
    claim(&store, id, &second).await.seal().await.expect("sealed");
    assert_eq!(read(&store, id, 0..100).await.expect("it is there"), "one two");
}

/// A claim at an old checkpoint that is dropped without a write harms nothing.
pub async fn a_claim_changes_nothing(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    let mut appender = claim(&store, id, &Checkpoint::start()).await;
    appender.write("one ".into()).await.expect("written");
    let first = appender.checkpoint().await.expect("durable");
    appender.write("two".into()).await.expect("written");
    let second = appender.checkpoint().await.expect("durable");
    drop(appender);
    drop(claim(&store, id, &first).await);
    drop(claim(&store, id, &Checkpoint::start()).await);
    claim(&store, id, &second).await.seal().await.expect("sealed");
    assert_eq!(read(&store, id, 0..10).await.expect("it is there"), "one two");
}

/// While one writes, another one is either kept out or cannot reach what the first one wrote.
pub async fn a_second_writer_cannot_destroy_what_the_first_one_wrote(subject: &dyn Subject) {
    let (one, two) = (subject.open().await, subject.open().await);
    let id = fresh(&one);
    let mut appender = claim(&one, id, &Checkpoint::start()).await;
    appender.write("first".into()).await.expect("written");
    let at = appender.checkpoint().await.expect("durable");
    if let Claim::Granted(mut other) =
        two.extents.claim(id, &Checkpoint::start()).await.expect("an answer")
    {
        let _ = other.write("SECOND".into()).await;
        let _ = other.checkpoint().await;
    }
    drop(appender);
    claim(&one, id, &at).await.seal().await.expect("sealed");
    assert_eq!(read(&one, id, 0..10).await.expect("it is there"), "first");
}

/// What a drop leaves is what a crash leaves: the way is free.
pub async fn a_claim_ends_when_it_is_dropped(subject: &dyn Subject) {
    let (one, two) = (subject.open().await, subject.open().await);
    let id = fresh(&one);
    let mut appender = claim(&one, id, &Checkpoint::start()).await;
    appender.write(pattern(4 << 20)).await.expect("written");
    drop(appender);
    write_sealed(&two, id, &"rest".into()).await;
    assert_eq!(read(&two, id, 0..10).await.expect("it is there"), "rest");
}

/// Deleting is final, and repeating it is not an error.
pub async fn a_deleted_extent_is_absent_and_deleting_it_again_is_fine(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    write_sealed(&store, id, &"bytes".into()).await;
    for _ in 0..2 {
        store.extents.delete(id).await.expect("deleted");
        assert!(read(&store, id, 0..10).await.is_none());
    }
}

/// After giving up, nothing of the extent can be read, and what its writer still leaves is found.
pub async fn an_abandoned_extent_is_never_seen(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    let mut appender = claim(&store, id, &Checkpoint::start()).await;
    appender.write(pattern(3 << 20)).await.expect("written");
    let at = appender.checkpoint().await.expect("durable");
    subject.open().await.extents.abandon(id, &at).await.expect("given up");
    assert_eq!(walk(&store).await, []);
    let _ = appender.write(pattern(3 << 20)).await;
    let _ = appender.checkpoint().await;
    drop(appender);
    assert!(read(&store, id, 0..10).await.is_none());
    for (id, state) in walk(&store).await {
        assert_eq!(state, ExtentState::Open);
        store.extents.abandon(id, &Checkpoint::start()).await.expect("given up");
    }
    assert_eq!(walk(&store).await, []);
    store.extents.abandon(fresh(&store), &Checkpoint::start()).await.expect("nothing to do");
}

/// To give up what is left of writing takes nothing away that was sealed.
pub async fn abandoning_leaves_what_is_sealed(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    let mut appender = claim(&store, id, &Checkpoint::start()).await;
    appender.write(pattern(3 << 20)).await.expect("written");
    let at = appender.checkpoint().await.expect("durable");
    appender.write(pattern(10)).await.expect("written");
    appender.seal().await.expect("sealed");
    for at in [at, Checkpoint::start()] {
        store.extents.abandon(id, &at).await.expect("nothing to give up");
        let read = read(&store, id, 0..u64::MAX).await.expect("it is there");
        assert_eq!(read.len(), (3 << 20) + 10);
    }
}

/// Two that go on from the same checkpoint do not spoil it for each other, whatever they write.
pub async fn writers_of_one_checkpoint_do_not_harm_each_other(subject: &dyn Subject) {
    let (one, two) = (subject.open().await, subject.open().await);
    let id = fresh(&one);
    let start = pattern(3 << 20);
    let mut appender = claim(&one, id, &Checkpoint::start()).await;
    appender.write(start.clone()).await.expect("written");
    let at = appender.checkpoint().await.expect("durable");
    drop(appender);
    let mut loser = match one.extents.claim(id, &at).await.expect("an answer") {
        Claim::Granted(appender) => appender,
        Claim::Busy => panic!("nobody holds it"),
    };
    let winner = two.extents.claim(id, &at).await.expect("an answer");
    loser.write(vec![b'L'; 3 << 20].into()).await.expect("written");
    loser.checkpoint().await.expect("durable");
    let mut winner = match winner {
        Claim::Granted(winner) => winner,
        Claim::Busy => {
            drop(loser); // on this medium the one who came first is alone
            loser = claim(&one, id, &at).await;
            drop(loser);
            claim(&two, id, &at).await
        }
    };
    let end = pattern(4 << 20);
    winner.write(end.clone()).await.expect("written");
    let at = winner.checkpoint().await.expect("durable");
    drop(winner);
    claim(&one, id, &at).await.seal().await.expect("sealed");
    let read = read(&two, id, 0..u64::MAX).await.expect("it is there");
    assert!(read == [start, end].concat());
}

/// An extent that many requests wrote, some of them in vain, reads as what the last ones stored.
pub async fn ranges_run_over_all_that_was_written(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    let content = pattern(2_000_000);
    let mut at = Checkpoint::start();
    for piece in content.chunks(300_001) {
        let mut vain = claim(&store, id, &at).await;
        vain.write(vec![b'V'; 400_000].into()).await.expect("written");
        drop(vain);
        let mut appender = claim(&store, id, &at).await;
        appender.write(Bytes::copy_from_slice(piece)).await.expect("written");
        at = appender.checkpoint().await.expect("durable");
    }
    claim(&store, id, &at).await.seal().await.expect("sealed");
    for range in [0..2_000_000, 0..1, 1_999_999..3_000_000, 299_990..1_500_000, 600_001..600_003] {
        let expected = content.slice(range.start..range.end.min(content.len()));
        let read = read(&store, id, range.start as u64..range.end as u64).await;
        assert!(read.expect("it is there") == expected, "{range:?}");
    }
    let everything = read(&store, id, 0..u64::MAX).await.expect("it is there");
    assert!(everything == content);
    store.extents.delete(id).await.expect("deleted");
    assert_eq!(walk(&store).await, []);
}

/// Where there is a URL it is one; where there is none, that is an answer.
pub async fn a_url_is_given_or_not(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    write_sealed(&store, id, &"bytes".into()).await;
    let url = store.extents.presign(id, Duration::from_mins(1)).await.expect("an answer");
    assert!(url.is_none_or(|url| url.contains(&id.to_string()) && url.starts_with("http")));
}

/// Where there is a file it has the bytes, and goes on having them; where there is none, that is an
/// answer.
pub async fn a_file_has_the_bytes(subject: &dyn Subject) {
    let store = subject.open().await;
    let (id, absent) = (fresh(&store), fresh(&store));
    let content = pattern(1_000_000);
    write_sealed(&store, id, &content).await;
    assert!(store.extents.file(absent, 0..1).await.expect("an answer").is_none());
    let mut files = Vec::new();
    for range in [0..1_000_000, 0..0, 10..70_000, 999_999..5_000_000, 2_000_000..3_000_000] {
        let found = store.extents.file(id, range.start as u64..range.end as u64).await;
        files.extend(found.expect("an answer").map(|found| (found, range)));
    }
    store.extents.delete(id).await.expect("deleted");
    for (FileRange { mut file, range: found }, range) in files {
        file.seek(SeekFrom::Start(found.start)).expect("a place");
        let mut bytes = Vec::new();
        file.take(found.end - found.start).read_to_end(&mut bytes).expect("readable");
        let range = range.start.min(content.len())..range.end.min(content.len());
        assert!(bytes == content.slice(range.clone()), "{range:?}");
    }
}

/// Open ones and sealed ones, with the lengths of these.
pub async fn a_walk_finds_every_extent(subject: &dyn Subject) {
    let store = subject.open().await;
    let mut expected = Vec::new();
    for len in 0..20 {
        let id = fresh(&store);
        write_sealed(&store, id, &pattern(len * 1000)).await;
        expected.push((id, ExtentState::Sealed { len: len as u64 * 1000 }));
    }
    let id = fresh(&store);
    let mut appender = claim(&store, id, &Checkpoint::start()).await;
    appender.write(pattern(100_000)).await.expect("written");
    appender.checkpoint().await.expect("durable");
    expected.push((id, ExtentState::Open));
    expected.sort_unstable();
    assert_eq!(walk(&store).await, expected);
}

fn fresh(store: &Environment) -> ExtentId {
    store.entropy.random_id().expect("randomness").into()
}

/// Bytes that repeat nowhere soon, so that a piece in the wrong place is seen.
fn pattern(len: usize) -> Bytes {
    (0..len as u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

async fn claim(store: &Environment, id: ExtentId, from: &Checkpoint) -> Box<dyn Appender> {
    match store.extents.claim(id, from).await.expect("an answer") {
        Claim::Granted(appender) => appender,
        Claim::Busy => panic!("extent {id} is claimed by somebody else"),
    }
}

async fn write_sealed(store: &Environment, id: ExtentId, content: &Bytes) {
    let mut appender = claim(store, id, &Checkpoint::start()).await;
    appender.write(content.clone()).await.expect("written");
    appender.seal().await.expect("sealed");
}

async fn read(store: &Environment, id: ExtentId, range: Range<u64>) -> Option<Bytes> {
    let stream = store.extents.read(id, range).await.expect("an answer")?;
    let pieces: Vec<Bytes> = stream.try_collect().await.expect("readable");
    Some(pieces.concat().into())
}

async fn walk(store: &Environment) -> Vec<(ExtentId, ExtentState)> {
    let walk = store.extents.walk();
    let mut found: Vec<_> =
        walk.map_ok(|entry| (entry.id, entry.state)).try_collect().await.expect("a walk");
    found.sort_unstable();
    found
}
