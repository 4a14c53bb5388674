//! Clients that break off in the middle, or take their time.

use bytes::Bytes;

use crate::content::{OCI_INDEX, index, noise, sha256};
use crate::half_request::HalfRequest;
use crate::server::on_every_store;
use crate::session::{Session, content_range, offset};

/// Goes on from wherever the server is, as often as it takes: it may learn only later that the
/// other connection is gone.
async fn go_on(session: &Session, bytes: &Bytes, sent: usize) {
    for _ in 0..200 {
        let at = session.offset().await;
        assert!(at <= sent, "the server has {at} bytes of {sent}");
        let answer = session.chunk(at, bytes.slice(at..)).await;
        if answer.status == 202 {
            assert_eq!(offset(&answer), bytes.len());
            return;
        }
        answer.refused(416, "BLOB_UPLOAD_INVALID", &[]);
    }
    panic!("the session never went on");
}

#[test]
fn a_stream_without_a_length_that_breaks_off_can_be_continued() {
    on_every_store(async |client| {
        for sent in [0, 1000, 100_000, 900_000] {
            let bytes = noise(sent as u64, 1_000_000);
            let session = client.begin("app").await;
            let head =
                format!("PATCH {} HTTP/1.1\r\ntransfer-encoding: chunked\r\n", session.location);
            let mut half = HalfRequest::open(&client, &head).await;
            // The piece is announced as longer than what comes of it.
            half.go_on(b"\r\nF0000\r\n").await;
            half.go_on(&bytes[..sent]).await;
            half.break_off().await;
            go_on(&session, &bytes, sent).await;
            session.finish(&sha256(&bytes)).await.expect(201);
            assert!(client.get_blob("app", &sha256(&bytes)).await.expect(200).body == bytes);
        }
    });
}

#[test]
fn a_stream_that_breaks_off_keeps_what_was_acknowledged() {
    on_every_store(async |client| {
        let bytes = noise(7, 1_000_000);
        let session = client.begin("app").await;
        session.stream(vec![bytes.slice(..300_000)]).await.expect(202);
        let head = format!("PATCH {} HTTP/1.1\r\n", session.location);
        let half = HalfRequest::send(&client, &head, 700_000, &bytes[300_000..500_000]).await;
        half.break_off().await;
        assert!(session.offset().await >= 300_000);
        go_on(&session, &bytes, 500_000).await;
        session.finish(&sha256(&bytes)).await.expect(201);
    });
}

/// A connection may break while what was sent through it is still on its way. The client has gone
/// on meanwhile, and must not find foreign bytes behind its own.
#[test]
fn a_stream_that_comes_late_and_broken_leaves_no_trace() {
    on_every_store(async |client| {
        let bytes = noise(7, 1_000_000);
        let session = client.begin("app").await;
        let head = format!("PATCH {} HTTP/1.1\r\ncontent-length: 700000\r\n", session.location);
        let mut late = HalfRequest::open(&client, &head).await;
        session.chunk(0, bytes.clone()).await.expect(202);
        late.go_on(b"\r\n").await;
        late.go_on(&bytes[..200_000]).await;
        late.break_off().await;
        assert_eq!(session.offset().await, bytes.len());
        session.finish(&sha256(&bytes)).await.expect(201);
    });
}

#[test]
fn a_chunk_that_breaks_off_leaves_no_trace() {
    on_every_store(async |client| {
        let bytes = noise(8, 1_000_000);
        let session = client.begin_with("app", bytes.slice(..300_000)).await;
        let range = content_range(300_000, 700_000);
        let head = format!("PATCH {} HTTP/1.1\r\ncontent-range: {range}\r\n", session.location);
        drop(HalfRequest::send(&client, &head, 700_000, &bytes[300_000..900_000]).await);
        assert_eq!(session.offset().await, 300_000);
        go_on(&session, &bytes, 300_000).await;
        session.finish(&sha256(&bytes)).await.expect(201);
        assert!(client.get_blob("app", &sha256(&bytes)).await.expect(200).body == bytes);
    });
}

#[test]
fn an_end_that_breaks_off_makes_no_blob() {
    on_every_store(async |client| {
        let bytes = noise(9, 600_000);
        let digest = sha256(&bytes);
        let session = client.begin_with("app", bytes.slice(..300_000)).await;
        let head = format!("PUT {} HTTP/1.1\r\n", session.closing(&digest));
        let half = HalfRequest::send(&client, &head, 300_000, &bytes[300_000..500_000]).await;
        half.break_off().await;
        client.get_blob("app", &digest).await.expect(404);
        go_on(&session, &bytes, 300_000).await;
        session.finish(&digest).await.expect(201);
    });
}

#[test]
fn a_manifest_that_breaks_off_is_not_there() {
    on_every_store(async |client| {
        let body = index(&[]).to_string();
        let head = format!("PUT /v2/app/manifests/v1 HTTP/1.1\r\ncontent-type: {OCI_INDEX}\r\n");
        let half = HalfRequest::send(&client, &head, body.len() + 1, body.as_bytes()).await;
        half.break_off().await;
        client.get_manifest("app", "v1").await.expect(404);
        client.get_manifest("app", &sha256(body)).await.expect(404);
    });
}

#[test]
fn of_a_slow_chunk_and_a_fast_one_exactly_one_is_taken() {
    on_every_store(async |client| {
        let (slow, fast) = (noise(1, 600_000), noise(2, 600_000));
        let session = client.begin_with("app", "head").await;
        let range = content_range(4, slow.len());
        let head = format!("PATCH {} HTTP/1.1\r\ncontent-range: {range}\r\n", session.location);
        let half = HalfRequest::send(&client, &head, slow.len(), &slow[..300_000]).await;
        let answer = session.chunk(4, fast.clone()).await;
        let status = half.finish(&slow[300_000..]).await;
        let winner = if answer.status == 202 {
            assert_eq!(status, "HTTP/1.1 416 Range Not Satisfiable");
            fast
        } else {
            assert_eq!(status, "HTTP/1.1 202 Accepted");
            answer.refused(416, "BLOB_UPLOAD_INVALID", &[]);
            slow
        };
        let blob = [b"head", winner.as_ref()].concat();
        session.finish(&sha256(&blob)).await.expect(201);
        assert!(client.get_blob("app", &sha256(&blob)).await.expect(200).body == blob);
    });
}
