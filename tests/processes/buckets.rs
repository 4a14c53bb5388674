//! Several servers on one bucket.

use bytes::Bytes;

use crate::bucket;
use crate::content::{noise, sha256};
use crate::half_request::HalfRequest;
use crate::large::{CHUNK, MIB, large_blob, send_chunks};
use crate::server::Server;
use crate::session::{content_range, offset};

/// Kills a server in the middle of a chunk that begins at `from` and is to have `len` bytes of
/// which `sent` are sent, and goes on at another one.
async fn kill_and_go_on(blob: &Bytes, from: usize, len: usize, sent: usize) {
    let Some(store) = bucket::place() else { return };
    let mut first = Server::start(&store);
    let session = first.client.begin("app").await;
    send_chunks(&session, blob, 0, from).await;
    let head = format!(
        "PATCH {} HTTP/1.1\r\ncontent-range: {}\r\n",
        session.location,
        content_range(from, len)
    );
    let half = HalfRequest::send(&first.client, &head, len, &blob[from..from + sent]).await;
    first.signal("-9");
    assert!(!first.wait().success());
    drop(half);

    let second = Server::start(&store);
    let session = second.client.session_at(&session.location);
    assert_eq!(session.offset().await, from);
    send_chunks(&session, blob, from, blob.len()).await;
    session.finish(&sha256(blob)).await.expect(201);
    let pulled = second.client.get_blob("app", &sha256(blob)).await.expect(200);
    assert!(pulled.body == *blob);
}

#[tokio::test]
async fn an_upload_survives_a_kill_in_the_middle_of_a_chunk() {
    kill_and_go_on(&large_blob(), 5 * CHUNK, CHUNK, CHUNK / 2).await;
}

/// Sockets hold some megabytes; of so many the server has stored parts already.
#[tokio::test]
async fn an_upload_survives_a_kill_that_leaves_parts_of_no_chunk() {
    kill_and_go_on(&large_blob(), 3 * CHUNK, 76 * MIB, 60 * MIB).await;
}

#[tokio::test]
async fn an_upload_survives_a_kill_in_the_middle_of_its_first_chunk() {
    kill_and_go_on(&large_blob(), 0, 100 * MIB, 60 * MIB).await;
}

#[tokio::test]
async fn of_two_chunks_for_one_place_at_two_servers_one_is_taken() {
    let Some(store) = bucket::place() else { return };
    let servers = [Server::start(&store), Server::start(&store)];
    let mut blob = b"first".to_vec();
    let session = servers[0].client.begin_with("app", blob.clone()).await;
    let [one, other] = [0, 1].map(|i| servers[i].client.session_at(&session.location));
    for round in 0..3 {
        let chunks = [noise(2 * round, 20 * MIB), noise(2 * round + 1, 20 * MIB)];
        let at = blob.len();
        let answers =
            tokio::join!(one.chunk(at, chunks[0].clone()), other.chunk(at, chunks[1].clone()));
        let (winner, loser) = match answers {
            (one, other) if one.status == 202 => ((0, one), other),
            (one, other) => ((1, other), one),
        };
        blob.extend_from_slice(&chunks[winner.0]);
        assert_eq!(offset(&winner.1.expect(202)), blob.len());
        let loser = loser.refused(416, "BLOB_UPLOAD_INVALID", &[]);
        // It may have been told before the other one was acknowledged.
        assert!([at, blob.len()].contains(&offset(&loser)), "{}", offset(&loser));
        assert_eq!(one.offset().await, blob.len());
    }
    let rest = noise(7, 3 * MIB);
    other.chunk(blob.len(), rest.clone()).await.expect(202);
    blob.extend_from_slice(&rest);
    one.finish(&sha256(&blob)).await.expect(201);
    for server in &servers {
        assert!(server.client.get_blob("app", &sha256(&blob)).await.expect(200).body == blob);
    }
}

#[tokio::test]
async fn an_upload_may_go_to_another_server_with_each_request() {
    let Some(store) = bucket::place() else { return };
    let servers = [Server::start(&store), Server::start(&store)];
    let blob = noise(3, 40 * MIB);
    let mut turns = servers.iter().cycle();
    let session = turns.next().unwrap().client.begin("app").await;
    // Of all sizes: some that make parts, some that do not.
    let (mut at, mut sizes) = (0, [3 * MIB, 1, 8 * MIB, MIB - 1, 17 * MIB].into_iter().cycle());
    while at < blob.len() {
        let end = blob.len().min(at + sizes.next().unwrap());
        let session = turns.next().unwrap().client.session_at(&session.location);
        assert_eq!(offset(&session.chunk(at, blob.slice(at..end)).await.expect(202)), end);
        at = end;
    }
    let last = turns.next().unwrap().client.session_at(&session.location);
    last.finish(&sha256(&blob)).await.expect(201);
    for server in &servers {
        let pulled = server.client.get_blob("app", &sha256(&blob)).await.expect(200);
        assert!(pulled.body == blob);
    }
}
