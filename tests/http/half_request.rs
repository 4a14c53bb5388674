//! A request that stops in the middle, with its connection open. Dropping it hangs up.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Client;

/// A request of which only a part is sent.
#[derive(Debug)]
pub(crate) struct HalfRequest {
    stream: TcpStream,
}

impl HalfRequest {
    /// Sends `head`, a request line and headers with a line break after each, and `part` of a
    /// body of `len` bytes.
    pub(crate) async fn send(client: &Client, head: &str, len: usize, part: &[u8]) -> Self {
        let head = format!("{head}content-length: {len}\r\n");
        let mut half = Self::open(client, &head).await;
        half.go_on(b"\r\n").await;
        half.go_on(part).await;
        half
    }

    /// Sends `head`, but not the empty line that ends it.
    pub(crate) async fn open(client: &Client, head: &str) -> Self {
        let stream = TcpStream::connect(client.address).await.expect("a connection");
        let mut half = Self { stream };
        let head = format!("{head}host: registry\r\nconnection: close\r\n");
        half.go_on(head.as_bytes()).await;
        half
    }

    pub(crate) async fn go_on(&mut self, part: &[u8]) {
        self.stream.write_all(part).await.expect("a listening server");
    }

    /// Sends what is missing and returns the status line.
    pub(crate) async fn finish(mut self, rest: &[u8]) -> String {
        self.go_on(rest).await;
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.expect("an answer");
        answer.lines().next().unwrap_or_default().to_owned()
    }

    /// Breaks off, and waits until the server has seen that and let go.
    pub(crate) async fn break_off(mut self) {
        self.stream.shutdown().await.expect("an open connection");
        let mut answer = Vec::new();
        // Whether it says anything more is its own affair.
        let _ = self.stream.read_to_end(&mut answer).await;
    }
}
