//! Manifests that are none.

use serde_json::json;

use crate::answer::Answer;
use crate::client::Client;
use crate::content::{EMPTY, OCI_INDEX, OCI_MANIFEST, image, index, sha256};
use crate::server::on_every_store;

async fn put(client: &Client, media_type: &str, body: impl Into<bytes::Bytes>) -> Answer {
    let request = client.put("/v2/app/manifests/bad");
    request.header("content-type", media_type).bytes(body).send().await
}

async fn nothing_is_there(client: &Client, body: impl AsRef<[u8]>) {
    client.get_manifest("app", "bad").await.expect(404);
    client.get_manifest("app", &sha256(body)).await.expect(404);
    client.get("/v2/app/tags/list").await.expect(404);
}

#[test]
fn a_manifest_above_the_limit_is_413() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        for excess in [1, 300_000] {
            let mut body = image("").to_string().into_bytes();
            let length = (4 << 20) + excess;
            body.resize(length, b' ');
            let answer = put(&client, OCI_MANIFEST, body.clone()).await;
            answer.refused(413, "SIZE_INVALID", &["bad", &length.to_string(), "4194304"]);
            nothing_is_there(&client, body).await;
        }
    });
}

#[test]
fn a_streamed_manifest_above_the_limit_is_413() {
    on_every_store(async |client| {
        let request = client.put("/v2/app/manifests/bad").header("content-type", OCI_MANIFEST);
        let pieces = vec![vec![b' '; 1 << 20].into(); 5];
        let answer = request.pieces(pieces).send().await;
        answer.refused(413, "SIZE_INVALID", &["bad", "4194304"]);
    });
}

#[test]
fn malformed_json_is_400() {
    on_every_store(async |client| {
        for body in ["", "blablabla", "{", "[]", "null", "{\"schemaVersion\":2,", "\u{0}"] {
            let answer = put(&client, OCI_MANIFEST, body).await;
            answer.refused(400, "MANIFEST_INVALID", &["manifest", &sha256(body)]);
            nothing_is_there(&client, body).await;
        }
    });
}

#[test]
fn json_without_end_is_400() {
    on_every_store(async |client| {
        let deep = 100_000;
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = format!("{}1{}", open.repeat(deep), close.repeat(deep));
            let inside = format!("{{\"manifests\":[],\"annotations\":{nested}}}");
            for body in [nested, open.repeat(deep), inside] {
                let answer = put(&client, OCI_INDEX, body.clone()).await;
                answer.refused(400, "MANIFEST_INVALID", &["deep", "64"]);
                nothing_is_there(&client, body).await;
            }
        }
    });
}

#[test]
fn a_body_of_another_type_than_its_header_says_is_400() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let body = image("1").to_string();
        let answer = put(&client, OCI_INDEX, body.clone()).await;
        answer.refused(400, "MANIFEST_INVALID", &[OCI_INDEX, OCI_MANIFEST, &sha256(&body)]);
        nothing_is_there(&client, body).await;
    });
}

#[test]
fn an_image_and_an_index_at_once_is_400() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let mut both = image("1");
        both["manifests"] = json!([]);
        let answer = put(&client, OCI_MANIFEST, both.to_string()).await;
        answer.refused(400, "MANIFEST_INVALID", &["index", "image"]);
        nothing_is_there(&client, both.to_string()).await;
    });
}

#[test]
fn fields_that_are_missing_or_malformed_are_400() {
    on_every_store(async |client| {
        client.push_blob("app", EMPTY).await;
        let with = |field: &str, value: serde_json::Value| {
            let mut body = image("1");
            body[field] = value;
            body.to_string()
        };
        let bad_digest = json!({"mediaType": "a/b", "digest": "sha256:../..", "size": 1});
        let bad_size = json!({"mediaType": "a/b", "digest": sha256("x"), "size": -1});
        for body in [
            with("config", json!(null)),
            with("layers", json!(null)),
            with("layers", json!({})),
            with("layers", json!([bad_digest.clone()])),
            with("layers", json!([bad_size])),
            with("subject", bad_digest),
            with("annotations", json!({"a": 1})),
            with("mediaType", json!("no media type")),
            with("schemaVersion", json!(1)),
        ] {
            let answer = put(&client, OCI_MANIFEST, body.clone()).await;
            answer.refused(400, "MANIFEST_INVALID", &["manifest", &sha256(&body)]);
            nothing_is_there(&client, body).await;
        }
    });
}

#[test]
fn a_manifest_under_a_wrong_digest_is_400() {
    on_every_store(async |client| {
        let body = index(&[]);
        let (wrong, right) = (sha256("x"), sha256(body.to_string()));
        let answer = client.put_manifest("app", &wrong, &body).await;
        answer.refused(400, "DIGEST_INVALID", &[&wrong, &right]);
        client.get_manifest("app", &wrong).await.expect(404);
        client.get_manifest("app", &right).await.expect(404);
    });
}

#[test]
fn schema_1_is_400() {
    on_every_store(async |client| {
        let body = json!({"schemaVersion": 1, "name": "app", "fsLayers": []}).to_string();
        for media_type in
            ["application/vnd.docker.distribution.manifest.v1+prettyjws", "application/json"]
        {
            let answer = put(&client, media_type, body.clone()).await;
            answer.refused(400, "MANIFEST_INVALID", &["schema version 1", "2"]);
        }
        nothing_is_there(&client, body).await;
    });
}
