//! Where a POST leads to, and where the first bytes lead to from there.

use crate::content::{noise, sha256};
use crate::half_request::HalfRequest;
use crate::server::{on_directory, on_every_store};
use crate::session::offset;

#[test]
fn where_a_post_led_the_upload_is_found_that_was_begun_there() {
    on_every_store(async |client| {
        let posted = client.begin("app").await;
        assert_eq!(posted.offset().await, 0);
        let session = client.session(&posted.chunk(0, "hello").await.expect(202));
        let status = posted.status().await.expect(204);
        assert_eq!(offset(&status), 5);
        assert_eq!(status.header("location"), session.location);
        let answer = posted.chunk(3, "lo").await.refused(416, "BLOB_UPLOAD_INVALID", &["byte 5"]);
        assert_eq!(answer.header("location"), session.location);
        posted.chunk(5, " world").await.expect(202);
        posted.finish(&sha256("hello world")).await.expect(201);
        posted.finish(&sha256("hello world")).await.expect(201);
        assert_eq!(
            client.get_blob("app", &sha256("hello world")).await.expect(200).body,
            "hello world"
        );
        posted.status().await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["app"]);
    });
}

#[test]
fn each_first_chunk_is_an_upload_of_its_own() {
    on_every_store(async |client| {
        for (round, len) in (0..20).zip((1..).step_by(1000)) {
            let (one, two) = (noise(round, len), noise(100 + round, 30_000));
            let posted = client.begin("app").await;
            let begun = tokio::join!(posted.chunk(0, one.clone()), posted.chunk(0, two.clone()));
            let first = client.session(&begun.0.expect(202));
            let second = client.session(&begun.1.expect(202));
            assert_ne!(first.location, second.location);
            first.finish(&sha256(&one)).await.expect(201);
            second.finish(&sha256(&two)).await.expect(201);
            for bytes in [one, two] {
                assert!(client.get_blob("app", &sha256(&bytes)).await.expect(200).body == bytes);
            }
        }
    });
}

/// A client that does not learn what became of its first request can send it once more.
#[test]
fn a_whole_blob_can_be_sent_again_to_where_a_post_led() {
    on_every_store(async |client| {
        for len in [10, 100_000] {
            let bytes = noise(3, len);
            let posted = client.begin("app").await;
            for _ in 0..3 {
                let put = client.put(&posted.closing(&sha256(&bytes)));
                put.bytes(bytes.clone()).send().await.expect(201);
            }
            posted.finish(&sha256(&bytes)).await.expect(201);
            posted.finish(&sha256("other")).await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["app"]);
        }
    });
}

#[test]
fn a_chunk_that_was_not_answered_is_found_where_the_post_led() {
    on_every_store(async |client| {
        let bytes = noise(4, 100_000);
        let posted = client.begin("app").await;
        let head = format!("PATCH {} HTTP/1.1\r\n", posted.location);
        drop(HalfRequest::send(&client, &head, bytes.len(), &bytes[..70_000]).await);
        assert_eq!(posted.offset().await, 0);
        posted.chunk(0, bytes.clone()).await.expect(202); // and the answer gets lost
        let session = client.session(&posted.status().await.expect(204));
        assert_eq!(session.offset().await, bytes.len());
        posted.finish(&sha256(&bytes)).await.expect(201);
        assert!(client.get_blob("app", &sha256(&bytes)).await.expect(200).body == bytes);
    });
}

#[test]
fn a_whole_blob_that_breaks_off_can_be_sent_again() {
    on_every_store(async |client| {
        let bytes = noise(5, 200_000);
        let posted = client.begin("app").await;
        let head = format!("PUT {} HTTP/1.1\r\n", posted.closing(&sha256(&bytes)));
        let half = HalfRequest::send(&client, &head, bytes.len(), &bytes[..150_000]).await;
        half.break_off().await;
        assert_eq!(posted.offset().await, 0);
        posted.chunk(0, bytes.clone()).await.expect(202);
        let put = client.put(&posted.closing(&sha256(&bytes)));
        put.bytes(bytes.clone()).send().await.expect(201);
        assert!(client.get_blob("app", &sha256(&bytes)).await.expect(200).body == bytes);
        posted.status().await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["app"]);
    });
}

/// As far as anybody can tell: it was given up, or never had bytes.
#[test]
fn what_has_no_bytes_and_should_have_some_is_unknown() {
    on_every_store(async |client| {
        let posted = client.begin("app").await;
        posted.finish(&sha256("hello")).await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["app"]);
        posted.finish(&sha256("")).await.expect(201);
        let posted = client.begin("app").await;
        posted.chunk(0, "hello").await.expect(202);
        posted.cancel().await.expect(204);
        posted.finish(&sha256("hello")).await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["app"]);
        client.push_blob("app", "hello").await;
        posted.finish(&sha256("hello")).await.expect(201);
    });
}

#[test]
fn a_cancelled_upload_is_gone_and_another_may_begin_there() {
    on_every_store(async |client| {
        let posted = client.begin("app").await;
        posted.chunk(0, "hello").await.expect(202);
        posted.cancel().await.expect(204);
        assert_eq!(posted.offset().await, 0);
        posted.chunk(0, "hi").await.expect(202);
        posted.finish(&sha256("hi")).await.expect(201);
    });
}

#[test]
fn nobody_can_make_up_where_a_post_leads() {
    on_every_store(async |client| {
        let posted = client.begin("mine").await;
        let (before, id) = posted.location.rsplit_once('/').unwrap();
        for at in 0..id.len() {
            let mut other = id.as_bytes().to_vec();
            other[at] = if other[at] == b'b' { b'c' } else { b'b' };
            let other = String::from_utf8(other).unwrap();
            let made_up = client.session_at(&format!("{before}/{other}"));
            made_up.status().await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["mine"]);
            made_up.chunk(0, "hello").await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["mine"]);
        }
        let elsewhere = client.session_at(&posted.location.replacen("/mine/", "/yours/", 1));
        elsewhere.chunk(0, "hello").await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["yours"]);
        posted.chunk(0, "hello").await.expect(202);
    });
}

#[test]
fn a_post_stores_nothing() {
    on_directory(&async |client, root| {
        let posted = client.begin("app").await;
        let sessions = || std::fs::read_dir(root.join("records/u")).map_or(0, Iterator::count);
        assert_eq!(sessions(), 0);
        posted.chunk(0, "hello").await.expect(202);
        assert_eq!(sessions(), 1);
    });
}
