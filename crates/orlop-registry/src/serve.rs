//! Accepting connections, and letting them go.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::Server;
use crate::connection::Protocol;

/// Serves until `drain` comes; then takes no more connections, and lets the requests
/// that are under way finish for a while ([`Limits`](crate::Limits)).
pub async fn serve(listener: TcpListener, server: Server, drain: impl Future<Output = ()>) {
    let limits = server.limits;
    let protocol = Protocol::new(crate::router(server), limits);
    let connections_max = u32::try_from(limits.connections_max).unwrap_or(u32::MAX);
    let connections_max = connections_max.clamp(1, CONNECTIONS_MAX);
    let connections = Arc::new(Semaphore::new(connections_max as usize));
    let (draining, drains) = watch::channel(false);
    let drain = drain.fuse();
    futures::pin_mut!(drain);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            () = &mut drain => break,
        };
        let Some((stream, permit)) = accepted else {
            sleep(ACCEPT_PAUSE).await; // out of file descriptors: others will close
            continue;
        };
        let _ = stream.set_nodelay(true); // only a matter of speed
        let (protocol, drains) = (protocol.clone(), drains.clone());
        tokio::spawn(async move {
            protocol.serve(stream, drains).await;
            drop(permit);
        });
    }
    drop(listener);
    tracing::info!("draining");
    draining.send_replace(true);
    if timeout(limits.drain_time_max, connections.acquire_many(connections_max)).await.is_err() {
        tracing::warn!("some requests were still under way");
    }
}

/// The next connection, when there is room for one.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    // It is never closed.
    let permit = connections.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            None
        }
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

/// As many as can be counted.
const CONNECTIONS_MAX: u32 = 1 << 24;

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
