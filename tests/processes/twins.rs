//! Two servers on one directory.

use futures::{StreamExt, stream};

use crate::content::{image, sha256};
use crate::server::Server;

#[tokio::test]
async fn tags_pushed_through_two_servers_are_listed_by_both() {
    let store = tempfile::tempdir().unwrap();
    let servers = [Server::start(store.path()), Server::start(store.path())];
    servers[0].client.push_blob("app", "{}").await;
    let puts = (0..200).map(|i| {
        let client = &servers[i % 2].client;
        async move {
            // Every manifest is pushed four times at about the same moment, by both of them.
            let manifest = image(&format!("{}", i / 4));
            let tag = format!("t{i:03}");
            client.put_manifest("app", &tag, &manifest).await.expect(201);
            (tag, sha256(manifest.to_string()))
        }
    });
    let answers = stream::iter(puts).buffer_unordered(16);
    let mut pushed: Vec<(String, String)> = answers.collect().await;
    pushed.sort_unstable();
    let tags: Vec<&String> = pushed.iter().map(|(tag, _)| tag).collect();
    assert_eq!(tags.len(), 200);
    for server in &servers {
        assert_eq!(server.client.tags("app").await.iter().collect::<Vec<_>>(), tags);
        for (tag, digest) in &pushed {
            let pulled = server.client.get_manifest("app", tag).await.expect(200);
            assert_eq!(pulled.header("docker-content-digest"), digest);
        }
    }
}

#[tokio::test]
async fn what_one_server_deletes_is_gone_at_the_other() {
    let store = tempfile::tempdir().unwrap();
    let (one, other) = (Server::start(store.path()), Server::start(store.path()));
    let digest = one.client.push_image("app", "v1", "1").await;
    let path = format!("/v2/app/manifests/{digest}");
    other.client.get(&path).await.expect(200);
    one.client.delete(&path).await.expect(202);
    other.client.get(&path).await.expect(404);
    assert!(other.client.tags("app").await.is_empty());
    other.client.push_image("app", "v2", "1").await;
    assert_eq!(one.client.tags("app").await, ["v2"]);
}

#[tokio::test]
async fn one_blob_pushed_through_two_servers_is_one_blob() {
    let store = tempfile::tempdir().unwrap();
    let servers = [Server::start(store.path()), Server::start(store.path())];
    let pushes = (0..16).map(|i| servers[i % 2].client.push_blob("app", "the same"));
    let digests = futures::future::join_all(pushes).await;
    for server in &servers {
        let pulled = server.client.get_blob("app", &digests[0]).await.expect(200);
        assert_eq!(pulled.body, "the same");
    }
    let path = format!("/v2/app/blobs/{}", digests[0]);
    servers[0].client.delete(&path).await.expect(202);
    servers[1].client.get(&path).await.expect(404);
}
