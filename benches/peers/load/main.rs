//! A load for any registry: some connections that do one thing again and again, and what it cost.
//!
//! ```sh
//! load ADDRESS PID ACT SIZE CHUNK CONNECTIONS TIMES|SECONDSs
//! ```
//!
//! `run.py` calls it. It costs little itself: a blocking thread per connection, and bodies that are
//! sent from memory and read into a buffer that stays. Prints a line of JSON.

mod act;
mod client;
mod connection;
mod content;
mod meter;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::act::{Act, Supplies, Worker};
use crate::meter::{Costs, cpu_time};

/// Whatever goes wrong, the measurement is void.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How often a connection does its thing.
#[derive(Clone, Copy, Debug)]
enum Until {
    Times(usize),
    Elapsed(Duration),
}

#[derive(Debug)]
struct Load {
    address: SocketAddr,
    pid: u32,
    act: Act,
    connections: usize,
    until: Until,
}

fn main() -> ExitCode {
    match Load::from_arguments().and_then(|load| load.run()) {
        Ok(costs) => {
            println!("{costs}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Load {
    fn from_arguments() -> Result<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [address, pid, act, size, chunk, connections, until] = arguments.as_slice() else {
            let usage = "load ADDRESS PID ACT SIZE CHUNK CONNECTIONS TIMES|SECONDSs";
            return Err(format!("expected {usage}").into());
        };
        let until = match until.strip_suffix('s') {
            Some(seconds) => Until::Elapsed(Duration::from_secs_f64(seconds.parse()?)),
            None => Until::Times(until.parse()?),
        };
        Ok(Self {
            address: address.parse()?,
            pid: pid.parse()?,
            act: Act::new(act, size.parse()?, chunk.parse()?)?,
            connections: connections.parse()?,
            until,
        })
    }

    /// Lets all connections get ready, and begin at once.
    fn run(&self) -> Result<Costs> {
        let supplies = Arc::new(Supplies::new(self.act, self.address)?);
        let start = Arc::new(Barrier::new(self.connections + 1));
        let workers: Vec<_> = (0..self.connections)
            .map(|number| {
                let (act, until, address) = (self.act, self.until, self.address);
                let ahead = if let Until::Times(count) = until { count } else { 0 };
                let (supplies, start) = (supplies.clone(), start.clone());
                thread::spawn(move || {
                    let ready = Worker::new(act, address, supplies, number, ahead);
                    start.wait();
                    repeat(&mut ready?, until)
                })
            })
            .collect();
        let server = cpu_time(self.pid)?;
        start.wait();
        let (begin, own) = (Instant::now(), cpu_time(std::process::id())?);
        let mut times = Vec::new();
        for worker in workers {
            times.extend(worker.join().map_err(|_| "a connection's thread panicked")??);
        }
        let elapsed = begin.elapsed();
        Ok(Costs {
            bytes: times.len() as u64 * self.act.size() as u64,
            times,
            elapsed,
            server: cpu_time(self.pid)?.saturating_sub(server),
            own: cpu_time(std::process::id())?.saturating_sub(own),
        })
    }
}

/// How long each act took.
fn repeat(worker: &mut Worker, until: Until) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    let begin = Instant::now();
    loop {
        let is_over = match until {
            Until::Times(count) => times.len() >= count,
            Until::Elapsed(limit) => begin.elapsed() >= limit,
        };
        if is_over {
            return Ok(times);
        }
        times.push(worker.act()?);
    }
}
