//! Many clients at once: what each of them takes of the server's memory.

use std::fs;
use std::time::Duration;

use crate::client::Client;
use crate::half_request::HalfRequest;
use crate::server::Server;

/// The most memory that a process has had so far, in bytes.
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    number.expect("the peak in kB") << 10
}

async fn begin(client: &Client) -> String {
    client.begin("app").await.location
}

/// Slow clients cost what has to be read of them at once, whatever they say is to come.
#[tokio::test]
async fn bodies_that_stop_in_the_middle_take_little_memory() {
    let store = tempfile::tempdir().unwrap();
    let server = Server::start(store.path());
    let mut halves = Vec::new();
    let before = peak(&server);
    let part = vec![7; 256 << 10];
    for number in 0..CLIENTS {
        let head = match number % 2 {
            0 => format!("PATCH {} HTTP/1.1\r\n", begin(&server.client).await),
            _ => "PUT /v2/app/manifests/v1 HTTP/1.1\r\n".to_owned(),
        };
        halves.push(HalfRequest::send(&server.client, &head, 4 << 20, &part).await);
    }
    tokio::time::sleep(Duration::from_millis(300)).await; // all that was sent has come in
    let each = peak(&server).saturating_sub(before) / CLIENTS;
    println!("{each} bytes for each of {CLIENTS} clients");
    assert!(each < EACH_MAX, "{each} bytes for each of {CLIENTS} clients");
    server.client.push_blob("app", "nobody else notices").await;
}

/// A session that nobody is sending to is a record and nothing else.
#[tokio::test]
async fn open_sessions_take_no_memory() {
    let store = tempfile::tempdir().unwrap();
    let server = Server::start(store.path());
    for _ in 0..100 {
        begin(&server.client).await; // whatever the process needs once
    }
    let before = peak(&server);
    for _ in 0..SESSIONS {
        begin(&server.client).await;
    }
    let each = peak(&server).saturating_sub(before) / SESSIONS;
    println!("{each} bytes for each of {SESSIONS} sessions");
    assert!(each < 1024, "{each} bytes for each of {SESSIONS} sessions");
}

const CLIENTS: u64 = 100;

const SESSIONS: u64 = 500;

/// What came in of each, and as much again for what it is read into.
const EACH_MAX: u64 = 1 << 20;
