//! What must hold when everything has stopped.

use serde_json::{Value, json};

use crate::collector;
use crate::command;
use crate::content::sha256;
use crate::image::{Image, REPOSITORIES};
use crate::known::Known;
use crate::ledger::Ledger;
use crate::names;
use crate::puller::Puller;
use crate::server::Server;
use crate::setting::{Medium, Setting, Untagged};
use crate::walk::{self, Found};

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
    images(setting, &known, &mut puller).await;
    let mut gc = command::gc(&setting.store);
    gc.args(["--json", "--lease", "0s", "--upload-idle", "0s"]);
    if setting.untagged == Untagged::Collect {
        gc.args(["--untagged", "0s"]);
    }
    collector::note(&mut puller.ledger, &gc.output().expect("the command"), Medium::Steady);
    for (what, times) in &walk::everything(&setting.store).await.waiting {
        println!("{times:>8} {what} waited for an audit");
    }
    repair(setting, &mut puller.ledger);
    let mut found = walk::everything(&setting.store).await;
    for (what, times) in &found.waiting {
        found.wrong.push(format!("{times} {what} are there after an audit"));
    }
    compare(setting, &mut found);
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
    images(setting, &known, &mut puller).await;
}

/// Repairs what collections leave to an audit.
fn repair(setting: &Setting, ledger: &mut Ledger) {
    let mut fsck = command::orlop("fsck", &setting.store);
    let output = fsck.args(["--repair", "--lease", "0s"]).output().expect("the command");
    println!("{}", String::from_utf8_lossy(&output.stdout).trim_end());
    ledger.check(output.status.success(), || {
        format!("an audit failed: {}", String::from_utf8_lossy(&output.stderr))
    });
}

/// Whether the inventory says what the walk has found.
fn compare(setting: &Setting, found: &mut Found) {
    let mut stat = command::orlop("stat", &setting.store);
    let output = stat.arg("--json").output().expect("the command");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let found_by_stat = json!({
        "manifests": said["manifests"]["count"],
        "tags": said["tags"],
        "extents": said["extents"],
        "inline": said["inline"],
        "referenced": said["referenced"],
    });
    let (all, (inline, inline_bytes)) = (found.extents.len() as u64, found.inline);
    let amount = |count: u64, bytes: u64| json!({"count": count, "bytes": bytes});
    let expected = json!({
        "manifests": found.manifests.len(),
        "tags": found.tags,
        "extents": amount(all - inline, found.extent_bytes),
        "inline": amount(inline, inline_bytes),
        "referenced": amount(all, found.extent_bytes + inline_bytes),
    });
    if found_by_stat != expected {
        found.wrong.push(format!("orlop stat says {found_by_stat}, expected {expected}"));
    }
    let untagged = &said["untagged"];
    if setting.untagged == Untagged::Collect && *untagged != 0 {
        found.wrong.push(format!("{untagged} untagged manifests are left"));
    }
}

/// Every image that was acknowledged and not deleted is there, byte for byte, and none that was
/// deleted.
async fn images(setting: &Setting, known: &Known, puller: &mut Puller) {
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
        if fate.is_there() && setting.untagged.keeps(&image, fate) {
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
