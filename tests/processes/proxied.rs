//! Two servers behind a proxy that knows nothing of uploads, one of which comes and goes.

use std::time::Duration;

use crate::bucket;
use crate::command;
use crate::content::sha256;
use crate::large::{CHUNK, large_blob};
use crate::proxy::Proxy;
use crate::server::Server;
use crate::stubborn::Stubborn;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_through_a_proxy_survives_a_server_that_comes_and_goes() {
    let Some(store) = bucket::place() else { return };
    let blob = large_blob();
    let steady = Server::start(&store);
    let first = Server::start(&store);
    let address = first.client.address;
    let proxy = Proxy::start(vec![steady.client.address, address]).await;
    let coming_and_going = tokio::spawn(async move {
        let mut server = first;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.signal("-9");
            server.wait();
            tokio::time::sleep(Duration::from_millis(300)).await;
            server = Server::start_as(command::serve(&store, &address.to_string()));
        }
        server
    });
    let mut client = Stubborn::new(proxy.address);
    let mut images = Vec::new();
    while !coming_and_going.is_finished() || images.len() < 3 {
        client.push_blob("app", &blob, CHUNK).await;
        let tag = format!("v{}", images.len());
        images.push((client.push_image("app", &tag, &tag).await, tag));
    }
    assert!(client.disappointments > 0, "nobody was in the way");

    let other = coming_and_going.await.expect("a server that came back");
    for server in [&steady, &other] {
        let pulled = server.client.get_blob("app", &sha256(&blob)).await.expect(200);
        assert!(pulled.body == blob);
        for (digest, tag) in &images {
            let pulled = server.client.get_manifest("app", tag).await.expect(200);
            assert_eq!(sha256(&pulled.body), *digest);
        }
    }
}
