//! Deleting manifests and blobs (D1, D2).

use orlop::{Deletes, Options};
use serde_json::json;

use crate::content::{OCTET_STREAM, descriptor, image, sha256};
use crate::server::{on_every_store, on_every_store_with};

#[test]
fn a_deleted_manifest_takes_its_tags_with_it() {
    on_every_store(async |client| {
        let digest = client.push_image("app", "v1", "1").await;
        client.push_image("app", "latest", "1").await;
        let other = client.push_image("app", "v2", "2").await;
        client.delete(&format!("/v2/app/manifests/{digest}")).await.expect(202);
        for reference in [digest.as_str(), "v1", "latest"] {
            let answer = client.get_manifest("app", reference).await;
            answer.refused(404, "MANIFEST_UNKNOWN", &["app", reference]);
            client.head(&format!("/v2/app/manifests/{reference}")).await.expect(404);
        }
        assert_eq!(client.tags("app").await, ["v2"]);
        let pulled = client.get_manifest("app", "v2").await.expect(200);
        assert_eq!(pulled.header("docker-content-digest"), other);
        let again = client.delete(&format!("/v2/app/manifests/{digest}")).await;
        again.refused(404, "MANIFEST_UNKNOWN", &["app", &digest]);
    });
}

#[test]
fn a_manifest_that_comes_back_brings_no_tag_back() {
    on_every_store(async |client| {
        let digest = client.push_image("app", "v1", "1").await;
        for _ in 0..3 {
            client.delete(&format!("/v2/app/manifests/{digest}")).await.expect(202);
            client.put_manifest("app", &digest, &image("1")).await.expect(201);
            client.get_manifest("app", &digest).await.expect(200);
            client.get_manifest("app", "v1").await.expect(404);
            assert!(client.tags("app").await.is_empty());
            client.put_manifest("app", "v1", &image("1")).await.expect(201);
            assert_eq!(client.tags("app").await, ["v1"]);
        }
    });
}

#[test]
fn a_blob_that_a_manifest_refers_to_stays() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        let layer = client.push_blob("app", "layer").await;
        let mut manifest = image("1");
        manifest["layers"] = json!([descriptor(OCTET_STREAM, "layer")]);
        let digest = sha256(manifest.to_string());
        client.put_manifest("app", "v1", &manifest).await.expect(201);
        let path = format!("/v2/app/blobs/{layer}");
        let answer = client.delete(&path).await;
        answer.refused(405, "DENIED", &["app", &layer, &digest]);
        assert_eq!(client.get_blob("app", &layer).await.expect(200).body, "layer");

        client.delete(&format!("/v2/app/manifests/{digest}")).await.expect(202);
        client.delete(&path).await.expect(202);
        client.get_blob("app", &layer).await.expect(404);
    });
}

#[test]
fn a_deleted_blob_is_gone_until_it_is_pushed_again() {
    on_every_store(async |client| {
        let digest = client.push_blob("app", "blob").await;
        let path = format!("/v2/app/blobs/{digest}");
        for _ in 0..3 {
            client.delete(&path).await.expect(202);
            client.get(&path).await.refused(404, "BLOB_UNKNOWN", &["app", &digest]);
            client.head(&path).await.expect(404);
            client.delete(&path).await.refused(404, "BLOB_UNKNOWN", &["app", &digest]);
            client.push_blob("app", "blob").await;
            assert_eq!(client.get(&path).await.expect(200).body, "blob");
        }
    });
}

#[test]
fn a_mounted_blob_is_deleted_for_each_repository() {
    on_every_store(async |client| {
        let digest = client.push_blob("a", "layer").await;
        let mount = format!("/v2/b/blobs/uploads/?mount={digest}&from=a");
        client.post(&mount).send().await.expect(201);
        for (gone, left) in [("a", "b"), ("b", "a")] {
            client.delete(&format!("/v2/{gone}/blobs/{digest}")).await.expect(202);
            client.get_blob(gone, &digest).await.expect(404);
            assert_eq!(client.get_blob(left, &digest).await.expect(200).body, "layer");
            client.push_blob(gone, "layer").await;
        }
    });
}

#[test]
fn a_manifest_in_another_repository_keeps_no_blob_here() {
    on_every_store(async |client| {
        client.push_image("keeps", "v1", "1").await;
        let config = client.push_blob("app", "{}").await;
        client.delete(&format!("/v2/app/blobs/{config}")).await.expect(202);
        client.get_blob("app", &config).await.expect(404);
        client.get_blob("keeps", &config).await.expect(200);
    });
}

#[test]
fn where_deletes_are_refused_everything_stays() {
    let options = Options { deletes: Deletes::Refused, ..Options::default() };
    on_every_store_with(options, async |client| {
        let digest = client.push_image("app", "v1", "1").await;
        let blob = client.push_blob("app", "blob").await;
        for path in [
            "/v2/app/manifests/v1".to_owned(),
            format!("/v2/app/manifests/{digest}"),
            format!("/v2/app/blobs/{blob}"),
        ] {
            client.delete(&path).await.refused(405, "UNSUPPORTED", &["app"]);
            client.get(&path).await.expect(200);
        }
    });
}
