//! What must hold when everything has stopped.

use std::process::Command;

use crate::collector;
use crate::command;
use crate::content::sha256;
use crate::image::{Image, REPOSITORIES};
use crate::known::Known;
use crate::ledger::Ledger;
use crate::puller::Puller;
use crate::server::Server;
use crate::setting::Setting;
use crate::{names, walk};

pub(crate) async fn everything(setting: &Setting) {
    let server = Server::start(&setting.store);
    let mut known = Known::new(&setting.ledgers);
    known.refresh();
    let mut puller = Puller {
        seed: setting.seed,
        clients: vec![server.client.clone()],
        dice: setting.dice("audit", 0, 0),
        ledger: Ledger::open(&setting.ledgers, "audit", 0),
    };
    images(&known, &mut puller).await;
    let gc = command::gc(&setting.store)
        .args(["--json", "--lease", "0s", "--upload-idle", "0s"])
        .output()
        .expect("the command");
    collector::note(&mut puller.ledger, &gc, false);
    let mut found = walk::everything(&setting.store).await;
    if repair(setting, &mut puller.ledger) {
        for (what, times) in &found.waiting {
            println!("{times:>8} {what} waited for an audit");
        }
        found = walk::everything(&setting.store).await;
        for (what, times) in &found.waiting {
            found.wrong.push(format!("{times} {what} are there after an audit"));
        }
    } else {
        for (what, times) in &found.waiting {
            println!("{times:>8} {what} wait for an audit");
        }
    }
    names::everything(setting, &mut found).await;
    for wrong in &found.wrong {
        puller.ledger.wrong(wrong);
    }
    println!(
        "{} manifests, {} blobs and {} tags are there, {} edges of tags that are not set, and {} \
         records that fence",
        found.manifests.len(),
        found.extents.len(),
        found.tags,
        found.unset_tags,
        found.fences
    );
    images(&known, &mut puller).await;
}

/// Whether there is a command that audits; then it does.
fn repair(setting: &Setting, ledger: &mut Ledger) -> bool {
    let fsck = |argument: &str| -> Command {
        let mut fsck = command::orlop("fsck", &setting.store);
        fsck.arg(argument);
        fsck
    };
    if !fsck("--help").output().expect("the command").status.success() {
        return false;
    }
    let output = fsck("--repair").output().expect("the command");
    println!("{}", String::from_utf8_lossy(&output.stdout).trim_end());
    ledger.check(output.status.success(), || {
        format!("an audit failed: {}", String::from_utf8_lossy(&output.stderr))
    });
    true
}

/// Every image that was acknowledged and not deleted is there, byte for byte, and none that was
/// deleted.
async fn images(known: &Known, puller: &mut Puller) {
    let mut tags = Vec::new();
    for repository in REPOSITORIES {
        let list = puller.answer(&format!("/v2/{repository}/tags/list?n=100000")).await;
        let list = list.ok().filter(|list| list.status == 200);
        let list = list.map(|list| list.words("tags")).unwrap_or_default();
        tags.extend(list.into_iter().map(|tag| (repository, tag)));
    }
    for (name, fate) in &known.fates {
        let image = Image::new(puller.seed, *name);
        let listed = image.tag.clone().map(|tag| tags.contains(&(image.repository, tag)));
        if fate.is_there() {
            puller.ledger.count("images pulled in the audit");
            if let Err(problem) = puller.pull(*name, *fate).await {
                puller.ledger.wrong(&format!("{name:?} {fate:?}: {problem}"));
            }
            if fate.has_tag() && listed == Some(false) {
                puller.ledger.wrong(&format!("{name:?} {fate:?}: its tag is not listed"));
            }
        } else if fate.is_gone() {
            puller.ledger.count("images found deleted in the audit");
            let digest = &image.root().digest;
            let path = format!("/v2/{}/manifests/{digest}", image.repository);
            match puller.answer(&path).await {
                Ok(answer) if answer.status == 404 => {}
                other => puller.ledger.wrong(&format!(
                    "{name:?} {fate:?} was deleted: {:?}",
                    other.map(|answer| (answer.status, sha256(&answer.body)))
                )),
            }
            if listed == Some(true) {
                puller.ledger.wrong(&format!("{name:?} {fate:?}: its tag is listed still"));
            }
        }
    }
}
