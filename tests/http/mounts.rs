//! Mounting a blob of another repository (B14).

use crate::content::sha256;
use crate::server::on_every_store;

#[test]
fn a_mounted_blob_is_there_without_its_bytes() {
    on_every_store(async |client| {
        let digest = client.push_blob("base/os", "layer").await;
        let path = format!("/v2/app/blobs/uploads/?mount={digest}&from=base/os");
        let answer = client.post(&path).send().await.expect(201);
        assert_eq!(answer.header("docker-content-digest"), digest);
        let pulled = client.get(answer.header("location")).await.expect(200);
        assert_eq!(pulled.body, "layer");
        client.get_blob("other", &digest).await.expect(404);
    });
}

#[test]
fn a_mount_may_leave_the_source_open() {
    on_every_store(async |client| {
        let digest = client.push_blob("base", "layer").await;
        let path = format!("/v2/app/blobs/uploads/?mount={digest}");
        client.post(&path).send().await.expect(201);
        assert_eq!(client.get_blob("app", &digest).await.expect(200).body, "layer");
    });
}

#[test]
fn a_mount_of_what_is_not_there_is_a_session() {
    on_every_store(async |client| {
        client.push_blob("base", "something else").await;
        for (repository, source) in
            [("a", "&from=base"), ("b", "&from=unknown"), ("c", "&from=.NO.NAME"), ("d", "")]
        {
            let layer = format!("layer of {repository}");
            let digest = sha256(&layer);
            let path = format!("/v2/{repository}/blobs/uploads/?mount={digest}{source}");
            let answer = client.post(&path).send().await.expect(202);
            let session = client.session(&answer);
            session.chunk(0, layer.clone()).await.expect(202);
            session.finish(&digest).await.expect(201);
            assert_eq!(client.get_blob(repository, &digest).await.expect(200).body, layer);
        }
    });
}

#[test]
fn a_mount_from_where_the_blob_is_not_is_a_session() {
    on_every_store(async |client| {
        let digest = client.push_blob("base", "layer").await;
        let path = format!("/v2/app/blobs/uploads/?mount={digest}&from=empty");
        client.post(&path).send().await.expect(202);
        client.get_blob("app", &digest).await.expect(404);
    });
}

#[test]
fn a_mount_of_a_mount_works_after_the_first_is_deleted() {
    on_every_store(async |client| {
        let digest = client.push_blob("a", "layer").await;
        for (to, from) in [("b", "a"), ("c", "b")] {
            let path = format!("/v2/{to}/blobs/uploads/?mount={digest}&from={from}");
            client.post(&path).send().await.expect(201);
        }
        client.delete(&format!("/v2/a/blobs/{digest}")).await.expect(202);
        client.delete(&format!("/v2/b/blobs/{digest}")).await.expect(202);
        assert_eq!(client.get_blob("c", &digest).await.expect(200).body, "layer");
        let path = format!("/v2/d/blobs/uploads/?mount={digest}");
        client.post(&path).send().await.expect(201);
        client.get_blob("a", &digest).await.expect(404);
    });
}
