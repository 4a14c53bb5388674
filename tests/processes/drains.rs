//! Servers that are asked to end.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::content::{noise, sha256};
use crate::half_request::HalfRequest;
use crate::large::MIB;
use crate::progress::until_upload_exceeds;
use crate::server::Server;

#[tokio::test]
async fn a_request_under_way_is_finished_before_the_process_exits() {
    for signal in ["-TERM", "-INT"] {
        let store = tempfile::tempdir().unwrap();
        let blob = noise(1, 8 * MIB);
        let mut server = Server::start(store.path());
        let session = server.client.begin("app").await;
        let head = format!("PATCH {} HTTP/1.1\r\n", session.location);
        let part = &blob[..4 * MIB];
        let half = HalfRequest::send(&server.client, &head, blob.len(), part).await;
        until_upload_exceeds(store.path(), 0).await;

        server.signal(signal);
        // Until it has seen the signal; and not for ever, because somebody else may get its port.
        for _ in 0..1000 {
            match TcpStream::connect(server.client.address).await {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => break,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
        let status = half.finish(&blob[4 * MIB..]).await;
        assert_eq!(status, "HTTP/1.1 202 Accepted");
        let status = server.wait();
        assert_eq!(status.code(), Some(0), "{status}");

        let next = Server::start(store.path());
        let session = next.client.session_at(&session.location);
        assert_eq!(session.offset().await, blob.len());
        session.finish(&sha256(&blob)).await.expect(201);
    }
}

#[tokio::test]
async fn an_idle_server_exits_at_once() {
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path());
    // It leaves a connection that is kept open.
    server.client.push_blob("app", "blob").await;
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));
}
