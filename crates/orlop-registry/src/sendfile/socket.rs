//! A socket that sends files, and counts what is written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, spawn_blocking};

use super::kernel;
use super::part::{Part, Parts};
use super::piece::is_place_holder;
use crate::traffic::Traffic;

/// A socket that sends the next part where it is given the place holder to write.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    parts: Parts,
    sending: Sending,
    traffic: Arc<Traffic>,
}

#[derive(Debug)]
enum Sending {
    Nothing,
    /// A part that is not in memory yet.
    Fetched(JoinHandle<io::Result<Part>>),
    Part(Part),
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, parts: Parts, traffic: Arc<Traffic>) -> Self {
        Self { stream, parts, sending: Sending::Nothing, traffic }
    }

    /// Writes what comes before a part.
    fn poll_send_before(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_writing(context, |stream| kernel::send_before_others(stream, bytes))
    }

    /// Sends from the part that the next `len` bytes stand for.
    fn poll_send_part(&mut self, context: &mut Context<'_>, len: usize) -> Poll<io::Result<usize>> {
        let mut part = ready!(self.poll_part(context))?;
        if part.left() != len {
            // Whatever came between hyper and here, no other bytes may be sent for these.
            let message = format!("{} bytes of a file are next, not {len}", part.left());
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        let sent = self.poll_writing(context, |stream| part.send(stream));
        if part.left() > 0 {
            self.sending = Sending::Part(part);
        }
        sent
    }

    /// Takes the part that is to be sent now, which is in memory then.
    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Part>> {
        loop {
            match std::mem::replace(&mut self.sending, Sending::Nothing) {
                Sending::Part(part) => return Poll::Ready(Ok(part)),
                Sending::Fetched(mut fetched) => match Pin::new(&mut fetched).poll(context) {
                    Poll::Ready(part) => return Poll::Ready(part?),
                    Poll::Pending => {
                        self.sending = Sending::Fetched(fetched);
                        return Poll::Pending;
                    }
                },
                Sending::Nothing => {
                    let Some(part) = self.parts.next() else {
                        let message = "no part of a file is there to be sent";
                        return Poll::Ready(Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            message,
                        )));
                    };
                    self.sending = if part.is_in_memory() {
                        Sending::Part(part)
                    } else {
                        Sending::Fetched(spawn_blocking(move || part.fetch().map(|()| part)))
                    };
                }
            }
        }
    }

    /// Does something as soon as the socket takes bytes.
    fn poll_writing(
        &self,
        context: &mut Context<'_>,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            match self.stream.try_io(Interest::WRITABLE, || write(&self.stream)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = if is_place_holder(bytes) {
            self.poll_send_part(context, bytes.len())
        } else {
            Pin::new(&mut self.stream).poll_write(context, bytes)
        };
        self.traffic.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match slices.iter().position(|slice| is_place_holder(slice)) {
            None => Pin::new(&mut self.stream).poll_write_vectored(context, slices),
            Some(0) => self.poll_send_part(context, slices[0].len()),
            Some(_) => self.poll_send_before(context, &slices[0]),
        };
        self.traffic.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        true // or hyper would copy the place holder
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
