//! Pushing a blob in chunks (B5-B8).

use crate::content::{noise, sha256};
use crate::server::on_every_store;
use crate::session::{content_range, offset};

#[test]
fn chunks_in_order_are_a_blob() {
    on_every_store(async |client| {
        let bytes = noise(5, 2_500_000);
        let mut session = client.begin("app").await;
        for first in (0..bytes.len()).step_by(1 << 20) {
            let end = bytes.len().min(first + (1 << 20));
            let answer = session.chunk(first, bytes.slice(first..end)).await.expect(202);
            assert_eq!(answer.header("range"), format!("0-{}", end - 1));
            session = client.session(&answer);
        }
        session.finish(&sha256(&bytes)).await.expect(201);
        assert!(client.get_blob("app", &sha256(&bytes)).await.expect(200).body == bytes);
    });
}

#[test]
fn the_last_chunk_may_come_with_the_end() {
    on_every_store(async |client| {
        let digest = sha256("hello world");
        for with_range in [true, false] {
            let session = client.begin_with("app", "hello").await;
            if with_range {
                session.finish_with(&digest, 5, " world").await.expect(201);
            } else {
                let put = client.put(&session.closing(&digest));
                put.bytes(" world").send().await.expect(201);
            }
            let pulled = client.get_blob("app", &digest).await.expect(200);
            assert_eq!(pulled.body, "hello world");
        }
    });
}

#[test]
fn chunks_below_the_least_length_work() {
    on_every_store(async |client| {
        let session = client.begin("app").await;
        for (first, byte) in b"tiny".iter().enumerate() {
            session.chunk(first, vec![*byte]).await.expect(202);
        }
        session.finish(&sha256("tiny")).await.expect(201);
        assert_eq!(client.get_blob("app", &sha256("tiny")).await.expect(200).body, "tiny");
    });
}

#[test]
fn a_chunk_out_of_order_is_416_and_the_session_survives() {
    on_every_store(async |client| {
        let session = client.begin("app").await;
        let answer = session.chunk(5, " world").await;
        answer.refused(416, "BLOB_UPLOAD_INVALID", &["byte 0", "at 5"]);
        let session = client.session(&session.chunk(0, "hello").await.expect(202));
        for first in [0, 3, 6, 1000] {
            let answer = session.chunk(first, " world").await;
            let words = ["byte 5".to_owned(), format!("at {first}")];
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let answer = answer.refused(416, "BLOB_UPLOAD_INVALID", &words);
            assert_eq!(offset(&answer), 5);
            assert_eq!(answer.header("location"), session.location);
            assert_eq!(session.offset().await, 5);
        }
        session.chunk(5, " world").await.expect(202);
        session.finish(&sha256("hello world")).await.expect(201);
    });
}

#[test]
fn a_closing_chunk_out_of_order_is_416_and_the_session_survives() {
    on_every_store(async |client| {
        let digest = sha256("hello world");
        let session = client.begin_with("app", "hello").await;
        for first in [0, 4, 6] {
            let answer = session.finish_with(&digest, first, " world").await;
            let answer = answer.refused(416, "BLOB_UPLOAD_INVALID", &["byte 5"]);
            assert_eq!(offset(&answer), 5);
            client.get_blob("app", &digest).await.expect(404);
        }
        session.finish_with(&digest, 5, " world").await.expect(201);
    });
}

#[test]
fn of_two_chunks_at_one_time_exactly_one_is_taken() {
    on_every_store(async |client| {
        for round in 0..8 {
            let (one, other) = (noise(round, 300_000), noise(round + 100, 300_000));
            let session = client.begin_with("app", "head").await;
            let (first, second) =
                tokio::join!(session.chunk(4, one.clone()), session.chunk(4, other.clone()));
            let (winner, loser) = if first.status == 202 {
                (one, second)
            } else {
                second.expect(202);
                (other, first)
            };
            let loser = loser.refused(416, "BLOB_UPLOAD_INVALID", &[]);
            assert_eq!(loser.header("location"), session.location);
            assert_eq!(session.offset().await, 300_004);
            let blob = [b"head", winner.as_ref()].concat();
            session.finish(&sha256(&blob)).await.expect(201);
            let pulled = client.get_blob("app", &sha256(&blob)).await.expect(200);
            assert!(pulled.body == blob);
        }
    });
}

#[test]
fn of_two_ends_at_one_time_none_spoils_the_blob() {
    on_every_store(async |client| {
        for round in 0..100 {
            let blob = noise(round, 1000);
            let digest = sha256(&blob);
            let session = client.begin_with("app", blob.clone()).await;
            let (one, other) = tokio::join!(session.finish(&digest), session.finish(&digest));
            for answer in [&one, &other] {
                assert!(matches!(answer.status, 201 | 404 | 416), "{answer:?}");
            }
            assert!(one.status == 201 || other.status == 201, "{one:?} {other:?}");
            assert_eq!(client.get_blob("app", &digest).await.expect(200).body, blob);
        }
    });
}

#[test]
fn a_large_chunk_that_is_refused_still_gets_its_answer() {
    on_every_store(async |client| {
        let session = client.begin("app").await;
        let bytes = noise(6, 8 << 20);
        for _ in 0..10 {
            let answer = session.chunk(1, bytes.clone()).await.expect(416);
            assert_eq!(answer.header("location"), session.location);
        }
        let range = content_range(0, bytes.len());
        session.chunk_as(&range, bytes.clone()).await.expect(202);
        session.finish(&sha256(&bytes)).await.expect(201);
    });
}
