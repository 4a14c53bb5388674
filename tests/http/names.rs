//! What repositories and tags may be called (N1, N2), and that no two names are mixed up.

use crate::content::OCTET_STREAM;
use crate::server::on_every_store;

#[test]
fn the_base_says_that_this_is_a_registry() {
    on_every_store(async |client| {
        for path in ["/v2/", "/v2"] {
            let answer = client.get(path).await.expect(200);
            assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
        }
    });
}

#[test]
fn every_name_of_the_grammar_is_a_repository() {
    on_every_store(async |client| {
        let longest = format!("{}/b", "a".repeat(253));
        for name in ["0", "a.b", "a_b", "a__b", "a---b", "a/b-c/d.e", &longest] {
            let digest = client.push_image(name, "v1", name).await;
            let pulled = client.get_manifest(name, "v1").await.expect(200);
            assert_eq!(pulled.header("docker-content-digest"), digest);
            assert_eq!(client.tags(name).await, ["v1"]);
        }
    });
}

#[test]
fn a_repository_and_one_nested_in_it_share_nothing() {
    on_every_store(async |client| {
        let outer = client.push_image("a", "outer", "1").await;
        let inner = client.push_image("a/b", "inner", "2").await;
        let blob = client.push_blob("a/b", "only inside").await;
        assert_eq!(client.tags("a").await, ["outer"]);
        assert_eq!(client.tags("a/b").await, ["inner"]);
        client.get_manifest("a", &inner).await.expect(404);
        client.get_manifest("a/b", &outer).await.expect(404);
        client.get_blob("a", &blob).await.expect(404);

        client.delete(&format!("/v2/a/manifests/{outer}")).await.expect(202);
        assert!(client.tags("a").await.is_empty());
        client.get_manifest("a/b", "inner").await.expect(200);
    });
}

#[test]
fn a_repository_may_be_called_like_an_endpoint() {
    on_every_store(async |client| {
        for name in ["tags", "manifests", "a/tags/list", "a/manifests", "blobs/uploads"] {
            let digest = client.push_image(name, "list", name).await;
            client.get_manifest(name, &digest).await.expect(200);
            assert_eq!(client.tags(name).await, ["list"], "{name}");
        }
    });
}

#[test]
fn tags_of_different_case_are_different_tags() {
    on_every_store(async |client| {
        let lower = client.push_image("app", "latest", "1").await;
        let upper = client.push_image("app", "LATEST", "2").await;
        assert_ne!(lower, upper);
        for (tag, digest) in [("latest", &lower), ("LATEST", &upper)] {
            let pulled = client.get_manifest("app", tag).await.expect(200);
            assert_eq!(pulled.header("docker-content-digest"), digest);
        }
        client.get_manifest("app", "Latest").await.expect(404);
        client.delete("/v2/app/manifests/LATEST").await.expect(202);
        assert_eq!(client.tags("app").await, ["latest"]);
    });
}

#[test]
fn the_longest_tag_works_everywhere() {
    on_every_store(async |client| {
        let tag = format!("_{}", "T.-".repeat(42)) + "x";
        assert_eq!(tag.len(), 128);
        let digest = client.push_image("app", &tag, "1").await;
        assert_eq!(client.tags("app").await, std::slice::from_ref(&tag));
        let answer = client.get(&format!("/v2/app/tags/list?last={tag}")).await;
        assert!(answer.expect(200).words("tags").is_empty());
        client.delete(&format!("/v2/app/manifests/{digest}")).await.expect(202);
        assert!(client.tags("app").await.is_empty());
    });
}

#[test]
fn a_colon_may_come_encoded() {
    on_every_store(async |client| {
        let digest = client.push_blob("app", "blob").await;
        let pulled = client.get_blob("app", &digest.replace(':', "%3A")).await.expect(200);
        assert_eq!(pulled.body, "blob");
        assert_eq!(pulled.header("content-type"), OCTET_STREAM);
    });
}
