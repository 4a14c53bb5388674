//! Connections that end in the middle.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Client;

/// Sends a request with a body, of which only half arrives. What comes of it nobody asks: the
/// server may be gone, too.
pub(crate) async fn body(client: &Client, request: &str, body: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(client.address).await?;
    let head =
        format!("{request} HTTP/1.1\r\nhost: registry\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body[..body.len() / 2]).await
}

/// Asks for something, and reads only the beginning of the answer.
pub(crate) async fn answer(client: &Client, path: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(client.address).await?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: registry\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.read_exact(&mut [0; 512]).await.map(drop)
}
