//! Requests that are made to hurt: heads and lists without end, bodies that explode when they are
//! parsed, and abuse of HTTP/2.

use std::fmt::Write;
use std::time::{Duration, Instant};

use http::Method;
use orlop_registry::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::Client;
use crate::content::{OCI_INDEX, OCI_MANIFEST, sha256};
use crate::server::{on_every_store, on_memory_with};

/// What the server sends, up to a second after it was silent or has hung up.
async fn say(client: &Client, words: &[u8]) -> Vec<u8> {
    let stream = TcpStream::connect(client.address).await.expect("a connection");
    let (mut read, mut write) = stream.into_split();
    let sending = async {
        let _ = write.write_all(words).await; // it may hang up before the end
        write
    };
    let receiving = async {
        let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(Ok(read @ 1..)) = timeout(Duration::from_secs(1), read.read(&mut buffer)).await
        {
            received.extend_from_slice(&buffer[..read]);
        }
        received
    };
    tokio::join!(sending, receiving).1
}

#[test]
fn heads_that_are_too_large_are_refused() {
    on_memory_with(Limits::default(), async |client| {
        let long = format!("GET /v2/ HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
        let many = format!("GET /v2/ HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(200));
        let path = format!("GET /v2/{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(1 << 20));
        for head in [long, many, path] {
            let answer = say(&client, head.as_bytes()).await;
            let answer = String::from_utf8_lossy(&answer);
            let is_refused =
                answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 414");
            assert!(is_refused || answer.is_empty(), "{answer}");
        }
    });
}

#[test]
fn a_list_is_never_longer_than_a_page() {
    on_every_store(async |client| {
        client.push_image("app", "v1", "1").await;
        for n in ["10001", "4294967296", "18446744073709551615"] {
            let list = client.get(&format!("/v2/app/tags/list?n={n}")).await.expect(200);
            assert_eq!(list.words("tags"), ["v1"]);
            client.get(&format!("/v2/_catalog?n={n}")).await.expect(200);
        }
        for n in ["18446744073709551616", "-1", "1e3", "%00"] {
            client.get(&format!("/v2/app/tags/list?n={n}")).await.expect(400);
        }
    });
}

/// Puts a manifest which must be refused, and soon.
async fn refuse(client: &Client, media_type: &str, text: String, words: &[&str]) {
    let began = Instant::now();
    let put = client.put("/v2/app/manifests/v1").header("content-type", media_type);
    let answer = put.bytes(text).send().await;
    answer.refused(400, "MANIFEST_INVALID", words);
    let time = began.elapsed();
    assert!(time < Duration::from_secs(10), "it took {time:?}");
}

#[test]
fn json_that_is_nested_deeply_is_400() {
    on_memory_with(Limits::default(), async |client| {
        let bomb = |open: &str, close: &str| {
            let count = (4 << 20) / (open.len() + close.len()) - 100;
            let inner = open.repeat(count) + "0" + &close.repeat(count);
            format!(r#"{{"schemaVersion":2,"manifests":[],"x":{inner}}}"#)
        };
        for text in [bomb("[", "]"), bomb("{\"a\":", "}")] {
            refuse(&client, OCI_INDEX, text, &["nested", "64"]).await;
        }
    });
}

#[test]
fn more_references_than_a_manifest_may_have_are_400() {
    on_memory_with(Limits::default(), async |client| {
        let mut layers = String::new();
        for number in 0..20_000 {
            let comma = if number == 0 { "" } else { "," };
            let digest = format!("sha256:{number:064x}");
            write!(layers, r#"{comma}{{"mediaType":"a/b","digest":"{digest}","size":1}}"#).unwrap();
        }
        for (media_type, text) in [
            (OCI_INDEX, format!(r#"{{"schemaVersion":2,"manifests":[{layers}]}}"#)),
            (
                OCI_MANIFEST,
                format!(
                    r#"{{"schemaVersion":2,"layers":[{layers}],
                        "config":{{"mediaType":"a/b","digest":"{}","size":1}}}}"#,
                    sha256("")
                ),
            ),
        ] {
            refuse(&client, media_type, text, &["references", "10000"]).await;
        }
    });
}

#[test]
fn fields_that_are_there_twice_are_400() {
    on_memory_with(Limits::default(), async |client| {
        for field in [r#""manifests":[]"#, r#""schemaVersion":2"#, r#""mediaType":"a/b""#] {
            let text = format!(r#"{{"schemaVersion":2,"mediaType":"a/b","manifests":[],{field}}}"#);
            refuse(&client, "a/b", text, &["duplicate field"]).await;
        }
    });
}

/// The second request in the body of the first must not be taken for one.
#[test]
fn a_request_hidden_in_a_body_is_none() {
    on_memory_with(Limits::default(), async |client| {
        client.push_image("app", "v1", "1").await;
        let hidden = "DELETE /v2/app/manifests/v1 HTTP/1.1\r\nhost: x\r\n\r\n";
        for lengths in [
            "content-length: 0\r\ncontent-length: 4\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
            "transfer-encoding : chunked\r\n",
        ] {
            let words = format!("POST /v2/ HTTP/1.1\r\nhost: x\r\n{lengths}\r\n0\r\n\r\n{hidden}");
            say(&client, words.as_bytes()).await;
        }
        // What is at stake: in a request of its own it counts.
        client.request(Method::HEAD, "/v2/app/manifests/v1").send().await.expect(200);
        say(&client, hidden.as_bytes()).await;
        client.request(Method::HEAD, "/v2/app/manifests/v1").send().await.expect(404);
    });
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The kinds of the frames that the server sent, and their payloads.
fn frames(mut received: &[u8]) -> Vec<(u8, &[u8])> {
    let mut frames = Vec::new();
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = received {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        frames.push((*kind, payload));
        received = rest;
    }
    frames
}

fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, b"")].concat()
}

#[test]
fn a_connection_of_http_2_says_how_much_it_takes() {
    let limits = Limits { streams_max: 7, ..Limits::default() };
    on_memory_with(limits, async |client| {
        let received = say(&client, &preface()).await;
        let (kind, settings) = frames(&received)[0];
        assert_eq!(kind, SETTINGS);
        let settings: Vec<&[u8]> = settings.chunks(6).collect();
        assert!(settings.contains(&&[0, 3, 0, 0, 0, 7][..]), "no limit of streams: {settings:?}");
        assert!(settings.iter().any(|setting| setting[..2] == [0, 6]), "none of heads");
    });
}

/// "Rapid reset": requests that are begun and taken back cost their client nothing.
#[test]
fn requests_that_are_taken_back_again_and_again_end_the_connection() {
    on_memory_with(Limits::default(), async |client| {
        let mut words = preface();
        for request in 0..2000 {
            let stream = 2 * request + 1;
            // GET http://r/v2/, by the static table of HPACK
            words.extend(frame(HEADERS, 0x5, stream, b"\x82\x86\x04\x04/v2/\x01\x01r"));
            words.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
        }
        let received = say(&client, &words).await;
        let frames = frames(&received);
        let end = frames.iter().find(|(kind, _)| *kind == GOAWAY);
        let (_, payload) = end.expect("the end of the connection");
        assert_eq!(payload[4..8], [0, 0, 0, 11], "not ENHANCE_YOUR_CALM");
    });
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
