//! Names that are none, however they are wrapped.

use http::Method;

use crate::content::{OCI_MANIFEST, image, sha256};
use crate::server::on_every_store;

#[test]
fn a_bad_repository_name_is_400_at_every_endpoint() {
    on_every_store(async |client| {
        let digest = sha256("x");
        let long = "a".repeat(10_000);
        let one_too_long = "a".repeat(256);
        for (name, words) in [
            ("..", vec![".."]),
            ("a/../b", vec!["a/../b", ".."]),
            ("%2e%2e", vec!["%2e%2e"]),
            ("UPPER", vec!["UPPER", "lower-case"]),
            ("a//b", vec!["a//b", "empty"]),
            ("a%00b", vec!["a%00b"]),
            ("a%2fb", vec!["a%2fb"]),
            ("a%2F..%2Fb", vec!["a%2F..%2Fb"]),
            ("a___b", vec!["a___b"]),
            ("-a", vec!["-a"]),
            (long.as_str(), vec!["10000", "255"]),
            (one_too_long.as_str(), vec!["256", "255"]),
        ] {
            for (method, path) in [
                (Method::GET, format!("manifests/{digest}")),
                (Method::PUT, "manifests/v1".to_owned()),
                (Method::DELETE, "manifests/v1".to_owned()),
                (Method::GET, format!("blobs/{digest}")),
                (Method::DELETE, format!("blobs/{digest}")),
                (Method::POST, "blobs/uploads/".to_owned()),
                (Method::GET, "tags/list".to_owned()),
                (Method::GET, format!("referrers/{digest}")),
            ] {
                let request = client.request(method, &format!("/v2/{name}/{path}"));
                let answer = request.bytes("{}").send().await;
                answer.refused(400, "NAME_INVALID", &words);
            }
        }
        let catalog = client.get("/v2/_catalog").await.expect(200);
        assert!(catalog.words("repositories").is_empty());
    });
}

#[test]
fn a_bad_tag_cannot_be_put() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        let long = "t".repeat(129);
        for (tag, words) in [
            (long.as_str(), vec!["129", "128"]),
            (".hidden", vec![".hidden"]),
            ("-dash", vec!["-dash"]),
            ("a%2Fb", vec!["a/b"]),
            ("a%00b", vec!["tag"]),
            ("a%20b", vec!["a b"]),
            ("%C3%A4", vec!["ä"]),
        ] {
            let answer = client.put_manifest("app", tag, &image("1")).await;
            answer.refused(400, "MANIFEST_INVALID", &words);
            let path = format!("/v2/app/manifests/{}?tag={tag}", sha256("x"));
            let put = client.put(&path).header("content-type", OCI_MANIFEST);
            let answer = put.bytes(image("1").to_string()).send().await;
            answer.refused(400, "MANIFEST_INVALID", &words);
        }
        client.get("/v2/app/tags/list").await.expect(404);
    });
}

/// The conformance suite pulls `.INVALID_MANIFEST_NAME` as the manifest that is not there.
#[test]
fn pulling_what_can_be_no_tag_is_404() {
    on_every_store(async |client| {
        client.push_image("app", "v1", "1").await;
        let reference = ".INVALID_MANIFEST_NAME";
        let answer = client.get_manifest("app", reference).await;
        answer.refused(404, "MANIFEST_UNKNOWN", &[reference]);
        client.head(&format!("/v2/app/manifests/{reference}")).await.expect(404);
    });
}

#[test]
fn an_upload_id_that_is_none_is_404() {
    on_every_store(async |client| {
        for id in ["x", "..", "%2e%2e", "..%2f..%2fstore", "%00", &"a".repeat(10_000)] {
            for method in [Method::GET, Method::PATCH, Method::DELETE, Method::PUT] {
                let path = format!("/v2/app/blobs/uploads/{id}?digest={}", sha256("x"));
                let answer = client.request(method, &path).bytes("x").send().await;
                answer.refused(404, "BLOB_UPLOAD_UNKNOWN", &["app"]);
            }
        }
    });
}
