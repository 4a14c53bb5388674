//! Pushing blobs in one go, and the life of a session (B1-B4, B9-B11).

use bytes::Bytes;

use crate::content::{noise, sha256};
use crate::server::on_every_store;

#[test]
fn a_session_has_a_location_of_its_own() {
    on_every_store(async |client| {
        let path = "/v2/app/blobs/uploads/";
        let one = client.post(path).send().await.expect(202);
        let other = client.post(path).send().await.expect(202);
        assert_ne!(one.header("location"), other.header("location"));
        assert_ne!(one.header("docker-upload-uuid"), other.header("docker-upload-uuid"));
        let least: u64 = one.header("oci-chunk-min-length").parse().unwrap();
        assert!(least > 0);
        assert_eq!(one.header("range"), "0-0");
    });
}

#[test]
fn post_then_put_is_a_blob() {
    on_every_store(async |client| {
        let bytes = noise(1, 1 << 20);
        let digest = sha256(&bytes);
        let session = client.begin("app").await;
        let put = client.put(&session.closing(&digest));
        let request = put.header("content-type", "application/octet-stream");
        let answer = request.bytes(bytes.clone()).send().await.expect(201);
        assert_eq!(answer.header("docker-content-digest"), digest);
        let pulled = client.get(answer.header("location")).await.expect(200);
        assert!(pulled.body == bytes);
        session.status().await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["app"]);
    });
}

#[test]
fn a_single_post_is_a_blob() {
    on_every_store(async |client| {
        let bytes = noise(1, 1 << 20);
        let digest = sha256(&bytes);
        let path = format!("/v2/app/blobs/uploads/?digest={digest}");
        let answer = client.post(&path).bytes(bytes.clone()).send().await.expect(201);
        assert_eq!(answer.header("docker-content-digest"), digest);
        let pulled = client.get(answer.header("location")).await.expect(200);
        assert!(pulled.body == bytes);
    });
}

#[test]
fn a_blob_that_is_pushed_twice_is_there_once() {
    on_every_store(async |client| {
        let digest = client.push_blob("app", "twice").await;
        let session = client.begin("app").await;
        session.stream(vec!["twice".into()]).await.expect(202);
        session.finish(&digest).await.expect(201);
        assert_eq!(client.get_blob("app", &digest).await.expect(200).body, "twice");
    });
}

#[test]
fn a_stream_is_an_upload() {
    on_every_store(async |client| {
        let bytes = noise(4, 3 << 20);
        let pieces: Vec<Bytes> = bytes.chunks(10_007).map(Bytes::copy_from_slice).collect();
        let session = client.begin("app").await;
        let answer = session.stream(pieces).await.expect(202);
        assert_eq!(answer.header("range"), format!("0-{}", bytes.len() - 1));
        let session = client.session(&answer);
        session.finish(&sha256(&bytes)).await.expect(201);
        assert!(client.get_blob("app", &sha256(&bytes)).await.expect(200).body == bytes);
    });
}

#[test]
fn a_session_tells_how_far_it_is() {
    on_every_store(async |client| {
        let session = client.begin("app").await;
        assert_eq!(session.status().await.expect(204).header("range"), "0-0");
        let session = client.session(&session.chunk(0, "hello").await.expect(202));
        let answer = session.status().await.expect(204);
        assert_eq!(answer.header("range"), "0-4");
        assert_eq!(answer.header("location"), session.location);
        assert!(answer.body.is_empty());
    });
}

#[test]
fn a_cancelled_session_is_gone() {
    on_every_store(async |client| {
        let session = client.begin_with("app", "hello").await;
        session.cancel().await.expect(204);
        let gone = ["app", session.location.rsplit('/').next().unwrap()];
        session.status().await.refused(404, "BLOB_UPLOAD_UNKNOWN", &gone);
        session.chunk(5, "!").await.refused(404, "BLOB_UPLOAD_UNKNOWN", &gone);
        session.cancel().await.refused(404, "BLOB_UPLOAD_UNKNOWN", &gone);
        let digest = sha256("hello");
        session.finish(&digest).await.refused(404, "BLOB_UPLOAD_UNKNOWN", &gone);
        client.get_blob("app", &digest).await.expect(404);
    });
}

#[test]
fn a_session_belongs_to_its_repository() {
    on_every_store(async |client| {
        let session = client.begin_with("mine", "hello").await;
        let elsewhere = session.location.replacen("/mine/", "/yours/", 1);
        client.get(&elsewhere).await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["yours"]);
        client.delete(&elsewhere).await.expect(404);
        session.finish(&sha256("hello")).await.expect(201);
    });
}

#[test]
fn a_wrong_digest_is_400_and_the_session_goes_on() {
    on_every_store(async |client| {
        let (right, wrong) = (sha256("hello world"), sha256("something else"));
        let session = client.begin_with("app", "hello").await;
        let answer = session.finish_with(&wrong, 5, " world").await;
        answer.refused(400, "DIGEST_INVALID", &[&wrong, &right, "11"]);
        for digest in [&right, &wrong] {
            client.get_blob("app", digest).await.expect(404);
        }
        assert_eq!(session.offset().await, 5);
        session.finish_with(&right, 5, " world").await.expect(201);
        assert_eq!(client.get_blob("app", &right).await.expect(200).body, "hello world");
    });
}

#[test]
fn a_wrong_digest_of_a_single_post_leaves_nothing() {
    on_every_store(async |client| {
        let (right, wrong) = (sha256("hello"), sha256("something else"));
        let path = format!("/v2/app/blobs/uploads/?digest={wrong}");
        let answer = client.post(&path).bytes("hello").send().await;
        answer.refused(400, "DIGEST_INVALID", &[&right, &wrong]);
        client.get_blob("app", &right).await.expect(404);
        client.get_blob("app", &wrong).await.expect(404);
    });
}

#[test]
fn an_upload_without_a_digest_cannot_end() {
    on_every_store(async |client| {
        let session = client.begin_with("app", "hello").await;
        let answer = client.put(&session.location).send().await;
        answer.refused(400, "DIGEST_INVALID", &["digest="]);
        assert_eq!(session.offset().await, 5);
        session.finish(&sha256("hello")).await.expect(201);
    });
}

#[test]
fn an_end_whose_answer_got_lost_can_be_sent_again() {
    on_every_store(async |client| {
        let digest = sha256("hello world");
        let session = client.begin_with("app", "hello").await;
        for _ in 0..3 {
            let answer = session.finish_with(&digest, 5, " world").await.expect(201);
            assert_eq!(answer.header("docker-content-digest"), digest);
        }
        session.finish(&digest).await.expect(201);
        session.finish(&sha256("hello")).await.refused(404, "BLOB_UPLOAD_UNKNOWN", &[]);
        client.get_blob("app", &sha256("hello")).await.expect(404);
        assert_eq!(client.get_blob("app", &digest).await.expect(200).body, "hello world");
    });
}
