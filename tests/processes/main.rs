//! The command `orlop` as processes that are killed, drained, doubled and misused, on directories
//! and on a bucket, if there is one.
//!
//! The command is the one that `ORLOP_BIN` names, or one that is built for this.

#[allow(dead_code)] // not all of them are needed here
#[path = "../http/answer.rs"]
mod answer;
#[path = "../http/bucket.rs"]
mod bucket;
#[allow(dead_code)] // not all of them are needed here
#[path = "../http/client.rs"]
mod client;
#[allow(dead_code)] // not all of them are needed here
#[path = "../http/content.rs"]
mod content;
#[allow(dead_code)] // not all of them are needed here
#[path = "../http/half_request.rs"]
mod half_request;
#[allow(dead_code)] // not all of them are needed here
#[path = "../http/session.rs"]
mod session;

mod command;
mod large;
mod progress;
mod proxy;
mod server;
mod stubborn;

mod audits;
mod buckets;
mod drains;
mod handles;
mod handovers;
mod leftovers;
mod many_clients;
mod misuse;
mod proxied;
mod redirects;
mod scrubs;
mod twins;
