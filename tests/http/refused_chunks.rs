//! Chunks that are not what they are said to be, and digests that are none.

use bytes::Bytes;

use crate::content::sha256;
use crate::server::on_every_store;

#[test]
fn a_malformed_content_range_is_400() {
    on_every_store(async |client| {
        let session = client.begin_with("app", "hello").await;
        for range in [
            "bytes 5-10/11",
            "5-",
            "-10",
            "5",
            "",
            "+5-10",
            "5-1f",
            "10-5",
            "5-18446744073709551616",
            "5-10-15",
        ] {
            let answer = session.chunk_as(range, " world").await;
            answer.refused(400, "BLOB_UPLOAD_INVALID", &["content range", range]);
            assert_eq!(session.offset().await, 5);
        }
        session.chunk(5, " world").await.expect(202);
        session.finish(&sha256("hello world")).await.expect(201);
    });
}

#[test]
fn a_chunk_of_another_length_than_its_range_is_400_and_leaves_no_trace() {
    on_every_store(async |client| {
        let session = client.begin_with("app", "hello").await;
        for (range, declared) in [("5-9", "5"), ("5-11", "7"), ("5-18446744073709551614", "6")] {
            // Once known from the length of the body, once only found out as it comes.
            let answer = session.chunk_as(range, " world").await;
            answer.refused(400, "SIZE_INVALID", &["chunk", declared, "6"]);
            let streamed = client.patch(&session.location).header("content-range", range);
            let streamed = streamed.pieces(vec![" wo".into(), "rld".into()]).send().await;
            streamed.refused(400, "SIZE_INVALID", &["chunk", declared, "6"]);
            assert_eq!(session.offset().await, 5);
        }
        session.chunk(5, " world").await.expect(202);
        session.finish(&sha256("hello world")).await.expect(201);
        let pulled = client.get_blob("app", &sha256("hello world")).await;
        assert_eq!(pulled.expect(200).body, "hello world");
    });
}

#[test]
fn a_closing_chunk_of_another_length_than_its_range_is_400() {
    on_every_store(async |client| {
        let digest = sha256("hello world");
        let session = client.begin_with("app", "hello").await;
        for range in ["5-9", "5-11"] {
            let closing = client.put(&session.closing(&digest));
            let pieces: Vec<Bytes> = vec![" wo".into(), "rld".into()];
            let answer = closing.header("content-range", range).pieces(pieces).send().await;
            answer.refused(400, "SIZE_INVALID", &["chunk", "6"]);
            client.get_blob("app", &digest).await.expect(404);
            assert_eq!(session.offset().await, 5);
        }
        session.finish_with(&digest, 5, " world").await.expect(201);
    });
}

#[test]
fn a_digest_that_is_none_is_400() {
    on_every_store(async |client| {
        let session = client.begin_with("app", "hello").await;
        let upper = sha256("hello").to_uppercase().replacen("SHA256", "sha256", 1);
        let unknown = format!("md5:{}", "0".repeat(32));
        for (digest, words) in [
            ("sha256:abc", vec!["sha256:abc", "64", "3"]),
            ("nonsense", vec!["nonsense", "colon"]),
            ("", vec!["digest"]),
            (upper.as_str(), vec!["lower-case"]),
            (unknown.as_str(), vec!["md5", "sha256", "sha512"]),
        ] {
            session.finish(digest).await.refused(400, "DIGEST_INVALID", &words);
            let path = format!("/v2/app/blobs/uploads/?digest={digest}");
            let single = client.post(&path).bytes("hello").send().await;
            single.refused(400, "DIGEST_INVALID", &words);
            let mount = format!("/v2/app/blobs/uploads/?mount={digest}&from=other");
            client.post(&mount).send().await.refused(400, "DIGEST_INVALID", &words);
            assert_eq!(session.offset().await, 5);
        }
        for digest in ["sha256:abc", &unknown] {
            client.get_blob("app", digest).await.refused(400, "DIGEST_INVALID", &[digest]);
            let manifest = client.get_manifest("app", digest).await;
            manifest.refused(400, "DIGEST_INVALID", &[digest]);
            let referrers = client.get(&format!("/v2/app/referrers/{digest}")).await;
            referrers.refused(400, "DIGEST_INVALID", &[digest]);
        }
        session.finish(&sha256("hello")).await.expect(201);
    });
}

#[test]
fn an_unknown_algorithm_cannot_be_announced() {
    on_every_store(async |client| {
        let path = "/v2/app/blobs/uploads/?digest-algorithm=md5";
        let answer = client.post(path).send().await;
        answer.refused(400, "DIGEST_INVALID", &["md5", "sha256", "sha512"]);
    });
}
