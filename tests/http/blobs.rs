//! Pulling blobs (P2, P4, P5, P6).

use http::Method;

use crate::content::{noise, sha256};
use crate::server::on_every_store;

#[test]
fn a_blob_is_pulled_byte_for_byte() {
    on_every_store(async |client| {
        let bytes = noise(1, 3 << 20);
        let digest = client.push_blob("app", bytes.clone()).await;
        let pulled = client.get_blob("app", &digest).await.expect(200);
        assert!(pulled.body == bytes);
        assert_eq!(pulled.header("docker-content-digest"), digest);
        assert_eq!(pulled.header("content-length"), bytes.len().to_string());
        assert_eq!(pulled.header("accept-ranges"), "bytes");
    });
}

#[test]
fn the_head_of_a_blob_tells_its_size() {
    on_every_store(async |client| {
        let digest = client.push_blob("app", noise(1, 70_000)).await;
        let answer = client.head(&format!("/v2/app/blobs/{digest}")).await.expect(200);
        assert_eq!(answer.header("content-length"), "70000");
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert!(answer.body.is_empty());
    });
}

#[test]
fn an_empty_blob_is_a_blob() {
    on_every_store(async |client| {
        let digest = client.push_blob("app", "").await;
        let answer = client.head(&format!("/v2/app/blobs/{digest}")).await.expect(200);
        assert_eq!(answer.header("content-length"), "0");
        assert!(client.get_blob("app", &digest).await.expect(200).body.is_empty());

        let session = client.begin("other").await;
        session.finish(&digest).await.expect(201);
        assert!(client.get_blob("other", &digest).await.expect(200).body.is_empty());
    });
}

#[test]
fn a_range_is_a_part_of_the_blob() {
    on_every_store(async |client| {
        let bytes = noise(2, 2048);
        let digest = client.push_blob("app", bytes.clone()).await;
        let path = format!("/v2/app/blobs/{digest}");
        for (range, first, end) in [
            ("bytes=500-1499", 500, 1500),
            ("bytes=500-", 500, 2048),
            ("bytes=-500", 1548, 2048),
            ("bytes=-5000", 0, 2048),
            ("bytes=2000-5000", 2000, 2048),
            ("bytes=0-0", 0, 1),
            ("bytes=2047-2047", 2047, 2048),
        ] {
            let request = client.request(Method::GET, &path).header("range", range);
            let part = request.send().await.expect(206);
            assert_eq!(part.body, bytes[first..end], "{range}");
            let content_range = format!("bytes {first}-{}/2048", end - 1);
            assert_eq!(part.header("content-range"), content_range);
            assert_eq!(part.header("content-length"), (end - first).to_string());
            assert_eq!(part.header("docker-content-digest"), digest);
        }
    });
}

#[test]
fn a_range_across_the_pieces_of_a_large_blob_is_whole() {
    on_every_store(async |client| {
        let bytes = noise(3, 5 << 20);
        let digest = client.push_blob("app", bytes.clone()).await;
        let request = client.request(Method::GET, &format!("/v2/app/blobs/{digest}"));
        let part = request.header("range", "bytes=1048575-4194304").send().await;
        assert!(part.expect(206).body == bytes[1_048_575..4_194_305]);
    });
}

#[test]
fn a_range_behind_the_end_is_416_and_tells_the_size() {
    on_every_store(async |client| {
        let digest = client.push_blob("app", noise(2, 2048)).await;
        let empty = client.push_blob("app", "").await;
        for (digest, range, size) in [
            (&digest, "bytes=2048-", "2048"),
            (&digest, "bytes=5000-10000", "2048"),
            (&digest, "bytes=500-0", "2048"),
            (&digest, "bytes=-0", "2048"),
            (&empty, "bytes=0-0", "0"),
        ] {
            let request = client.request(Method::GET, &format!("/v2/app/blobs/{digest}"));
            let answer = request.header("range", range).send().await;
            let answer = answer.refused(416, "SIZE_INVALID", &[digest, size]);
            assert_eq!(answer.header("content-range"), format!("bytes */{size}"));
        }
    });
}

#[test]
fn a_range_that_nobody_understands_is_ignored() {
    on_every_store(async |client| {
        let bytes = noise(2, 2048);
        let digest = client.push_blob("app", bytes.clone()).await;
        for range in ["bytes=0-1,5-6", "lines=1-2", "bytes=x-y", "bytes=-"] {
            let request = client.request(Method::GET, &format!("/v2/app/blobs/{digest}"));
            let answer = request.header("range", range).send().await;
            assert_eq!(answer.expect(200).body, bytes, "{range}");
        }
    });
}

#[test]
fn a_blob_is_seen_only_where_it_was_pushed() {
    on_every_store(async |client| {
        let digest = client.push_blob("mine", "secret").await;
        let answer = client.get_blob("yours", &digest).await;
        answer.refused(404, "BLOB_UNKNOWN", &["yours", &digest]);
        client.head(&format!("/v2/yours/blobs/{digest}")).await.expect(404);

        client.push_blob("yours", "secret").await;
        assert_eq!(client.get_blob("yours", &digest).await.expect(200).body, "secret");
    });
}

#[test]
fn what_is_not_there_is_404() {
    on_every_store(async |client| {
        let digest = sha256("never pushed");
        let blob = client.get_blob("app", &digest).await;
        blob.refused(404, "BLOB_UNKNOWN", &["app", &digest]);
        for reference in [digest.as_str(), "never"] {
            let manifest = client.get_manifest("app", reference).await;
            manifest.refused(404, "MANIFEST_UNKNOWN", &["app", reference]);
        }
        let session = client.get("/v2/app/blobs/uploads/never").await;
        session.refused(404, "BLOB_UPLOAD_UNKNOWN", &["app", "never"]);
        let tags = client.get("/v2/app/tags/list").await;
        tags.refused(404, "NAME_UNKNOWN", &["app"]);
        client.get("/v2/app/nothing").await.refused(404, "UNSUPPORTED", &[]);
        let answer = client.post("/v2/_catalog").send().await;
        let answer = answer.refused(405, "UNSUPPORTED", &["POST", "GET"]);
        assert_eq!(answer.header("allow"), "GET, HEAD");
    });
}
