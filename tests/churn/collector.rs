//! Collects without a pause, each time in a process of its own.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command;
use crate::ledger::Ledger;
use crate::processes::signal;
use crate::setting::{Medium, Setting, Untagged};

/// A thread that starts collections, and the one that is running.
#[derive(Debug)]
pub(crate) struct Collector {
    running: Arc<Mutex<Option<Child>>>,
    thread: JoinHandle<()>,
}

impl Collector {
    pub(crate) fn start(setting: &Setting, id: usize, until: Instant) -> Self {
        let running = Arc::new(Mutex::new(None));
        let (setting, slot) = (setting.clone(), running.clone());
        let thread = spawn(move || {
            let mut ledger = Ledger::open(&setting.ledgers, "collector", id);
            let began = Instant::now();
            while Instant::now() < until {
                // Mostly a lease that pushes can live with, and now and then none for a while.
                let phase = began.elapsed().as_secs() / PHASE_SECONDS;
                let is_mean = setting.dice("phase", id, phase).below(4) == 0;
                let lease = if is_mean { "0s" } else { "1s" };
                let output = collect(&setting, &slot, lease);
                if is_mean {
                    ledger.count("collections without a lease");
                }
                note(&mut ledger, &output, setting.medium);
            }
        });
        Self { running, thread }
    }

    /// Sends a signal to the collection of the moment, and returns its process.
    pub(crate) fn signal(&self, name: &str) -> Option<u32> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let process = running.as_ref()?.id(); // nobody has waited for it yet, so it is its own
        signal(process, name);
        Some(process)
    }

    pub(crate) fn join(self) {
        self.thread.join().expect("a collector");
    }
}

fn collect(setting: &Setting, running: &Mutex<Option<Child>>, lease: &str) -> Output {
    let lock = || running.lock().unwrap_or_else(PoisonError::into_inner);
    let mut gc = command::gc(&setting.store);
    gc.args(["--json", "--lease", lease, "--upload-idle", "1s"]);
    if setting.untagged == Untagged::Collect {
        gc.args(["--untagged", "1s"]);
    }
    gc.stdout(Stdio::piped()).stderr(Stdio::piped());
    *lock() = Some(gc.spawn().expect("the command"));
    loop {
        let mut running = lock();
        let ended = running.as_mut().map(|child| child.try_wait().expect("a status"));
        if let Some(Some(_)) = ended
            && let Some(child) = running.take()
        {
            return child.wait_with_output().expect("its output");
        }
        drop(running);
        sleep(LOOK_PAUSE);
    }
}

/// Takes note of what a collection did.
pub(crate) fn note(ledger: &mut Ledger, output: &Output, medium: Medium) {
    let said = String::from_utf8_lossy(&output.stderr);
    let done: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    if let Some(Value::Array(unreadable)) = done.as_ref().map(|done| &done["unreadable"]) {
        ledger.check(unreadable.is_empty(), || format!("records cannot be read: {unreadable:?}"));
    }
    match &done {
        Some(done) if output.status.success() => {
            ledger.count("collections");
            for what in ["blobs", "bytes", "uploads", "leftovers", "edges", "manifests", "untagged"]
            {
                ledger.say(&format!("collected {what} {}", done[what]));
            }
        }
        _ if output.status.signal().is_some() => ledger.count("collections killed"),
        _ if medium == Medium::Failing => {
            ledger.count("collections failed");
            ledger.say(&format!("failed gc {}", said.replace('\n', " ")));
        }
        _ => ledger.wrong(&format!("a collection failed: {said}")),
    }
}

const PHASE_SECONDS: u64 = 3;

const LOOK_PAUSE: Duration = Duration::from_millis(5);
