//! A server in this process, over each of the stores.

use std::panic::AssertUnwindSafe;
use std::path::Path;

use futures::FutureExt;
use orlop::fs::FsOptions;
use orlop::object_store::ObjectStoreOptions;
use orlop::{Environment, Options, Registry};
use orlop_registry::{Limits, Server};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::bucket;
use crate::client::Client;
use crate::content::sha256;

/// Runs a test against a server over memory, again over a directory, and again over a bucket if
/// there is one.
pub(crate) fn on_every_store(test: impl AsyncFn(Client)) {
    on_every_store_with(Options::default(), test);
}

/// The same with other policies.
pub(crate) fn on_every_store_with(options: Options, test: impl AsyncFn(Client)) {
    println!("over memory:");
    runtime().block_on(async { serve(Environment::memory(), options.clone(), &test).await });
    println!("over a directory:");
    in_directory(QUICK, options.clone(), Limits::default(), &async |client, _: &Path| {
        test(client).await;
    });
    if let Some(url) = bucket::place() {
        println!("over {url}:");
        runtime().block_on(async {
            let store = orlop::object_store::open(&url, &ObjectStoreOptions::default()).await;
            serve(store.expect("a store"), options, &test).await;
        });
    }
}

/// Runs a test against a server in memory that bears with its clients within these limits.
pub(crate) fn on_memory_with(limits: Limits, test: impl AsyncFn(Client)) {
    runtime().block_on(async {
        serve_with(Environment::memory(), Options::default(), limits, &test).await;
    });
}

/// The same over a directory.
pub(crate) fn on_directory_with(limits: Limits, test: impl AsyncFn(Client)) {
    in_directory(QUICK, Options::default(), limits, &async |client, _: &Path| test(client).await);
}

/// Runs a test against a server over a directory, which the test may spoil.
pub(crate) fn on_directory(test: &impl AsyncFn(Client, &Path)) {
    in_directory(QUICK, Options::default(), Limits::default(), test);
}

/// Runs a test against a server over a directory as it is by default: nothing large is in memory
/// before it is read, where the file system can do that.
pub(crate) fn on_durable_directory(test: impl AsyncFn(Client)) {
    let test = async |client, _: &Path| test(client).await;
    in_directory(FsOptions::default(), Options::default(), Limits::default(), &test);
}

fn in_directory(
    store: FsOptions,
    options: Options,
    limits: Limits,
    test: &impl AsyncFn(Client, &Path),
) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    runtime().block_on(async {
        let store = orlop::fs::open(directory.path(), &store).expect("a store");
        let test = async |client| test(client, directory.path()).await;
        serve_with(store, options, limits, test).await;
    });
}

async fn serve(store: Environment, options: Options, test: impl AsyncFn(Client)) {
    serve_with(store, options, Limits::default(), test).await;
}

async fn serve_with(
    store: Environment,
    options: Options,
    limits: Limits,
    test: impl AsyncFn(Client),
) {
    let registry = Registry::open(store, options).await.expect("a registry");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let client = Client::new(listener.local_addr().expect("an address"));
    let (drain, drained) = oneshot::channel::<()>();
    let server = Server::new(registry).with_limits(limits);
    let server = tokio::spawn(orlop_registry::serve(listener, server, drained.map(|_| ())));
    AssertUnwindSafe(test(client.clone())).await;
    still_works(&client).await;
    drop((client, drain));
    server.await.expect("a server that drains");
}

/// Whatever a test did, the server goes on.
async fn still_works(client: &Client) {
    let bytes = "still here";
    let digest = sha256(bytes);
    let path = format!("/v2/still/here/blobs/uploads/?digest={digest}");
    client.post(&path).bytes(bytes).send().await.expect(201);
    let pulled = client.get(&format!("/v2/still/here/blobs/{digest}")).await;
    assert_eq!(pulled.expect(200).body, bytes);
}

/// What a power cut does is not what is tested here, and to sync is slow.
const QUICK: FsOptions = FsOptions { durable: false };

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build();
    runtime.expect("a runtime")
}
