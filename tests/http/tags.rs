//! Setting and moving tags (M6, D1).

use crate::content::{EMPTY, OCI_MANIFEST, image, sha256};
use crate::server::on_every_store;

#[test]
fn a_tag_moves() {
    on_every_store(async |client| {
        let old = client.push_image("app", "latest", "1").await;
        let new = client.push_image("app", "latest", "2").await;
        let pulled = client.get_manifest("app", "latest").await.expect(200);
        assert_eq!(pulled.header("docker-content-digest"), new);
        client.get_manifest("app", &old).await.expect(200);
        assert_eq!(client.tags("app").await, ["latest"]);
        // The old one takes nothing with it that is not on it any more.
        client.delete(&format!("/v2/app/manifests/{old}")).await.expect(202);
        client.get_manifest("app", "latest").await.expect(200);
    });
}

#[test]
fn many_tags_are_set_in_one_request() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let body = image("1").to_string();
        let digest = sha256(&body);
        let tags: Vec<String> = (0..20).map(|i| format!("v1.{i:02}")).collect();
        let query = tags.join("&tag=");
        let put = client.put(&format!("/v2/app/manifests/{digest}?tag={query}"));
        let put = put.header("content-type", OCI_MANIFEST).bytes(body);
        let answer = put.send().await.expect(201);
        assert_eq!(answer.header("docker-content-digest"), digest);
        let set: Vec<&str> = answer.header("oci-tag").split(", ").collect();
        assert_eq!(set, tags);
        assert_eq!(client.tags("app").await, tags);
        for tag in &tags {
            let pulled = client.get_manifest("app", tag).await.expect(200);
            assert_eq!(pulled.header("docker-content-digest"), digest);
        }
    });
}

#[test]
fn too_many_tags_at_once_are_414_and_none_is_set() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let body = image("1").to_string();
        let tags: Vec<String> = (0..200).map(|i| format!("v{i}")).collect();
        let path = format!("/v2/app/manifests/{}?tag={}", sha256(&body), tags.join("&tag="));
        let put = client.put(&path).header("content-type", OCI_MANIFEST).bytes(body);
        put.send().await.refused(414, "UNSUPPORTED", &["200", "100"]);
        client.get("/v2/app/tags/list").await.expect(404);
    });
}

#[test]
fn a_deleted_tag_leaves_its_manifest() {
    on_every_store(async |client| {
        let digest = client.push_image("app", "v1", "1").await;
        client.push_image("app", "v2", "1").await;
        client.delete("/v2/app/manifests/v1").await.expect(202);
        client.get_manifest("app", "v1").await.refused(404, "MANIFEST_UNKNOWN", &["v1"]);
        client.get_manifest("app", "v2").await.expect(200);
        client.get_manifest("app", &digest).await.expect(200);
        assert_eq!(client.tags("app").await, ["v2"]);
        let again = client.delete("/v2/app/manifests/v1").await;
        again.refused(404, "MANIFEST_UNKNOWN", &["app", "v1"]);
    });
}

#[test]
fn tags_of_one_name_set_at_one_time_end_on_one_of_the_manifests() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let images: Vec<_> = (0..8).map(|i| image(&i.to_string())).collect();
        let puts = images.iter().map(|image| client.put_manifest("app", "latest", image));
        for answer in futures::future::join_all(puts).await {
            answer.expect(201);
        }
        let pulled = client.get_manifest("app", "latest").await.expect(200);
        assert!(images.iter().any(|image| pulled.body == image.to_string()));
        assert_eq!(client.tags("app").await, ["latest"]);
    });
}
