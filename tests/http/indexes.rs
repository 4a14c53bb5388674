//! Indexes: whole, sparse and nested (M3, M8).

use orlop::{Options, References};

use crate::content::{OCI_INDEX, OCI_MANIFEST, descriptor, image, index, sha256};
use crate::server::{on_every_store, on_every_store_with};

#[test]
fn an_index_may_name_manifests_that_are_not_there() {
    on_every_store(async |client| {
        let sparse = index(&[descriptor(OCI_MANIFEST, image("missing").to_string())]);
        client.put_manifest("app", "sparse", &sparse).await.expect(201);
        let pulled = client.get_manifest("app", "sparse").await.expect(200);
        assert_eq!(pulled.header("content-type"), OCI_INDEX);
        assert_eq!(pulled.body, sparse.to_string());
    });
}

#[test]
fn where_references_must_be_complete_a_sparse_index_is_404() {
    let options = Options { references: References::Complete, ..Options::default() };
    on_every_store_with(options, async |client| {
        client.push_blob("app", "{}").await;
        let index = index(&[descriptor(OCI_MANIFEST, image("1").to_string())]);
        let (source, missing) = (sha256(index.to_string()), sha256(image("1").to_string()));
        let answer = client.put_manifest("app", "v1", &index).await;
        answer.refused(404, "MANIFEST_BLOB_UNKNOWN", &["app", &source, &missing]);
        client.get_manifest("app", "v1").await.expect(404);

        client.put_manifest("app", &missing, &image("1")).await.expect(201);
        client.put_manifest("app", "v1", &index).await.expect(201);
    });
}

#[test]
fn an_empty_index_is_an_index() {
    on_every_store(async |client| {
        client.put_manifest("app", "v1", &index(&[])).await.expect(201);
        let pulled = client.get_manifest("app", "v1").await.expect(200);
        assert_eq!(pulled.header("content-type"), OCI_INDEX);
    });
}

#[test]
fn indexes_nest() {
    on_every_store(async |client| {
        client.push_image("app", "image", "1").await;
        let inner = index(&[descriptor(OCI_MANIFEST, image("1").to_string())]);
        let outer = index(&[descriptor(OCI_INDEX, inner.to_string())]);
        client.put_manifest("app", "inner", &inner).await.expect(201);
        client.put_manifest("app", "outer", &outer).await.expect(201);
        let pulled = client.get_manifest("app", "outer").await.expect(200);
        let digest = pulled.json()["manifests"][0]["digest"].as_str().unwrap().to_owned();
        let pulled = client.get_manifest("app", &digest).await.expect(200);
        assert_eq!(pulled.body, inner.to_string());
    });
}

#[test]
fn an_index_outlives_its_child() {
    on_every_store(async |client| {
        let child = client.push_image("app", "image", "1").await;
        let parent = index(&[descriptor(OCI_MANIFEST, image("1").to_string())]);
        client.put_manifest("app", "index", &parent).await.expect(201);
        client.delete(&format!("/v2/app/manifests/{child}")).await.expect(202);
        client.get_manifest("app", "index").await.expect(200);
        client.get_manifest("app", &child).await.expect(404);
        assert_eq!(client.tags("app").await, ["index"]);
    });
}
