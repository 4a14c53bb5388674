//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::pin::pin;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::Limits;
use crate::sendfile::{Content, Parts, Socket, TakesFiles};
use crate::traffic::Traffic;

/// How connections are served.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    http: Builder<TokioExecutor>,
    service: TowerToHyperService<Router>,
    limits: Limits,
}

impl Protocol {
    pub(crate) fn new(router: Router, limits: Limits) -> Self {
        let mut http = Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new()).header_read_timeout(limits.head_time_max);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams_max)
            // Whoever begins requests and takes them back ("rapid reset") is cut off.
            .max_pending_accept_reset_streams(RESETS_MAX)
            .max_local_error_reset_streams(ERRORS_MAX)
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_send_buf_size(ANSWER_BYTES_MAX)
            .keep_alive_interval(limits.idle_time_max / 2)
            .keep_alive_timeout(limits.idle_time_max / 2);
        Self { http, service: TowerToHyperService::new(router), limits }
    }

    /// Serves a connection until it ends, its client has used up its time, or `drain` says that the
    /// server ends: then what is under way may still be finished.
    pub(crate) async fn serve(self, stream: TcpStream, mut drain: watch::Receiver<bool>) {
        let traffic = Traffic::new(self.limits);
        let parts = Parts::default();
        let service = service_fn({
            let (traffic, parts, service) = (traffic.clone(), parts.clone(), self.service);
            move |mut request: Request<Incoming>| {
                let exchange = traffic.begin();
                if let Some(takes_files) = TakesFiles::over(request.version()) {
                    request.extensions_mut().insert(takes_files);
                }
                let (answer, parts) = (service.call(request), parts.clone());
                async move {
                    let answer = Content::of(answer.await?, &parts);
                    Ok::<_, Infallible>(answer.map(|content| exchange.answer(content)))
                }
            }
        });
        let socket = TokioIo::new(Socket::new(stream, parts, traffic.clone()));
        let mut connection = pin!(self.http.serve_connection(socket, service));
        tokio::select! {
            ended = &mut connection => return log(ended),
            reason = traffic.overdue() => tracing::debug!(reason, "a connection is cut off"),
            _ = drain.wait_for(|drains| *drains) => {}
        }
        connection.as_mut().graceful_shutdown();
        let end = Instant::now() + self.limits.drain_time_max;
        tokio::select! {
            ended = &mut connection => log(ended),
            () = sleep_until(end) => {}
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn log(ended: Result<(), BoxError>) {
    if let Err(error) = ended {
        tracing::debug!(error, "a connection broke");
    }
}

/// Requests of HTTP/2 that were taken back before they were looked at.
const RESETS_MAX: usize = 20;

/// Requests of HTTP/2 that broke its rules.
const ERRORS_MAX: usize = 100;

/// The head of a request of HTTP/2. One of HTTP/1 has at most 100 headers and 400 KiB.
const HEAD_BYTES_MAX: u32 = 64 << 10;

/// What is held of each answer of HTTP/2 that its client does not take.
const ANSWER_BYTES_MAX: usize = 64 << 10;
