//! Pushes one image after the other, each again and again until it is acknowledged.

use std::time::Duration;

use tokio::time::sleep;

use crate::answer::Answer;
use crate::ask::{Trouble, ask, said};
use crate::client::Client;
use crate::dice::Dice;
use crate::image::{Image, Manifest, Name};
use crate::known::{Known, line};
use crate::ledger::{Ledger, Reader};
use crate::setting::Setting;

#[derive(Debug)]
pub(crate) struct Pusher {
    clients: Vec<Client>,
    /// The server of the moment.
    at: usize,
    pub(crate) dice: Dice,
    pub(crate) ledger: Ledger,
}

/// Pushes until it is killed.
pub(crate) async fn run(setting: &Setting, id: usize) {
    let starts = Reader::new(&setting.ledgers, "pusher", id).news();
    let starts = starts.iter().filter(|line| *line == "started").count() as u64;
    let mut pusher = Pusher {
        clients: setting.clients(),
        at: id % setting.servers.len(),
        dice: setting.dice("pusher", id, starts),
        ledger: Ledger::open(&setting.ledgers, "pusher", id),
    };
    pusher.ledger.say("started");
    let mut known = Known::new(&setting.ledgers);
    loop {
        known.refresh();
        let own = known.fates.iter().filter(|(name, _)| name.pusher == id);
        let number = own.clone().map(|(name, _)| name.number + 1).max().unwrap_or(0);
        let gone = own.filter(|(_, fate)| fate.is_gone());
        let gone: Vec<_> = gone.map(|(name, fate)| (*name, fate.began + 1)).collect();
        let (name, life) = if !gone.is_empty() && pusher.dice.below(3) == 0 {
            *pusher.dice.one_of(&gone)
        } else {
            (Name { pusher: id, number }, 1)
        };
        pusher.push(&Image::new(setting.seed, name), name, life).await;
    }
}

impl Pusher {
    async fn push(&mut self, image: &Image, name: Name, life: u64) {
        self.ledger.say(&line("began", name, life));
        let mut races = 0;
        loop {
            match self.attempt(image).await {
                Ok(()) => {
                    self.ledger.say(&line("pushed", name, life));
                    self.ledger.count("pushes acknowledged");
                    if life > 1 {
                        self.ledger.count("pushes acknowledged of what was deleted before");
                    }
                    if races > 0 {
                        self.ledger.count("pushes acknowledged after a lost race");
                        self.ledger.count(&format!("pushes that lost {races:>2} races"));
                    }
                    return;
                }
                Err(Trouble::Race) => races += 1,
                Err(Trouble::Unknown) => {
                    self.ledger.say(&line("uncertain", name, life));
                    self.ledger.count("pushes begun again after no answer");
                }
                Err(Trouble::Wrong) => return,
            }
            if races == RACES_MAX {
                return self.ledger.wrong(&format!("{name:?} has lost {races} races"));
            }
            sleep(Duration::from_millis(50 + self.dice.below(300) as u64)).await;
        }
    }

    async fn attempt(&mut self, image: &Image) -> Result<(), Trouble> {
        self.at = self.dice.below(self.clients.len());
        let (root, children) = image.manifests.split_last().ok_or(Trouble::Wrong)?;
        for child in children {
            self.manifest(image.repository, child, &child.digest).await?;
        }
        match &image.tag {
            Some(tag) if self.dice.below(3) == 0 => {
                let reference = format!("{}?tag={tag}", root.digest);
                self.manifest(image.repository, root, &reference).await
            }
            _ => self.manifest(image.repository, root, image.reference()).await,
        }
    }

    /// Pushes a manifest behind everything that it refers to.
    async fn manifest(
        &mut self,
        repository: &str,
        manifest: &Manifest,
        reference: &str,
    ) -> Result<(), Trouble> {
        for blob in &manifest.blobs {
            self.blob(repository, blob).await?;
        }
        let put = self.client().put(&format!("/v2/{repository}/manifests/{reference}"));
        let put = put.header("content-type", manifest.media_type);
        let answer = ask(put.bytes(manifest.bytes.clone()), &mut self.ledger).await?;
        if answer.status == 404 && code(&answer) == "MANIFEST_BLOB_UNKNOWN" {
            self.ledger.count("races lost for a manifest");
            return Err(Trouble::Race);
        }
        self.expect(answer, &[201]).map(drop)
    }

    /// The server of the moment; now and then that is another one.
    pub(crate) fn client(&mut self) -> Client {
        if self.dice.below(4) == 0 {
            self.at = self.dice.below(self.clients.len());
        }
        self.clients[self.at].clone()
    }

    pub(crate) fn expect(&mut self, answer: Answer, statuses: &[u16]) -> Result<Answer, Trouble> {
        if statuses.contains(&answer.status) {
            return Ok(answer);
        }
        let Answer { asked, status, .. } = &answer;
        self.ledger.wrong(&format!("{asked} was answered {status}: {}", said(&answer)));
        Err(Trouble::Wrong)
    }
}

pub(crate) fn code(answer: &Answer) -> String {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
}

/// So often a push may lose; more often, and it would never come to an end.
const RACES_MAX: usize = 30;
