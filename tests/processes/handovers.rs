//! Uploads that another process goes on with, without reading a byte again.

use bytes::Bytes;

use crate::content::{noise, sha256};
use crate::half_request::HalfRequest;
use crate::large::{CHUNK, MIB, large_blob, send_chunks};
use crate::progress::until_upload_exceeds;
use crate::server::Server;
use crate::session::{Session, content_range, offset};

/// Sends the rest of a blob to a server that has not seen the beginning, and makes sure that it
/// never looks back.
async fn go_on(server: &Server, session: &Session, blob: &Bytes) {
    let start = session.offset().await;
    let before = server.bytes_read();
    send_chunks(session, blob, start, blob.len()).await;
    let sent = server.bytes_read();
    assert!(sent - before < MIB as u64, "chunks made it read {} bytes", sent - before);
    let digest = sha256(blob);
    session.finish(&digest).await.expect(201);
    let ended = server.bytes_read();
    assert!(ended - sent < MIB as u64, "the end made it read {} bytes", ended - sent);

    let pulled = server.client.get_blob("app", &digest).await.expect(200);
    assert!(pulled.body == blob);
    // The counter sees what is read from files, or the two numbers above would mean nothing.
    assert!(server.bytes_read() - ended >= blob.len() as u64);
}

#[tokio::test]
async fn an_upload_survives_a_kill_in_the_middle_of_a_chunk() {
    let store = tempfile::tempdir().unwrap();
    let blob = large_blob();
    let mut first = Server::start(store.path());
    let session = first.client.begin("app").await;
    let (acknowledged, sent) = (5 * CHUNK, 5 * CHUNK + CHUNK / 2);
    send_chunks(&session, &blob, 0, acknowledged).await;
    let range = content_range(acknowledged, CHUNK);
    let head = format!("PATCH {} HTTP/1.1\r\ncontent-range: {range}\r\n", session.location);
    let part = &blob[acknowledged..sent];
    let half = HalfRequest::send(&first.client, &head, CHUNK, part).await;
    until_upload_exceeds(store.path(), acknowledged as u64).await;
    first.signal("-9");
    assert!(!first.wait().success());
    drop(half);

    let second = Server::start(store.path());
    let session = second.client.session_at(&session.location);
    let offset = session.offset().await;
    assert!((acknowledged..=sent).contains(&offset), "{offset}");
    go_on(&second, &session, &blob).await;
}

#[tokio::test]
async fn a_stream_survives_a_kill_at_its_last_acknowledged_byte() {
    let store = tempfile::tempdir().unwrap();
    let blob = noise(2, 10 * MIB);
    let mut first = Server::start(store.path());
    let session = first.client.begin("app").await;
    session.stream(vec![blob.slice(..3 * MIB)]).await.expect(202);
    let head = format!("PATCH {} HTTP/1.1\r\n", session.location);
    let part = &blob[3 * MIB..8 * MIB];
    let half = HalfRequest::send(&first.client, &head, 7 * MIB, part).await;
    until_upload_exceeds(store.path(), 3 * MIB as u64).await;
    first.signal("-9");
    first.wait();
    drop(half);

    let second = Server::start(store.path());
    let session = second.client.session_at(&session.location);
    assert!((3 * MIB..=8 * MIB).contains(&session.offset().await));
    go_on(&second, &session, &blob).await;
}

#[tokio::test]
async fn an_upload_goes_on_at_another_server() {
    let store = tempfile::tempdir().unwrap();
    let blob = large_blob();
    let (first, second) = (Server::start(store.path()), Server::start(store.path()));
    let session = first.client.begin("app").await;
    send_chunks(&session, &blob, 0, 6 * CHUNK).await;
    let elsewhere = second.client.session_at(&session.location);
    assert_eq!(elsewhere.offset().await, 6 * CHUNK);
    go_on(&second, &elsewhere, &blob).await;
    session.status().await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["app"]);
    let pulled = first.client.get_blob("app", &sha256(&blob)).await.expect(200);
    assert!(pulled.body == blob);
}

#[tokio::test]
async fn two_servers_take_turns_with_one_upload() {
    let store = tempfile::tempdir().unwrap();
    let blob = noise(3, 10 * MIB);
    let servers = [Server::start(store.path()), Server::start(store.path())];
    let session = servers[0].client.begin("app").await;
    for (turn, first) in (0..blob.len()).step_by(MIB).enumerate() {
        let session = servers[turn % 2].client.session_at(&session.location);
        let stale = session.chunk(first + 1, blob.slice(first..first + MIB)).await;
        assert_eq!(offset(&stale.expect(416)), first);
        session.chunk(first, blob.slice(first..first + MIB)).await.expect(202);
    }
    session.finish(&sha256(&blob)).await.expect(201);
    for server in &servers {
        let pulled = server.client.get_blob("app", &sha256(&blob)).await.expect(200);
        assert!(pulled.body == blob);
    }
}
