use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::iter;
use std::ops::Range;
use std::sync::Arc;

use bytes::Buf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::piece::{PIECE_BYTES, Piece};
use super::{Parts, Socket};
use crate::Limits;
use crate::traffic::Traffic;

async fn connected(parts: &Parts) -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let client = TcpStream::connect(address).await.expect("a connection");
    let (stream, _) = listener.accept().await.expect("the other end");
    let traffic = Traffic::new(Limits::default());
    (Socket::new(stream, parts.clone(), traffic), client)
}

fn file(bytes: &[u8]) -> Arc<File> {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("room");
    Arc::new(file)
}

/// All pieces of a range, which becomes empty.
fn pieces(parts: &Parts, file: &Arc<File>, mut range: Range<u64>) -> Vec<Piece> {
    iter::from_fn(|| parts.push(file, &mut range)).collect()
}

/// Writes as hyper does: several pieces at a time, and what was not taken again.
async fn write(socket: &mut Socket, mut pieces: Vec<Piece>) -> io::Result<()> {
    while !pieces.is_empty() {
        let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece.chunk())).collect();
        let mut written = socket.write_vectored(&slices).await?;
        while let Some(piece) = pieces.first_mut().filter(|_| written > 0) {
            let of_piece = written.min(piece.remaining());
            piece.advance(of_piece);
            written -= of_piece;
            if !piece.has_remaining() {
                pieces.remove(0);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn parts_and_bytes_are_sent_in_their_order() {
    let content: Vec<u8> = (0..=250).cycle().take(3 * PIECE_BYTES + 77).collect();
    let (parts, file) = (Parts::default(), file(&content));
    let (mut socket, mut client) = connected(&parts).await;
    let mut sent = vec![Piece::Bytes("head".into()), Piece::Bytes("er".into())];
    sent.extend(pieces(&parts, &file, 5..content.len() as u64));
    sent.push(Piece::Bytes("between".into()));
    sent.extend(pieces(&parts, &file, 0..3));
    let expected = [b"header", &content[5..], b"between", &content[..3]].concat();
    let mut received = Vec::new();
    let (written, read) = tokio::join!(
        async move {
            write(&mut socket, sent).await // and hangs up
        },
        client.read_to_end(&mut received)
    );
    written.unwrap();
    read.unwrap();
    assert!(received == expected, "{} of {} bytes", received.len(), expected.len());
}

#[tokio::test]
async fn a_place_holder_is_never_sent_for_a_file() {
    let (parts, file) = (Parts::default(), file(b"content"));
    let other = pieces(&Parts::default(), &file, 0..7);
    let (mut socket, mut client) = connected(&parts).await;
    let missing = write(&mut socket, other).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::InvalidData, "{missing}");

    drop(pieces(&parts, &file, 0..7));
    let wrong = write(&mut socket, vec![Piece::File(6)]).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::InvalidData, "{wrong}");

    drop(socket);
    assert_eq!(client.read_to_end(&mut Vec::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_file_that_ends_too_early_is_an_error() {
    let (parts, file) = (Parts::default(), file(b"content"));
    let (mut socket, _client) = connected(&parts).await;
    let longer = pieces(&parts, &file, 0..8);
    let cut_off = write(&mut socket, longer).await.unwrap_err();
    assert_eq!(cut_off.kind(), ErrorKind::UnexpectedEof, "{cut_off}");
}
