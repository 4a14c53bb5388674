//! What every process of a churn is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;

use crate::client::Client;
use crate::dice::Dice;
use crate::image::Image;
use crate::known::Fate;

/// Where things are, and what decides all choices.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    /// Where the ledgers are.
    pub(crate) ledgers: PathBuf,
    /// The path or URL of the store.
    pub(crate) store: String,
    pub(crate) medium: Medium,
    pub(crate) untagged: Untagged,
    pub(crate) servers: Vec<SocketAddr>,
}

/// What the store is kept on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    /// A disk that works.
    Steady,
    /// A bucket that may be away for a while, or a disk that is full or cannot be written to.
    Failing,
}

impl Medium {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Failing => "failing",
        }
    }
}

impl FromStr for Medium {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        one_of(&[Self::Steady, Self::Failing], Self::as_str, word)
    }
}

/// What becomes of manifests without a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untagged {
    /// They stay.
    Keep,
    /// They are collected, unless an index or a subject keeps them.
    Collect,
}

impl Untagged {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Collect => "collect",
        }
    }

    /// Whether an image that is there in this fate must be there also tomorrow.
    pub(crate) fn keeps(self, image: &Image, fate: &Fate) -> bool {
        self == Self::Keep || image.tag.is_some() && fate.has_tag()
    }
}

impl FromStr for Untagged {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        one_of(&[Self::Keep, Self::Collect], Self::as_str, word)
    }
}

fn one_of<T: Copy>(known: &[T], name: fn(T) -> &'static str, word: &str) -> Result<T, String> {
    let found = known.iter().copied().find(|one| name(*one) == word);
    let names: Vec<&str> = known.iter().copied().map(name).collect();
    found.ok_or_else(|| format!("expected {}, found {word}", names.join(" or ")))
}

impl Setting {
    /// Reads what [`Setting::tell`] has written.
    pub(crate) fn heard(mut args: impl Iterator<Item = String>) -> Option<Self> {
        Some(Self {
            seed: args.next()?.parse().ok()?,
            ledgers: args.next()?.into(),
            store: args.next()?,
            medium: args.next()?.parse().ok()?,
            untagged: args.next()?.parse().ok()?,
            servers: args.map(|address| address.parse().ok()).collect::<Option<_>>()?,
        })
    }

    /// This program once more, in another role.
    pub(crate) fn tell(&self, role: &str, id: usize) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("a path to this program"));
        command.arg(role).arg(id.to_string()).arg(self.seed.to_string());
        command.arg(&self.ledgers).arg(&self.store);
        command.args([self.medium.as_str(), self.untagged.as_str()]);
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
