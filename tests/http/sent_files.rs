//! Blobs that are sent from their files: the right bytes, in the right place, or a connection that
//! breaks.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::content::noise;
use crate::server::{on_directory, on_durable_directory, on_every_store};

/// Larger than what is sent at a time, and no multiple of anything.
const LARGE: usize = (3 << 20) + 4321;

/// What comes as an answer to requests that are sent all at once.
async fn ask(client: &Client, requests: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(client.address).await.expect("a connection");
    stream.write_all(requests.as_bytes()).await.expect("a listening server");
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await; // it may be cut off
    received
}

fn get(digest: &str, headers: &str) -> String {
    format!("GET /v2/app/blobs/{digest} HTTP/1.1\r\nhost: x\r\n{headers}\r\n")
}

/// Takes the next answer's body off what was received.
fn take_body(received: &mut &[u8], len: usize) -> Vec<u8> {
    let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
    let (head, rest) = received.split_at(end);
    let head = String::from_utf8_lossy(head);
    assert!(head.starts_with("HTTP/1.1 20"), "{head}");
    assert!(head.contains(&format!("content-length: {len}\r\n")), "{head}");
    let (body, rest) = rest.split_at(len);
    *received = rest;
    body.to_vec()
}

#[test]
fn answers_to_requests_that_come_at_once_are_in_order() {
    on_every_store(async |client| {
        let blobs = [noise(1, LARGE), noise(2, 100), noise(3, 70_000), noise(4, 2 << 20)];
        let mut requests = String::new();
        for bytes in &blobs {
            let digest = client.push_blob("app", bytes.clone()).await;
            requests += &get(&digest, "");
            requests += &get(&digest, "range: bytes=7-\r\n");
        }
        requests += "GET /v2/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let received = ask(&client, &requests).await;
        let mut rest = received.as_slice();
        for bytes in &blobs {
            assert!(take_body(&mut rest, bytes.len()) == *bytes);
            assert!(take_body(&mut rest, bytes.len() - 7) == bytes[7..]);
        }
        assert_eq!(take_body(&mut rest, 2), b"{}");
        assert!(rest.is_empty());
    });
}

#[test]
fn pulls_from_many_connections_do_not_mix() {
    on_every_store(async |client| {
        let blobs = [noise(1, LARGE), noise(2, LARGE), noise(3, LARGE)];
        let mut pulls = Vec::new();
        for bytes in blobs {
            let digest = client.push_blob("app", bytes.clone()).await;
            for _ in 0..4 {
                let (client, digest, bytes) = (client.clone(), digest.clone(), bytes.clone());
                pulls.push(tokio::spawn(async move {
                    assert!(client.get_blob("app", &digest).await.expect(200).body == bytes);
                }));
            }
        }
        for pull in pulls {
            pull.await.expect("a pull of the right bytes");
        }
    });
}

#[test]
fn what_is_not_in_memory_is_waited_for() {
    on_durable_directory(async |client| {
        let bytes = noise(1, 8 << 20);
        let digest = client.push_blob("app", bytes.clone()).await;
        for _ in 0..2 {
            assert!(client.get_blob("app", &digest).await.expect(200).body == bytes);
        }
    });
}

#[test]
fn http_2_gets_the_same_bytes() {
    on_every_store(async |client| {
        let bytes = noise(1, LARGE);
        let digest = client.push_blob("app", bytes.clone()).await;
        let stream = TcpStream::connect(client.address).await.expect("a connection");
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (mut requests, connection) = handshake.await.expect("a server that speaks HTTP/2");
        let connection = tokio::spawn(connection);
        let url = format!("http://{}/v2/app/blobs/{digest}", client.address);
        let request = http::Request::get(url).body(Empty::<Bytes>::new()).expect("a request");
        let answer = requests.send_request(request).await.expect("an answer");
        let body = answer.into_body().collect().await.expect("all of it");
        assert!(body.to_bytes() == bytes);
        connection.abort();
    });
}

#[test]
fn a_file_that_was_cut_off_is_never_a_whole_answer() {
    on_directory(&async |client, root| {
        let bytes = noise(1, LARGE);
        let digest = client.push_blob("app", bytes.clone()).await;
        let [file] = &files(&root.join("extents"))[..] else { panic!("a blob is one file") };
        for left in [LARGE - 1, 1 << 20, 1, 0] {
            File::options().write(true).open(file).unwrap().set_len(left as u64).unwrap();
            let received = ask(&client, &get(&digest, "connection: close\r\n")).await;
            let is_refused = received.starts_with(b"HTTP/1.1 500 ");
            assert!(is_refused || received.len() < LARGE, "{left} bytes were left");
        }
    });
}

/// The files below a directory that have bytes.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false if fs::metadata(&path).expect("a file").len() > 0 => found.push(path),
            false => {}
        }
    }
    found
}
