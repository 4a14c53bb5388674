//! A connection of HTTP/1.1 that is kept, and just enough of the protocol.

use std::fmt::Write as _;
use std::io::{IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Result;

/// A connection to a registry.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    /// What came in and was not looked at: the end of what is filled.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// An answer without its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) length: Length,
}

/// How long a body is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    Bytes(usize),
    /// It says so as it comes (RFC 9112, section 7.1).
    Chunks,
}

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, address, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0 })
    }

    /// Sends a request, whose body comes in two pieces, and reads the head of its answer.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: [&[u8]; 2],
    ) -> Result<Answer> {
        let mut head = String::with_capacity(512);
        write!(head, "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}", self.address)?;
        if !matches!(method, "GET" | "HEAD") {
            write!(head, "Content-Length: {}\r\n", body[0].len() + body[1].len())?;
        }
        head.push_str("\r\n");
        self.send(&mut [
            IoSlice::new(head.as_bytes()),
            IoSlice::new(body[0]),
            IoSlice::new(body[1]),
        ])?;
        let answer = self.head(method)?;
        Ok(answer)
    }

    fn send(&mut self, mut pieces: &mut [IoSlice<'_>]) -> Result<()> {
        while pieces.iter().any(|piece| !piece.is_empty()) {
            let sent = self.stream.write_vectored(pieces)?;
            if sent == 0 {
                return Err("the server closed the connection".into());
            }
            IoSlice::advance_slices(&mut pieces, sent);
        }
        Ok(())
    }

    fn head(&mut self, method: &str) -> Result<Answer> {
        let head = self.until(b"\r\n\r\n")?;
        Answer::parse(std::str::from_utf8(&head)?, method)
    }

    /// What comes before an end, which is taken, too.
    fn until(&mut self, end: &[u8]) -> Result<Vec<u8>> {
        loop {
            let found = &self.buffer[self.start..self.end];
            if let Some(at) = found.windows(end.len()).position(|found| found == end) {
                let before = found[..at].to_vec();
                self.start += at + end.len();
                return Ok(before);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<()> {
        if self.start == self.end || self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let read = self.stream.read(&mut self.buffer[self.end..])?;
        if read == 0 {
            return Err("the server closed the connection".into());
        }
        self.end += read;
        Ok(())
    }

    /// Reads the body of an answer, and shows it to `look` piece by piece.
    pub(crate) fn body(&mut self, answer: &Answer, mut look: impl FnMut(&[u8])) -> Result<()> {
        if let Length::Bytes(length) = answer.length {
            return self.bytes(length, &mut look);
        }
        loop {
            let size = self.until(b"\r\n")?;
            let size = usize::from_str_radix(std::str::from_utf8(&size)?.trim(), 16)?;
            self.bytes(size, &mut look)?;
            self.until(b"\r\n")?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn bytes(&mut self, mut left: usize, look: &mut impl FnMut(&[u8])) -> Result<()> {
        while left > 0 {
            if self.start == self.end {
                self.fill()?;
            }
            let piece = left.min(self.end - self.start);
            look(&self.buffer[self.start..self.start + piece]);
            self.start += piece;
            left -= piece;
        }
        Ok(())
    }
}

impl Answer {
    fn parse(head: &str, method: &str) -> Result<Self> {
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.get(9..12)).ok_or("no status line")?;
        let status = status.parse()?;
        let mut answer = Self { status, location: None, digest: None, length: Length::Bytes(0) };
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "location" => answer.location = Some(path_of(value).to_owned()),
                "docker-content-digest" => answer.digest = Some(value.to_owned()),
                "content-length" if method != "HEAD" => {
                    answer.length = Length::Bytes(value.parse()?);
                }
                "transfer-encoding" if method != "HEAD" => answer.length = Length::Chunks,
                _ => {}
            }
        }
        Ok(answer)
    }

    /// Fails unless the status, and the digest if there must be one, are as expected.
    pub(crate) fn expect(&self, status: u16, digest: Option<&str>) -> Result<()> {
        if self.status != status || digest.is_some_and(|_| self.digest.as_deref() != digest) {
            return Err(format!("expected {status} {digest:?}, found {self:?}").into());
        }
        Ok(())
    }
}

/// What comes behind the host, if there is one.
fn path_of(location: &str) -> &str {
    match location.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => location,
    }
}

/// Read at a time: as much as stays in a processor's cache.
const BUFFER_BYTES: usize = 256 << 10;

/// A server that is silent for so long will never answer.
const PATIENCE: Duration = Duration::from_mins(1);
