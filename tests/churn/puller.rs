//! Pulls images whole, and hashes all that it gets.

use std::time::Duration;

use http::Method;
use tokio::time::sleep;

use crate::answer::Answer;
use crate::ask::ask;
use crate::client::Client;
use crate::content::sha256;
use crate::cut;
use crate::dice::Dice;
use crate::image::{Image, Name};
use crate::known::{Fate, Known};
use crate::ledger::{Ledger, Reader};
use crate::setting::Setting;

#[derive(Debug)]
pub(crate) struct Puller {
    pub(crate) seed: u64,
    pub(crate) clients: Vec<Client>,
    pub(crate) dice: Dice,
    pub(crate) ledger: Ledger,
}

/// Pulls until it is killed.
pub(crate) async fn run(setting: &Setting, id: usize) {
    let starts = Reader::new(&setting.ledgers, "puller", id).news();
    let starts = starts.iter().filter(|line| *line == "started").count() as u64;
    let mut puller = Puller {
        seed: setting.seed,
        clients: setting.clients(),
        dice: setting.dice("puller", id, starts),
        ledger: Ledger::open(&setting.ledgers, "puller", id),
    };
    puller.ledger.say("started");
    let mut known = Known::new(&setting.ledgers);
    loop {
        known.refresh();
        let mut there = known.all_there();
        there.retain(|name| {
            setting.untagged.keeps(&Image::new(setting.seed, *name), &known.fate(*name))
        });
        if there.is_empty() {
            sleep(PAUSE).await;
            continue;
        }
        let name = *puller.dice.one_of(&there);
        let fate = known.fate(name);
        match puller.pull(name, fate).await {
            Ok(bytes) => {
                puller.ledger.count("pulls");
                puller.ledger.say(&format!("bytes {bytes}"));
            }
            Err(problem) => {
                known.refresh();
                let now = known.fate(name);
                if now.deleting >= fate.pushed || now.untagging >= fate.pushed {
                    puller.ledger.count("pulls overtaken by a delete");
                } else {
                    puller.ledger.wrong(&format!("{name:?} {fate:?}: {problem}"));
                }
            }
        }
    }
}

impl Puller {
    /// Pulls an image, and says how many bytes it has or what is wrong with it.
    pub(crate) async fn pull(&mut self, name: Name, fate: Fate) -> Result<usize, String> {
        let image = Image::new(self.seed, name);
        let repository = image.repository;
        let mut bytes = 0;
        for manifest in image.manifests.iter().rev() {
            let is_root = manifest.digest == image.root().digest;
            let reference = match &image.tag {
                Some(tag) if is_root && fate.has_tag() => tag,
                _ => &manifest.digest,
            };
            let path = format!("/v2/{repository}/manifests/{reference}");
            bytes += self.get(&path, &manifest.digest).await?;
            for blob in &manifest.blobs {
                let path = format!("/v2/{repository}/blobs/{}", blob.digest);
                if self.dice.below(50) == 0 {
                    let client = self.dice.one_of(&self.clients);
                    if cut::answer(client, &path).await.is_ok() {
                        self.ledger.count("answers cut off in the middle");
                    }
                }
                bytes += self.get(&path, &blob.digest).await?;
            }
        }
        if let Some(subject) = &image.subject {
            let path = format!("/v2/{repository}/referrers/{subject}");
            let answer = self.answer(&path).await?;
            let listed = String::from_utf8_lossy(&answer.body);
            if !listed.contains(&image.root().digest) {
                return Err(format!("{path} lists {listed}"));
            }
        }
        Ok(bytes)
    }

    async fn get(&mut self, path: &str, digest: &str) -> Result<usize, String> {
        let answer = self.answer(path).await?;
        let (status, found) = (answer.status, sha256(&answer.body));
        if status == 200 && found == digest {
            return Ok(answer.body.len());
        }
        Err(format!("{path} is answered {status}, and {found} for {digest}"))
    }

    /// By any server that has an answer at last.
    pub(crate) async fn answer(&mut self, path: &str) -> Result<Answer, String> {
        for _ in 0..ATTEMPTS {
            let client = self.dice.one_of(&self.clients).clone();
            if let Ok(answer) = ask(client.request(Method::GET, path), &mut self.ledger).await {
                return Ok(answer);
            }
            sleep(PAUSE).await;
        }
        Err(format!("{path} is not answered"))
    }
}

const ATTEMPTS: usize = 60;

const PAUSE: Duration = Duration::from_millis(200);
