//! Servers that send who pulls a blob to the bucket.

use http::Method;

use crate::answer::Answer;
use crate::bucket;
use crate::client::Client;
use crate::command;
use crate::content::noise;
use crate::large::MIB;
use crate::server::Server;

fn start(store: impl AsRef<std::ffi::OsStr>) -> Server {
    let mut command = command::serve(store, "127.0.0.1:0");
    command.args(["--redirect", "5m"]);
    Server::start_as(command)
}

/// Goes where an answer points, with nothing but perhaps a range.
async fn follow(client: &Client, answer: &Answer, range: Option<&str>) -> Answer {
    let get = client.request_url(Method::GET, answer.header("location"));
    match range {
        Some(range) => get.header("range", range).send().await,
        None => get.send().await,
    }
}

#[tokio::test]
async fn a_pull_is_sent_to_the_bucket_and_finds_the_bytes_there() {
    let Some(store) = bucket::place() else { return };
    let server = start(&store);
    let client = &server.client;
    // One that is a single object from the beginning, and one that was put together of parts.
    for blob in [noise(1, 100_000), noise(2, 20 * MIB)] {
        let (digest, len) = (client.push_blob("app", blob.clone()).await, blob.len());
        let path = format!("/v2/app/blobs/{digest}");
        let answer = client.get(&path).await.expect(307);
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert!(!answer.header("location").contains(&client.address.to_string()));
        assert!(follow(client, &answer, None).await.expect(200).body == blob);

        let range = format!("bytes=100-{}", len - 101);
        let get = client.request(Method::GET, &path).header("range", &range);
        let answer = get.send().await.expect(307);
        let part = follow(client, &answer, Some(&range)).await.expect(206);
        assert!(part.body == blob[100..len - 100]);

        let head = client.head(&path).await.expect(200);
        assert_eq!(head.header("content-length"), len.to_string());
        let none = client.request(Method::GET, &path).header("range", format!("bytes={len}-"));
        none.send().await.expect(416);
    }
    // Who has read a small blob's record has read the blob.
    let small = client.push_blob("app", noise(3, 1000)).await;
    assert!(client.get_blob("app", &small).await.expect(200).body == noise(3, 1000));
    client.get("/v2/app/blobs/sha256:0").await.expect(400);
}

#[tokio::test]
async fn a_store_without_urls_is_read_by_the_server() {
    let store = tempfile::tempdir().unwrap();
    let server = start(store.path());
    let digest = server.client.push_blob("app", "blob").await;
    assert_eq!(server.client.get_blob("app", &digest).await.expect(200).body, "blob");
}
