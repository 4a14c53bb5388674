//! Clients that send nothing, take nothing, or take their time with it: each is let go in the end,
//! and nobody else notices.

use std::time::Duration;

use orlop_registry::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use crate::client::Client;
use crate::content::{noise, sha256};
use crate::half_request::HalfRequest;
use crate::server::{on_directory_with, on_memory_with};

/// So short that nobody has to wait, and so long that a busy machine is not taken for a slow one.
fn limits() -> Limits {
    Limits {
        head_time_max: Duration::from_millis(500),
        idle_time_max: Duration::from_millis(1500),
        bytes_per_second_min: 1000,
        drain_time_max: Duration::from_millis(400),
        ..Limits::default()
    }
}

async fn connect(client: &Client) -> TcpStream {
    TcpStream::connect(client.address).await.expect("a connection")
}

/// What comes until the server hangs up.
async fn until_hung_up(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut received = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut received)).await;
    let _ = read.expect("a server that hangs up"); // with a reset, or without
    received
}

/// Sends a byte now and then, for as long as somebody listens.
async fn drip(mut stream: impl AsyncWriteExt + Unpin) {
    while stream.write_all(b"x").await.is_ok() {
        sleep(DRIP).await;
    }
}

#[test]
fn a_client_that_sends_nothing_is_let_go() {
    on_memory_with(limits(), async |client| {
        let received = until_hung_up(&mut connect(&client).await).await;
        assert!(received.is_empty(), "{received:?}");
    });
}

#[test]
fn a_client_of_http_2_that_asks_for_nothing_is_let_go() {
    on_memory_with(limits(), async |client| {
        let mut stream = connect(&client).await;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        assert!(!until_hung_up(&mut stream).await.is_empty(), "not even its settings");
    });
}

#[test]
fn a_client_that_has_had_an_answer_and_asks_no_more_is_let_go() {
    on_memory_with(limits(), async |client| {
        let mut stream = connect(&client).await;
        stream.write_all(b"GET /v2/ HTTP/1.1\r\nhost: registry\r\n\r\n").await.unwrap();
        let received = until_hung_up(&mut stream).await;
        assert!(received.starts_with(b"HTTP/1.1 200 OK\r\n"), "{received:?}");
    });
}

#[test]
fn a_head_that_drips_is_let_go() {
    on_memory_with(limits(), async |client| {
        for begin in [&b""[..], b"G", b"GET /v2/ HTTP/1.1\r\nhost: ", b"PRI * HTTP/2.0\r\n"] {
            let (mut read, mut write) = connect(&client).await.into_split();
            write.write_all(begin).await.unwrap();
            let dripping = tokio::spawn(drip(write));
            until_hung_up(&mut read).await;
            dripping.abort();
        }
    });
}

#[test]
fn a_body_of_which_no_more_comes_is_408() {
    on_memory_with(limits(), async |client| {
        let session = client.begin("app").await;
        for request in [
            format!("PATCH {} HTTP/1.1\r\n", session.location),
            format!("PUT {} HTTP/1.1\r\n", session.closing(&sha256("x"))),
            "PUT /v2/app/manifests/v1 HTTP/1.1\r\n".to_owned(),
            // Nobody reads this body, but for politeness.
            "PUT /v2/ HTTP/1.1\r\n".to_owned(),
        ] {
            let half = HalfRequest::send(&client, &request, 1000, b"half").await;
            let status = timeout(PATIENCE, half.finish(b"")).await.expect("an answer");
            let is_expected = status.starts_with("HTTP/1.1 40"); // 408, or 405 where it matters not
            assert!(is_expected, "{request}: {status}");
        }
        assert_eq!(session.offset().await, 0);
        session.chunk(0, "whole").await.expect(202);
    });
}

#[test]
fn a_body_that_drips_is_408() {
    on_memory_with(limits(), async |client| {
        let session = client.begin("app").await;
        let head = format!("PATCH {} HTTP/1.1\r\nhost: x\r\n", session.location);
        let (mut read, mut write) = connect(&client).await.into_split();
        write.write_all(head.as_bytes()).await.unwrap();
        write.write_all(b"content-length: 100000\r\n\r\n").await.unwrap();
        let dripping = tokio::spawn(drip(write));
        let received = until_hung_up(&mut read).await;
        assert!(received.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&received));
        dripping.abort();
        assert_eq!(session.offset().await, 0);
    });
}

/// Longer in all than a client may be idle, but never idle for so long, and fast enough.
#[test]
fn a_body_that_comes_slowly_but_steadily_is_taken() {
    on_memory_with(limits(), async |client| {
        let session = client.begin("app").await;
        let bytes = noise(1, 60_000);
        let head = format!("PATCH {} HTTP/1.1\r\n", session.location);
        let mut half = HalfRequest::send(&client, &head, bytes.len(), b"").await;
        let began = Instant::now();
        let last = bytes.len() - 1000;
        for piece in bytes[..last].chunks(1000) {
            half.go_on(piece).await;
            sleep(DRIP).await;
        }
        assert!(began.elapsed() > limits().idle_time_max);
        assert_eq!(half.finish(&bytes[last..]).await, "HTTP/1.1 202 Accepted");
        session.finish(&sha256(&bytes)).await.expect(201);
    });
}

/// A connection whose answer is larger than whatever lies between the two ends can hold.
async fn ask_for_much(client: &Client) -> TcpStream {
    let digest = client.push_blob("app", noise(1, MUCH)).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(64 << 10).expect("a small buffer");
    let mut stream = socket.connect(client.address).await.expect("a connection");
    let request = format!("GET /v2/app/blobs/{digest} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a listening server");
    stream
}

#[test]
fn a_client_that_takes_no_answer_is_cut_off() {
    on_memory_with(limits(), takes_nothing);
    on_directory_with(limits(), takes_nothing);
}

async fn takes_nothing(client: Client) {
    let mut stream = ask_for_much(&client).await;
    sleep(limits().idle_time_max * 3).await;
    let received = until_hung_up(&mut stream).await;
    assert!(received.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(received.len() < MUCH, "it was served after all");
}

#[test]
fn a_client_that_takes_its_answer_slowly_but_steadily_is_served() {
    on_memory_with(limits(), takes_slowly);
    on_directory_with(limits(), takes_slowly);
}

async fn takes_slowly(client: Client) {
    let mut stream = ask_for_much(&client).await;
    let (began, mut taken) = (Instant::now(), 0);
    let mut buffer = vec![0; 64 << 10];
    while taken < MUCH {
        let read = timeout(PATIENCE, stream.read(&mut buffer)).await;
        let read = read.expect("more in time").expect("more");
        assert_ne!(read, 0, "it was cut off at byte {taken}");
        taken += read;
        if began.elapsed() < limits().idle_time_max * 2 {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

#[test]
fn connections_above_the_limit_wait_until_others_end() {
    let limits = Limits { connections_max: 2, ..Limits::default() };
    on_memory_with(limits, async |client| {
        let idle = [connect(&client).await, connect(&client).await];
        sleep(Duration::from_millis(100)).await; // both are accepted
        let mut third = connect(&client).await;
        third.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n").await.unwrap();
        let mut first_byte = [0];
        let answer = timeout(Duration::from_millis(300), third.read(&mut first_byte)).await;
        assert!(answer.is_err(), "it was served beside two others");
        drop(idle);
        assert!(until_hung_up(&mut third).await.starts_with(b"HTTP/1.0 200 OK\r\n"));
    });
}

/// More than any test here should take.
const PATIENCE: Duration = Duration::from_secs(20);

const DRIP: Duration = Duration::from_millis(40);

const MUCH: usize = 32 << 20;
