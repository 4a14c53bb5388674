//! Compare-and-swap for tags (D6).

use http::Method;

use crate::answer::Answer;
use crate::client::Client;
use crate::content::{OCI_MANIFEST, image, sha256};
use crate::server::on_every_store;

async fn put_if(client: &Client, condition: &'static str, value: &str, note: &str) -> Answer {
    let put = client.put("/v2/app/manifests/latest").header("content-type", OCI_MANIFEST);
    let put = put.header(condition, value);
    put.bytes(image(note).to_string()).send().await
}

async fn is_on(client: &Client, note: &str) {
    let pulled = client.get_manifest("app", "latest").await.expect(200);
    assert_eq!(pulled.body, image(note).to_string());
}

#[test]
fn a_tag_that_must_be_new_is_set_once() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        put_if(&client, "if-none-match", "*", "1").await.expect(201);
        let found = sha256(image("1").to_string());
        let answer = put_if(&client, "if-none-match", "*", "2").await;
        answer.refused(412, "MANIFEST_INVALID", &["latest", "no such tag", &found]);
        is_on(&client, "1").await;

        client.delete("/v2/app/manifests/latest").await.expect(202);
        put_if(&client, "if-none-match", "*", "2").await.expect(201);
        is_on(&client, "2").await;
    });
}

#[test]
fn a_tag_that_must_be_where_it_was_moves_only_from_there() {
    on_every_store(async |client| {
        let first = client.push_image("app", "latest", "1").await;
        let etag = format!("\"{first}\"");
        put_if(&client, "if-match", &etag, "2").await.expect(201);
        is_on(&client, "2").await;
        let second = sha256(image("2").to_string());
        let answer = put_if(&client, "if-match", &etag, "3").await;
        answer.refused(412, "MANIFEST_INVALID", &["latest", &first, &second]);
        is_on(&client, "2").await;

        client.delete("/v2/app/manifests/latest").await.expect(202);
        let answer = put_if(&client, "if-match", &format!("\"{second}\""), "3").await;
        answer.refused(412, "MANIFEST_INVALID", &["latest", "no such tag", &second]);
        client.get_manifest("app", "latest").await.expect(404);
    });
}

#[test]
fn of_many_that_make_a_tag_exactly_one_does() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        let notes: Vec<String> = (0..8).map(|i| i.to_string()).collect();
        let puts = notes.iter().map(|note| put_if(&client, "if-none-match", "*", note));
        let answers = futures::future::join_all(puts).await;
        let mut made = None;
        for (note, answer) in notes.iter().zip(answers) {
            match answer.status {
                201 => assert!(made.replace(note).is_none(), "two have made it"),
                _ => drop(answer.expect(412)),
            }
        }
        is_on(&client, made.expect("one has made it")).await;
    });
}

#[test]
fn a_condition_that_is_no_digest_is_400() {
    on_every_store(async |client| {
        client.push_image("app", "latest", "1").await;
        let answer = put_if(&client, "if-match", "\"x\"", "2").await;
        answer.refused(400, "DIGEST_INVALID", &["x"]);
        is_on(&client, "1").await;
    });
}

/// RFC 9110, section 13.1.2: proxies that compress weaken the tag on its way.
#[test]
fn a_known_manifest_is_304_by_its_weak_tag_and_by_the_star() {
    on_every_store(async |client| {
        let digest = client.push_image("app", "latest", "1").await;
        for known in [format!("W/\"{digest}\""), "*".to_owned()] {
            let get = client.request(Method::GET, "/v2/app/manifests/latest");
            get.header("if-none-match", known).send().await.expect(304);
        }
    });
}

/// RFC 9110, section 13.1.1: "\*" asks for any tag at all.
#[test]
fn a_tag_that_must_be_there_moves_only_if_it_is() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        put_if(&client, "if-match", "*", "1").await.refused(412, "MANIFEST_INVALID", &["latest"]);
        client.get_manifest("app", "latest").await.expect(404);
        client.push_image("app", "latest", "1").await;
        put_if(&client, "if-match", "*", "2").await.expect(201);
        is_on(&client, "2").await;
    });
}

#[test]
fn a_tag_that_is_not_where_it_was_is_not_deleted() {
    on_every_store(async |client| {
        let old = client.push_image("app", "latest", "1").await;
        client.push_image("app", "latest", "2").await;
        let delete = client.request(Method::DELETE, "/v2/app/manifests/latest");
        let answer = delete.header("if-match", format!("\"{old}\"")).send().await;
        answer.expect(412);
        is_on(&client, "2").await;
    });
}
