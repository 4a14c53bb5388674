//! Accepting connections, and letting them go.

use std::io;
use std::time::Duration;

use futures::FutureExt;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

use crate::Server;

/// Serves until `drain` comes; then takes no more connections, and lets the requests
/// that are under way finish for up to half a minute.
pub async fn serve(listener: TcpListener, server: Server, drain: impl Future<Output = ()>) {
    let service = TowerToHyperService::new(crate::router(server));
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME_MAX);
    http.http2().timer(TokioTimer::new());
    let connections = GracefulShutdown::new();
    let drain = drain.fuse();
    futures::pin_mut!(drain);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut drain => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await; // out of file descriptors: others will close
                continue;
            }
        };
        let _ = stream.set_nodelay(true); // only a matter of speed
        let connection = http.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection broke");
            }
        });
    }
    drop(listener);
    tracing::info!("draining");
    if timeout(DRAIN_TIME_MAX, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests were still under way");
    }
}

/// Comes with the first SIGTERM or Ctrl-C.
pub fn drain_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// How long a client may take to send the head of a request.
const HEADER_TIME_MAX: Duration = Duration::from_secs(30);

/// How long requests may go on after the signal.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(30);

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
