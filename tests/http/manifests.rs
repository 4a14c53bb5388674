//! Pushing and pulling manifests (P1, P2, M1, M3, M4, M8).

use http::Method;
use serde_json::{Value, json};

use crate::content::{EMPTY, EMPTY_TYPE, OCI_MANIFEST, descriptor, image, sha256};
use crate::server::on_every_store;

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

#[test]
fn a_manifest_is_pulled_byte_for_byte() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        // No serializer would write it like this.
        let body = format!("\n {}\t\r\n ", image("ü \u{1f6a2}")).replace(':', " :  ");
        let body = body.replace("sha256 :  ", "sha256:");
        let digest = sha256(&body);
        let put = client.put("/v2/app/manifests/v1");
        let put = put.header("content-type", format!("{OCI_MANIFEST}; charset=utf-8"));
        let answer = put.bytes(body.clone()).send().await.expect(201);
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert_eq!(answer.maybe_header("oci-subject"), None);
        let location = answer.header("location");
        for path in [location, "/v2/app/manifests/v1"] {
            let pulled = client.get(path).await.expect(200);
            assert_eq!(pulled.body, body);
            let head = client.head(path).await.expect(200);
            assert!(head.body.is_empty());
            for answer in [pulled, head] {
                assert_eq!(answer.header("content-type"), OCI_MANIFEST);
                assert_eq!(answer.header("docker-content-digest"), digest);
                assert_eq!(answer.header("content-length"), body.len().to_string());
            }
        }
    });
}

#[test]
fn a_manifest_without_a_content_type_is_what_it_says() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let put = client.put("/v2/app/manifests/v1").bytes(image("1").to_string());
        put.send().await.expect(201);
        let pulled = client.get_manifest("app", "v1").await.expect(200);
        assert_eq!(pulled.header("content-type"), OCI_MANIFEST);
    });
}

#[test]
fn a_manifest_pushed_by_digest_has_no_tag() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let digest = sha256(image("1").to_string());
        client.put_manifest("app", &digest, &image("1")).await.expect(201);
        client.get_manifest("app", &digest).await.expect(200);
        assert!(client.tags("app").await.is_empty());
    });
}

#[test]
fn a_manifest_is_seen_only_in_its_repository() {
    on_every_store(async |client| {
        let digest = client.push_image("mine", "v1", "1").await;
        for reference in [digest.as_str(), "v1"] {
            let answer = client.get_manifest("yours", reference).await;
            answer.refused(404, "MANIFEST_UNKNOWN", &["yours", reference]);
        }
    });
}

#[test]
fn a_missing_blob_is_named() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        client.push_blob("elsewhere", "layer").await;
        let mut manifest = image("1");
        manifest["layers"] = json!([descriptor("application/octet-stream", "layer")]);
        let digest = sha256(manifest.to_string());
        for reference in ["v1", &digest] {
            let answer = client.put_manifest("app", reference, &manifest).await;
            let words = ["app", &digest, &sha256("layer")];
            answer.refused(404, "MANIFEST_BLOB_UNKNOWN", &words);
            client.get_manifest("app", reference).await.expect(404);
        }
        client.push_blob("app", "layer").await;
        client.put_manifest("app", "v1", &manifest).await.expect(201);
    });
}

#[test]
fn a_layer_that_must_not_be_distributed_may_be_missing() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
        let mut manifest = image("1");
        manifest["layers"] = json!([descriptor(foreign, "licensed")]);
        client.put_manifest("app", "v1", &manifest).await.expect(201);
    });
}

#[test]
fn a_descriptor_may_carry_its_data() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let mut manifest = image("1");
        manifest["config"]["data"] = "e30=".into();
        client.put_manifest("app", "v1", &manifest).await.expect(201);
        let pulled = client.get_manifest("app", "v1").await.expect(200);
        assert_eq!(pulled.json()["config"]["data"], "e30=");
    });
}

#[test]
fn an_artifact_without_layers_is_a_manifest() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let mut manifest = image("1");
        manifest["artifactType"] = "application/vnd.example.note".into();
        manifest["config"] = descriptor(EMPTY_TYPE, EMPTY);
        client.put_manifest("app", "v1", &manifest).await.expect(201);
    });
}

#[test]
fn almost_four_megabytes_are_a_manifest() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let note = "x".repeat(3_900_000);
        let manifest = image(&note);
        client.put_manifest("app", "large", &manifest).await.expect(201);
        let pulled = client.get_manifest("app", "large").await.expect(200);
        assert!(pulled.body == manifest.to_string());
    });
}

#[test]
fn a_docker_manifest_and_a_list_of_it_are_manifests() {
    on_every_store(async |client| {
        let config = "{\"architecture\":\"amd64\"}";
        client.push_blob("app", config).await;
        client.push_blob("app", "layer").await;
        let layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        let image = json!({
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": descriptor("application/vnd.docker.container.image.v1+json", config),
            "layers": [descriptor(layer, "layer")],
        });
        let list_type = "application/vnd.docker.distribution.manifest.list.v2+json";
        let mut child = descriptor(DOCKER_MANIFEST, image.to_string());
        child["platform"] = json!({"architecture": "amd64", "os": "linux"});
        let list = json!({"schemaVersion": 2, "mediaType": list_type, "manifests": [child]});
        for (tag, manifest, media_type) in
            [("image", &image, DOCKER_MANIFEST), ("list", &list, list_type)]
        {
            client.put_manifest("app", tag, manifest).await.expect(201);
            let pulled = client.get_manifest("app", tag).await.expect(200);
            assert_eq!(pulled.header("content-type"), media_type);
            assert_eq!(pulled.body, manifest.to_string());
        }
        let layer = format!("/v2/app/blobs/{}", sha256("layer"));
        client.delete(&layer).await.refused(405, "DENIED", &[&sha256("layer")]);
    });
}

#[test]
fn a_manifest_that_is_known_is_304() {
    on_every_store(async |client| {
        let digest = client.push_image("app", "v1", "1").await;
        let etag = format!("\"{digest}\"");
        assert_eq!(client.get_manifest("app", "v1").await.header("etag"), etag);
        for known in [etag.clone(), format!("\"other\", {etag}")] {
            for method in [Method::GET, Method::HEAD] {
                let request = client.request(method, "/v2/app/manifests/v1");
                let answer = request.header("if-none-match", &known).send().await;
                assert!(answer.expect(304).body.is_empty());
            }
        }
        let newer: Value = image("2");
        client.put_manifest("app", "v1", &newer).await.expect(201);
        let request = client.request(Method::GET, "/v2/app/manifests/v1");
        request.header("if-none-match", etag).send().await.expect(200);
    });
}
