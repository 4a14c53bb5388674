//! Any bytes on a connection, in pieces: the server answers or hangs up, and goes on.

#![no_main]

use std::convert::Infallible;

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use libfuzzer_sys::fuzz_target;
use orlop_fuzz::place::{Kind, Place};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_service::Service;

fuzz_target!(|input: (u8, &[u8])| orlop_fuzz::run(async {
    let (piece, bytes) = input;
    let registry = Place::new(Kind::Memory).registry().await;
    let router = orlop_registry::router(registry.into());
    let service = service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        async move {
            let shown = format!("{} {}", request.method(), request.uri());
            let Ok(answer) = router.call(request.map(Body::new)).await;
            assert!(answer.status().as_u16() < 500, "{shown}: {answer:?}");
            Ok::<_, Infallible>(answer)
        }
    });
    let (client, server) = tokio::io::duplex(1 << 16);
    let talk = async {
        let (mut read, mut write) = tokio::io::split(client);
        let send = async {
            for piece in bytes.chunks(usize::from(piece) + 1) {
                if write.write_all(piece).await.is_err() {
                    return; // it has hung up
                }
                tokio::task::yield_now().await;
            }
            let _ = write.shutdown().await; // it may have hung up
        };
        let mut answers = Vec::new();
        let ((), read) = tokio::join!(send, read.read_to_end(&mut answers));
        let _ = read;
    };
    let http = Builder::new(TokioExecutor::new());
    let served = http.serve_connection(TokioIo::new(server), service);
    let (_, ()) = tokio::join!(served, talk);
}));
