//! The clauses of [`orlop_backend::Extents`].
//!
//! Each panics if the backend breaks it, and on any error that the backend gives.
#![allow(clippy::missing_panics_doc)] // said once, above

use std::ops::Range;

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{Appender, Checkpoint, Claim, Environment, ExtentId};

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
    for range in [0..1, 0..100_000, 99_999..100_000, 500..70_000, 99_990..200_000] {
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

/// After giving up, nothing of the extent is left, even if its writer goes on.
pub async fn an_abandoned_extent_is_never_seen(subject: &dyn Subject) {
    let store = subject.open().await;
    let id = fresh(&store);
    let mut appender = claim(&store, id, &Checkpoint::start()).await;
    appender.write("bytes".into()).await.expect("written");
    let at = appender.checkpoint().await.expect("durable");
    subject.open().await.extents.abandon(id, &at).await.expect("given up");
    let _ = appender.seal().await;
    assert!(read(&store, id, 0..10).await.is_none());
    assert_eq!(walk(&store).await, []);
    store.extents.abandon(fresh(&store), &Checkpoint::start()).await.expect("nothing to do");
}

/// Open ones and sealed ones, with their lengths.
pub async fn a_walk_finds_every_extent(subject: &dyn Subject) {
    let store = subject.open().await;
    let mut expected = Vec::new();
    for len in 0..20 {
        let id = fresh(&store);
        write_sealed(&store, id, &pattern(len * 1000)).await;
        expected.push((id, len as u64 * 1000));
    }
    let id = fresh(&store);
    let mut appender = claim(&store, id, &Checkpoint::start()).await;
    appender.write(pattern(7)).await.expect("written");
    appender.checkpoint().await.expect("durable");
    expected.push((id, 7));
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

async fn walk(store: &Environment) -> Vec<(ExtentId, u64)> {
    let walk = store.extents.walk();
    let mut found: Vec<_> =
        walk.map_ok(|entry| (entry.id, entry.len)).try_collect().await.expect("a walk");
    found.sort_unstable();
    found
}
