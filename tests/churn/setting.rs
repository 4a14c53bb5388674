//! What every process of a churn is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::client::Client;
use crate::dice::Dice;

/// Where things are, and what decides all choices.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    /// Where the ledgers are.
    pub(crate) ledgers: PathBuf,
    /// The path or URL of the store.
    pub(crate) store: String,
    pub(crate) servers: Vec<SocketAddr>,
}

impl Setting {
    /// Reads what [`Setting::tell`] has written.
    pub(crate) fn heard(mut args: impl Iterator<Item = String>) -> Option<Self> {
        Some(Self {
            seed: args.next()?.parse().ok()?,
            ledgers: args.next()?.into(),
            store: args.next()?,
            servers: args.map(|address| address.parse().ok()).collect::<Option<_>>()?,
        })
    }

    /// This program once more, in another role.
    pub(crate) fn tell(&self, role: &str, id: usize) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("a path to this program"));
        command.arg(role).arg(id.to_string()).arg(self.seed.to_string());
        command.arg(&self.ledgers).arg(&self.store);
        command.args(self.servers.iter().map(SocketAddr::to_string));
        command
    }

    pub(crate) fn is_bucket(&self) -> bool {
        self.store.contains("://")
    }

    pub(crate) fn clients(&self) -> Vec<Client> {
        self.servers.iter().copied().map(Client::new).collect()
    }

    /// Chance of a process that has been started so many times.
    pub(crate) fn dice(&self, role: &str, id: usize, starts: u64) -> Dice {
        let role = role.bytes().map(u64::from).sum::<u64>();
        Dice::new(self.seed ^ (role << 48) ^ ((id as u64) << 40) ^ (starts << 20))
    }
}

pub(crate) const PUSHERS: usize = 4;

pub(crate) const DELETERS: usize = 2;

pub(crate) const PULLERS: usize = 2;
