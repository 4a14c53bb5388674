//! The body of an answer as hyper gets it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use http_body::{Frame, SizeHint};

use super::piece::Piece;
use super::{FileAnswer, Parts};

/// Bytes, or a range of a file.
#[derive(Debug)]
pub(crate) enum Content {
    Bytes(Body),
    File(FileAnswer, Parts),
}

impl Content {
    /// Takes it from an answer whose connection sends these parts.
    pub(crate) fn of(answer: Response, parts: &Parts) -> http::Response<Self> {
        let (mut head, body) = answer.into_parts();
        let content = match head.extensions.remove() {
            Some(answer) => Self::File(answer, parts.clone()),
            None => Self::Bytes(body),
        };
        http::Response::from_parts(head, content)
    }
}

impl http_body::Body for Content {
    type Data = Piece;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, axum::Error>>> {
        match &mut *self {
            Self::Bytes(body) => {
                Pin::new(body).poll_frame(context).map_ok(|frame| frame.map_data(Piece::Bytes))
            }
            Self::File(FileAnswer { file, range }, parts) => {
                Poll::Ready(parts.push(file, range).map(|piece| Ok(Frame::data(piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bytes(body) => body.is_end_stream(),
            Self::File(answer, _) => answer.range.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Bytes(body) => body.size_hint(),
            Self::File(answer, _) => SizeHint::with_exact(answer.range.end - answer.range.start),
        }
    }
}
