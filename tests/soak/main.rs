//! A soak: many servers on one bucket, a client for each of them, and at the end a look at whether
//! everything is there that was acknowledged. `tests/soak.sh` runs it, and kills the store under it
//! in the meantime.
//!
//! Its arguments are how many seconds it takes, how many servers there are, and a seed.

mod audit;
mod counter;
mod dice;
mod ledger;
mod outcome;
mod upload;
mod worker;

#[allow(dead_code)] // not all of them are needed here
#[path = "../http/answer.rs"]
mod answer;
#[path = "../http/bucket.rs"]
mod bucket;
#[allow(dead_code)] // not all of them are needed here
#[path = "../http/client.rs"]
mod client;
#[path = "../processes/command.rs"]
mod command;
#[allow(dead_code)] // not all of them are needed here
#[path = "../http/content.rs"]
mod content;
#[allow(dead_code)] // not all of them are needed here
#[path = "../processes/server.rs"]
mod server;
#[allow(dead_code)] // not all of them are needed here
#[path = "../http/session.rs"]
mod session;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::ledger::Ledger;
use crate::server::Server;
use crate::worker::Worker;

#[tokio::main]
async fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse::<u64>().expect("a number"));
    let seconds = numbers.next().unwrap_or(60);
    let servers = numbers.next().unwrap_or(16);
    let seed = numbers.next().unwrap_or_else(|| u64::from(std::process::id()));
    let Some(store) = bucket::place() else { return ExitCode::FAILURE };
    println!("{servers} servers on {store} for {seconds} s, seed {seed}");

    let servers: Vec<Server> = (0..servers).map(|_| Server::start(&store)).collect();
    let clients: Vec<_> = servers.iter().map(|server| server.client.clone()).collect();
    worker::prepare(&clients[0]).await;
    let until = Instant::now() + Duration::from_secs(seconds);
    let workers = (0..clients.len())
        .map(|id| tokio::spawn(Worker::new(id, clients.clone(), seed).run(until)));
    let collecting = tokio::task::spawn_blocking({
        let store = store.clone();
        move || collect_until(&store, until)
    });
    let mut ledger = Ledger::default();
    for of_one in join_all(workers).await {
        ledger.add(of_one.expect("a worker"));
    }
    println!("{} collections beside that", collecting.await.expect("the collector"));

    // All uploads are over: what is left of them is nobody's, and nothing else may be hurt.
    let all = command::gc(&store).args(["--upload-idle", "0s"]).status().expect("the command");
    ledger.check(all.success(), || "the last collection failed".to_owned());
    audit::everything(&mut ledger, &store, &clients).await;
    println!("{ledger}");
    if ledger.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Collects again and again, for uploads that are so old that there are none. Whether the store is
/// there at the moment is a matter of luck. Returns how often it was.
fn collect_until(store: &str, until: Instant) -> usize {
    let mut collections = 0;
    while Instant::now() < until {
        let output = command::gc(store).args(["--upload-idle", "1h"]).output();
        collections += usize::from(output.expect("the command").status.success());
        std::thread::sleep(COLLECTION_PAUSE);
    }
    collections
}

const COLLECTION_PAUSE: Duration = Duration::from_secs(5);
