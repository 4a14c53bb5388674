//! Deletes the images of some pushers, so that only a few of them are there at a time.

use std::time::Duration;

use http::Method;
use tokio::time::sleep;

use crate::answer::Answer;
use crate::ask::{Trouble, ask, said};
use crate::client::Client;
use crate::dice::Dice;
use crate::image::{Image, Name, REPOSITORIES};
use crate::known::{Fate, Known, line};
use crate::layers::{LAYERS, layer};
use crate::ledger::{Ledger, Reader};
use crate::setting::{DELETERS, PUSHERS, Setting, Untagged};

#[derive(Debug)]
struct Deleter {
    seed: u64,
    untagged: Untagged,
    clients: Vec<Client>,
    dice: Dice,
    ledger: Ledger,
}

/// Deletes until it is killed.
pub(crate) async fn run(setting: &Setting, id: usize) {
    let starts = Reader::new(&setting.ledgers, "deleter", id).news();
    let starts = starts.iter().filter(|line| *line == "started").count() as u64;
    let mut deleter = Deleter {
        seed: setting.seed,
        untagged: setting.untagged,
        clients: setting.clients(),
        dice: setting.dice("deleter", id, starts),
        ledger: Ledger::open(&setting.ledgers, "deleter", id),
    };
    deleter.ledger.say("started");
    let mut known = Known::new(&setting.ledgers);
    known.refresh();
    let is_own = |name: &Name| name.pusher % DELETERS == id;
    // Whoever was this deleter before has been killed in the middle of these.
    for (name, fate) in known.fates.clone().iter().filter(|(name, _)| is_own(name)) {
        if fate.deleting > fate.deleted {
            deleter.delete(*name, fate, false).await;
        }
    }
    loop {
        known.refresh();
        let there: Vec<Name> = known.all_there().into_iter().filter(is_own).collect();
        if there.len() > KEPT {
            let name = *deleter.dice.one_of(&there);
            let fate = known.fate(name);
            let image = Image::new(setting.seed, name);
            match &image.tag {
                Some(tag) if fate.has_tag() && deleter.dice.below(4) == 0 => {
                    deleter.untag(&image, tag, name, fate.pushed).await;
                }
                _ => deleter.delete(name, &fate, true).await,
            }
        } else if deleter.dice.below(8) == 0 {
            deleter.take_blob_out().await;
        } else {
            sleep(PAUSE).await;
        }
    }
}

impl Deleter {
    /// Deletes an image, and then its children. If it is not `new`, that may have happened.
    async fn delete(&mut self, name: Name, fate: &Fate, is_new: bool) {
        let image = Image::new(self.seed, name);
        let life = if is_new { fate.pushed } else { fate.deleting };
        self.ledger.say(&line(if is_new { "deleting" } else { "uncertain" }, name, life));
        let mut must_be_there = is_new && self.untagged.keeps(&image, fate);
        for manifest in image.manifests.iter().rev() {
            let path = format!("/v2/{}/manifests/{}", image.repository, manifest.digest);
            self.request(&path, name, life, must_be_there).await;
            must_be_there &= self.untagged == Untagged::Keep; // the index has kept its children
        }
        self.ledger.say(&line("deleted", name, life));
        self.ledger.count("deletes");
    }

    async fn untag(&mut self, image: &Image, tag: &str, name: Name, life: u64) {
        self.ledger.say(&line("untagging", name, life));
        let path = format!("/v2/{}/manifests/{tag}", image.repository);
        self.request(&path, name, life, true).await;
        self.ledger.count("deletes of a tag");
    }

    /// Until it is answered. What was acknowledged must be there the first time.
    async fn request(&mut self, path: &str, name: Name, life: u64, mut must_be_there: bool) {
        loop {
            match self.ask(path).await {
                Ok(answer) if answer.status == 202 => return,
                Ok(answer) if answer.status == 404 && !must_be_there => return,
                Ok(answer) => {
                    let (status, said) = (answer.status, said(&answer));
                    return self.ledger.wrong(&format!("DELETE {path}: {status} {said}"));
                }
                Err(_) => {
                    must_be_there = false;
                    self.ledger.say(&line("uncertain", name, life));
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Takes a layer out of a repository, unless something there refers to it.
    async fn take_blob_out(&mut self) {
        let repository = *self.dice.one_of(&REPOSITORIES);
        let digest = layer(self.dice.below(LAYERS)).digest;
        let path = format!("/v2/{repository}/blobs/{digest}");
        if let Ok(answer) = self.ask(&path).await {
            match answer.status {
                202 => self.ledger.count("blobs taken out of a repository"),
                404 | 405 => {}
                status => self.ledger.wrong(&format!("DELETE {path}: {status} {}", said(&answer))),
            }
        }
    }

    async fn ask(&mut self, path: &str) -> Result<Answer, Trouble> {
        let client = self.dice.one_of(&self.clients).clone();
        ask(client.request(Method::DELETE, path), &mut self.ledger).await
    }
}

/// How many images stay: so few that blobs die and are pushed again all the time.
const KEPT: usize = 3 * PUSHERS / DELETERS;

const PAUSE: Duration = Duration::from_millis(50);
