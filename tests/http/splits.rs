//! Any way to cut a blob into requests gives the same blob.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::client::Client;
use crate::content::{noise, sha256};
use crate::server::on_every_store;

/// How one part of a blob is sent.
#[derive(Clone, Debug)]
enum Part {
    Chunk(usize),
    /// In pieces of this size.
    Stream(usize, usize),
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Part::Chunk(len) | Part::Stream(len, _) => *len,
        }
    }
}

fn part() -> impl Strategy<Value = Part> {
    let len = prop_oneof![1..20usize, 1..5000usize, 1..400_000usize];
    prop_oneof![
        len.clone().prop_map(Part::Chunk),
        (len, 1..70_000usize).prop_map(|(len, piece)| Part::Stream(len, piece)),
    ]
}

fn pieces(bytes: &Bytes, size: usize) -> Vec<Bytes> {
    let starts = (0..bytes.len()).step_by(size);
    starts.map(|at| bytes.slice(at..bytes.len().min(at + size))).collect()
}

async fn push(client: &Client, blob: &Bytes, parts: &[Part], end_with_last: bool) -> Bytes {
    let digest = sha256(blob);
    let mut session = client.begin("app").await;
    let mut at = 0;
    for (i, part) in parts.iter().enumerate() {
        let bytes = blob.slice(at..at + part.len());
        let is_last = i + 1 == parts.len();
        let answer = match part {
            Part::Chunk(_) if is_last && end_with_last => {
                session.finish_with(&digest, at, bytes).await.expect(201)
            }
            Part::Stream(_, size) if is_last && end_with_last => {
                let put = client.put(&session.closing(&digest));
                put.pieces(pieces(&bytes, *size)).send().await.expect(201)
            }
            Part::Chunk(_) => session.chunk(at, bytes).await.expect(202),
            Part::Stream(_, size) => session.stream(pieces(&bytes, *size)).await.expect(202),
        };
        at += part.len();
        if answer.status == 202 {
            assert_eq!(answer.header("range"), format!("0-{}", at - 1));
            session = client.session(&answer);
        }
    }
    if parts.is_empty() || !end_with_last {
        session.finish(&digest).await.expect(201);
    }
    client.get_blob("app", &digest).await.expect(200).body
}

#[test]
fn any_split_of_a_blob_is_the_blob() {
    on_every_store(async |client| {
        let runtime = tokio::runtime::Handle::current();
        let mut runner = TestRunner::new(Config {
            cases: 24,
            failure_persistence: None,
            max_shrink_iters: 100,
            ..Config::default()
        });
        let splits = (any::<u64>(), prop::collection::vec(part(), 0..8), any::<bool>());
        // The runner is no async code, and what it runs needs the server to go on meanwhile.
        let outcome = tokio::task::block_in_place(|| {
            runner.run(&splits, |(seed, parts, end_with_last)| {
                let blob = noise(seed, parts.iter().map(Part::len).sum());
                let pushed = runtime.block_on(push(&client, &blob, &parts, end_with_last));
                if pushed != blob {
                    return Err(TestCaseError::fail("another blob came back"));
                }
                Ok(())
            })
        });
        outcome.unwrap();
    });
}
