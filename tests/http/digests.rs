//! Other algorithms than the usual one (N3, P3, B12, M7).

use crate::content::{EMPTY, OCI_MANIFEST, image, noise, sha256, sha512};
use crate::server::on_every_store;

#[test]
fn a_blob_keeps_the_algorithm_that_it_was_pushed_with() {
    on_every_store(async |client| {
        let bytes = noise(1, 200_000);
        let digest = sha512(&bytes);
        let begin = "/v2/app/blobs/uploads/";
        let announced = format!("{begin}?digest-algorithm=sha512");
        for (repository, path) in [("a", &announced), ("b", &begin.to_owned())] {
            let path = path.replace("/app/", &format!("/{repository}/"));
            let session = client.session(&client.post(&path).send().await.expect(202));
            session.chunk(0, bytes.slice(..100_000)).await.expect(202);
            session.chunk(100_000, bytes.slice(100_000..)).await.expect(202);
            let answer = session.finish(&digest).await.expect(201);
            assert_eq!(answer.header("docker-content-digest"), digest);
            let pulled = client.get_blob(repository, &digest).await.expect(200);
            assert!(pulled.body == bytes);
            assert_eq!(pulled.header("docker-content-digest"), digest);
        }
        let single = format!("/v2/c/blobs/uploads/?digest={digest}");
        client.post(&single).bytes(bytes.clone()).send().await.expect(201);
        assert!(client.get_blob("c", &digest).await.expect(200).body == bytes);
        let mount = format!("/v2/d/blobs/uploads/?mount={digest}&from=a");
        client.post(&mount).send().await.expect(201);
        client.delete(&format!("/v2/a/blobs/{digest}")).await.expect(202);
        client.get_blob("d", &digest).await.expect(200);
    });
}

#[test]
fn an_announced_algorithm_may_be_changed_at_the_end() {
    on_every_store(async |client| {
        let path = "/v2/app/blobs/uploads/?digest-algorithm=sha512";
        let session = client.session(&client.post(path).send().await.expect(202));
        session.chunk(0, "hello").await.expect(202);
        session.finish(&sha256("hello")).await.expect(201);
        assert_eq!(client.get_blob("app", &sha256("hello")).await.expect(200).body, "hello");
    });
}

#[test]
fn a_wrong_digest_of_an_announced_algorithm_is_400_and_the_session_goes_on() {
    on_every_store(async |client| {
        let (right, wrong) = (sha512("hello"), sha512("something else"));
        let path = "/v2/app/blobs/uploads/?digest-algorithm=sha512";
        let session = client.session(&client.post(path).send().await.expect(202));
        session.chunk(0, "hello").await.expect(202);
        let answer = session.finish(&wrong).await;
        answer.refused(400, "DIGEST_INVALID", &[&right, &wrong]);
        assert_eq!(session.offset().await, 5);
        session.finish(&right).await.expect(201);
    });
}

#[test]
fn a_wrong_digest_of_an_unannounced_algorithm_is_400_and_ends_the_session() {
    on_every_store(async |client| {
        let large = "hello".repeat(10_000);
        let (right, wrong) = (sha512(&large), sha512("something else"));
        let session = client.begin_with("app", large).await;
        let answer = session.finish(&wrong).await;
        answer.refused(400, "DIGEST_INVALID", &[&right, &wrong]);
        session.status().await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["app"]);
        client.get_blob("app", &right).await.expect(404);
        client.get_blob("app", &wrong).await.expect(404);
    });
}

#[test]
fn a_wrong_digest_of_an_unannounced_algorithm_does_not_end_a_small_upload() {
    on_every_store(async |client| {
        let (right, wrong) = (sha512("hello"), sha512("something else"));
        let session = client.begin_with("app", "hello").await;
        session.finish(&wrong).await.refused(400, "DIGEST_INVALID", &[&right, &wrong]);
        session.finish(&right).await.expect(201);
        client.get_blob("app", &right).await.expect(200);
    });
}

#[test]
fn a_manifest_keeps_the_algorithm_that_it_was_pushed_with() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let body = image("1").to_string();
        let digest = sha512(&body);
        let put = client.put(&format!("/v2/app/manifests/{digest}?tag=v1"));
        let put = put.header("content-type", OCI_MANIFEST).bytes(body.clone());
        let answer = put.send().await.expect(201);
        assert_eq!(answer.header("docker-content-digest"), digest);
        for reference in [digest.as_str(), "v1"] {
            let pulled = client.get_manifest("app", reference).await.expect(200);
            assert_eq!(pulled.header("docker-content-digest"), digest);
            assert_eq!(pulled.body, body);
        }
        client.delete(&format!("/v2/app/manifests/{digest}")).await.expect(202);
        client.get_manifest("app", "v1").await.expect(404);
    });
}

#[test]
fn a_manifest_may_refer_by_another_algorithm() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let layer = sha512("layer");
        let mut manifest = image("1");
        manifest["layers"] = serde_json::json!([
            {"mediaType": "application/octet-stream", "digest": layer, "size": 5},
        ]);
        let answer = client.put_manifest("app", "v1", &manifest).await;
        answer.refused(404, "MANIFEST_BLOB_UNKNOWN", &[&layer]);
        let path = format!("/v2/app/blobs/uploads/?digest={layer}");
        client.post(&path).bytes("layer").send().await.expect(201);
        client.put_manifest("app", "v1", &manifest).await.expect(201);
        let delete = client.delete(&format!("/v2/app/blobs/{layer}")).await;
        delete.refused(405, "DENIED", &[&layer]);
    });
}
