//! A churn: pushers, deleters, pullers and collectors on one store, all in processes of their own,
//! some of which are killed or stopped at any moment. At the end everything is there that was
//! acknowledged and not deleted, and nothing else is. `tests/churn.sh` runs it.
//!
//! Its arguments are how many seconds it takes, a directory to work in, a store, a seed, whether
//! the store may fail for a while (`steady` or `failing`), and what becomes of manifests without a
//! tag (`keep` or `collect`); or, when it starts itself, a role, a number, and what
//! [`setting::Setting`] says.

mod ask;
mod audit;
mod blob;
mod collector;
mod cut;
mod deleter;
mod image;
mod known;
mod layers;
mod ledger;
mod names;
mod processes;
mod puller;
mod pusher;
mod setting;
mod summary;
mod walk;

#[allow(dead_code)] // not all of them are needed here
#[path = "../http/answer.rs"]
mod answer;
#[allow(dead_code)] // not all of them are needed here
#[path = "../http/client.rs"]
mod client;
#[path = "../processes/command.rs"]
mod command;
#[allow(dead_code)] // not all of them are needed here
#[path = "../http/content.rs"]
mod content;
#[path = "../soak/dice.rs"]
mod dice;
#[allow(dead_code)] // not all of them are needed here
#[path = "../processes/server.rs"]
mod server;
#[allow(dead_code)] // not all of them are needed here
#[path = "../http/session.rs"]
mod session;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::processes::Processes;
use crate::setting::Setting;

#[tokio::main]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let first = args.next().expect(USAGE);
    if let Ok(seconds) = first.parse() {
        let ledgers = PathBuf::from(args.next().expect(USAGE)).join("ledgers");
        let store = args.next().expect(USAGE);
        let seed = args.next().expect(USAGE).parse().expect(USAGE);
        let medium = args.next().expect(USAGE).parse().expect(USAGE);
        let untagged = args.next().expect(USAGE).parse().expect(USAGE);
        std::fs::create_dir_all(&ledgers).expect("a directory for the ledgers");
        let setting = Setting { seed, ledgers, store, medium, untagged, servers: Vec::new() };
        return churn(seconds, setting).await;
    }
    let id = args.next().expect(USAGE).parse().expect(USAGE);
    let setting = Setting::heard(args).expect(USAGE);
    match &*first {
        "pusher" => pusher::run(&setting, id).await,
        "deleter" => deleter::run(&setting, id).await,
        "puller" => puller::run(&setting, id).await,
        role => panic!("{role} is no role"),
    }
    ExitCode::FAILURE
}

async fn churn(seconds: u64, setting: Setting) -> ExitCode {
    let Setting { seed, store, medium, untagged, .. } = &setting;
    let (medium, untagged) = (medium.as_str(), untagged.as_str());
    println!("{seconds} s on {store} ({medium}), seed {seed}, untagged manifests: {untagged}");
    let until = Instant::now() + Duration::from_secs(seconds);
    let disturbing = tokio::task::spawn_blocking({
        let setting = setting.clone();
        move || Processes::start(setting, until).disturb(until)
    });
    disturbing.await.expect("a churn");
    audit::everything(&setting).await;
    if summary::print(&setting) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const USAGE: &str = "churn SECONDS DIRECTORY STORE SEED steady|failing keep|collect";
