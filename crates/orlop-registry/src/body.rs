//! Reading what a client sends, at the client's pace but not for ever.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::error::ApiError;

/// The next bytes of a body; `None` at its end.
pub(crate) async fn next(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    loop {
        let frame = timeout(IDLE_TIME_MAX, body.frame()).await.map_err(|_| {
            let seconds = IDLE_TIME_MAX.as_secs();
            let message = format!("nothing came for {seconds} seconds");
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "SIZE_INVALID", message)
        })?;
        match frame {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
            Some(Err(error)) => {
                let message = format!("the body broke off: {error}");
                return Err(ApiError::bad_request("SIZE_INVALID", message));
            }
        }
    }
}

/// A whole body of at most `max` bytes; `None` if it has more.
pub(crate) async fn whole(body: &mut Body, max: usize) -> Result<Option<Bytes>, ApiError> {
    let mut all = BytesMut::new();
    while let Some(bytes) = next(body).await? {
        if all.len() + bytes.len() > max {
            return Ok(None);
        }
        all.extend_from_slice(&bytes);
    }
    Ok(Some(all.freeze()))
}

/// Reads what is left of a body, so that the answer finds a client that is listening: one that is
/// still sending when the connection closes may never see it.
pub(crate) async fn drain(body: &mut Body) {
    let mut left = DRAINED_BYTES_MAX;
    while let Ok(Some(bytes)) = next(body).await {
        match left.checked_sub(bytes.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// How long a client may send nothing in the middle of a body.
const IDLE_TIME_MAX: Duration = Duration::from_mins(1);

/// A large chunk of what clients send; whoever sends more has to look at what comes back.
const DRAINED_BYTES_MAX: usize = 64 << 20;
