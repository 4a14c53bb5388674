//! Reading what a client sends, at the client's pace but not for ever.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout};

use crate::Limits;
use crate::error::ApiError;

/// The body of a request.
#[derive(Debug)]
pub(crate) struct Incoming {
    body: Body,
    limits: Limits,
    /// Bytes that came in.
    bytes: u64,
    /// How long the client was waited for, in all.
    waited: Duration,
}

impl Incoming {
    pub(crate) fn new(body: Body, limits: Limits) -> Self {
        Self { body, limits, bytes: 0, waited: Duration::ZERO }
    }

    /// Whether it is known that nothing comes (any more).
    pub(crate) fn is_over(&self) -> bool {
        self.body.is_end_stream()
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            let began = Instant::now();
            let frame = timeout(self.patience(), self.body.frame()).await;
            self.waited += began.elapsed();
            match frame.map_err(|_| self.too_slow())? {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.bytes += bytes.len() as u64;
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

    /// How long the client is waited for now. Each byte buys a little time, so that a client that
    /// sends one now and then has to end as well.
    fn patience(&self) -> Duration {
        let Limits { idle_time_max, bytes_per_second_min, .. } = self.limits;
        let bought = Duration::from_secs(self.bytes / bytes_per_second_min.max(1));
        idle_time_max.min((idle_time_max + bought).saturating_sub(self.waited))
    }

    fn too_slow(&self) -> ApiError {
        let Self { bytes, waited, .. } = self;
        let message = format!("{bytes} bytes came in {waited:.1?}, and then no more");
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "SIZE_INVALID", message)
    }

    /// All of it, if that is at most `max` bytes; `None` if it is more.
    pub(crate) async fn whole(&mut self, max: usize) -> Result<Option<Bytes>, ApiError> {
        let mut all = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if all.len() + bytes.len() > max {
                return Ok(None);
            }
            all.extend_from_slice(&bytes);
        }
        Ok(Some(all.freeze()))
    }

    /// Reads what is left, so that the answer finds a client that is listening: one that is still
    /// sending when the connection closes may never see it.
    pub(crate) async fn drain(&mut self) {
        let time_max = self.limits.idle_time_max;
        let mut left = DRAINED_BYTES_MAX;
        let reading = async {
            while let Ok(Some(bytes)) = self.next().await {
                match left.checked_sub(bytes.len()) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        };
        let _ = timeout(time_max, reading).await; // then it has to look at what comes back
    }
}

/// A large chunk of what clients send; whoever sends more has to look at what comes back.
const DRAINED_BYTES_MAX: usize = 64 << 20;
