//! All processes of a churn, which are killed, started again, stopped, and let go on, at random.

use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::collector::Collector;
use crate::command;
use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::server::Server;
use crate::setting::{DELETERS, Medium, PULLERS, PUSHERS, Setting, Untagged};

#[derive(Debug)]
pub(crate) struct Processes {
    setting: Setting,
    servers: Vec<Server>,
    hands: Vec<Hand>,
    collectors: Vec<Collector>,
    /// Those that are stopped, and until when.
    stopped: Vec<(u32, Instant)>,
    ledger: Ledger,
    dice: Dice,
}

/// A pusher, deleter or puller.
#[derive(Debug)]
struct Hand {
    role: &'static str,
    id: usize,
    process: Child,
}

impl Processes {
    /// Starts the servers, and then all who ask them for something.
    pub(crate) fn start(mut setting: Setting, until: Instant) -> Self {
        let servers: Vec<Server> =
            (0..SERVERS).map(|id| Server::start_as(serve(&setting, id, "127.0.0.1:0"))).collect();
        setting.servers = servers.iter().map(|server| server.client.address).collect();
        let roles = [("pusher", PUSHERS), ("deleter", DELETERS), ("puller", PULLERS)];
        let hands = roles.iter().flat_map(|(role, count)| (0..*count).map(|id| (*role, id)));
        Self {
            hands: hands.map(|(role, id)| Hand::start(&setting, role, id)).collect(),
            collectors: (0..COLLECTORS).map(|id| Collector::start(&setting, id, until)).collect(),
            servers,
            stopped: Vec::new(),
            ledger: Ledger::open(&setting.ledgers, "churn", 0),
            dice: setting.dice("churn", 0, 0),
            setting,
        }
    }

    /// Kills and stops until then, and then everything for good.
    pub(crate) fn disturb(mut self, until: Instant) {
        while Instant::now() < until {
            sleep(Duration::from_millis(100 + self.dice.below(600) as u64));
            self.go_on(Instant::now());
            match self.dice.below(8) {
                0 | 1 => self.kill_server(until),
                2 => {
                    let server = self.dice.one_of(&self.servers);
                    let process = server.id();
                    server.signal("-STOP");
                    self.ledger.count("servers stopped for a while");
                    self.later(process);
                }
                3 | 4 => {
                    let hand = self.dice.below(self.hands.len());
                    self.hands[hand].kill_and_start(&self.setting);
                    self.ledger.count(&format!("{}s killed", self.hands[hand].role));
                }
                5 | 6 => {
                    if self.dice.one_of(&self.collectors).signal("-KILL").is_some() {
                        self.ledger.count("kills of collections");
                    }
                }
                _ => {
                    if let Some(process) = self.dice.one_of(&self.collectors).signal("-STOP") {
                        self.ledger.count("collections stopped for a while");
                        self.later(process);
                    }
                }
            }
            for hand in &mut self.hands {
                if let Some(status) = hand.process.try_wait().expect("a status") {
                    self.ledger.wrong(&format!("a {} has ended: {status}", hand.role));
                    hand.kill_and_start(&self.setting);
                }
            }
        }
        self.stop();
    }

    /// Lets everything go on, and ends it: half of the servers after what they are at.
    fn stop(mut self) {
        self.go_on(Instant::now() + STOP_TIME_MAX);
        for hand in &mut self.hands {
            let _ = hand.process.kill(); // it may have ended
            let _ = hand.process.wait();
        }
        for server in self.servers.iter_mut().step_by(2) {
            server.signal("-TERM");
            server.wait();
        }
        self.servers.clear();
        for collector in self.collectors {
            collector.join();
        }
    }

    fn later(&mut self, process: u32) {
        let time = Duration::from_millis(self.dice.below(STOP_MILLIS_MAX) as u64);
        self.stopped.push((process, Instant::now() + time));
    }

    fn go_on(&mut self, now: Instant) {
        for (process, _) in self.stopped.extract_if(.., |(_, until)| *until <= now) {
            signal(process, "-CONT");
        }
    }

    fn kill_server(&mut self, until: Instant) {
        let id = self.dice.below(self.servers.len());
        let server = self.servers.remove(id);
        let process = server.id();
        self.stopped.retain(|(stopped, _)| *stopped != process);
        let address = server.client.address.to_string();
        drop(server);
        self.ledger.count("servers killed");
        // The store may be away, too.
        while Instant::now() < until {
            let started = Server::try_start_as(serve(&self.setting, id, &address));
            if let Ok(server) = started {
                return self.servers.insert(id, server);
            }
            self.ledger.check(self.setting.medium == Medium::Failing, || {
                "a server did not start".to_owned()
            });
            self.go_on(Instant::now());
        }
    }
}

impl Hand {
    fn start(setting: &Setting, role: &'static str, id: usize) -> Self {
        let process = setting.tell(role, id).spawn().expect("this program");
        Self { role, id, process }
    }

    fn kill_and_start(&mut self, setting: &Setting) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
        *self = Self::start(setting, self.role, self.id);
    }
}

/// Half of the servers promise nothing. Where untagged manifests are collected, an index must find
/// all its children, or it would be let in after they have gone.
fn serve(setting: &Setting, id: usize, listen: &str) -> Command {
    let mut command = command::serve(&setting.store, listen);
    command.args(["--lease", if id.is_multiple_of(2) { "1s" } else { "0s" }]);
    if setting.untagged == Untagged::Collect {
        command.args(["--references", "complete"]);
    }
    command
}

/// Sends a signal to a process, which may have been killed meanwhile.
pub(crate) fn signal(process: u32, name: &str) {
    let kill = Command::new("kill").arg(name).arg(process.to_string()).output();
    kill.expect("kill");
}

const SERVERS: usize = 4;

const COLLECTORS: usize = 2;

const STOP_MILLIS_MAX: usize = 3000;

const STOP_TIME_MAX: Duration = Duration::from_hours(1);
