//! `orlop stat`

use std::io::Write;

use indicatif::BinaryBytes;
use orlop::{Amount, AuditOptions, Inventory, Options, Registry};
use serde_json::{Value, json};

use super::fsck::audit;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Stat {
    #[command(flatten)]
    store: super::StoreArg,
    /// Say it in JSON.
    #[arg(long)]
    json: bool,
}

impl Stat {
    pub(crate) async fn run(self) -> super::Result {
        let registry = Registry::open(self.store.store.open().await?, Options::default()).await?;
        let inventory = audit(&registry, AuditOptions::default()).await?.inventory;
        let mut out = std::io::stdout();
        if self.json {
            writeln!(out, "{}", in_json(&inventory))?;
        } else {
            write!(out, "{}", in_words(&inventory))?;
        }
        Ok(())
    }
}

fn in_words(inventory: &Inventory) -> String {
    let amount = |Amount { count, bytes, .. }| format!("{count:>10} {:>12}", BinaryBytes(bytes));
    let Inventory { repositories, tags, untagged, candidates, asides, .. } = inventory;
    let mut words = format!(
        "{repositories} repositories, {tags} tags, {} manifests of {}, {untagged} of them untagged\n\
         {candidates} candidates for collection, {asides} records put aside\n",
        inventory.manifests.count,
        BinaryBytes(inventory.manifests.bytes),
    );
    for (what, part) in [
        ("extents", inventory.extents),
        ("blobs in records", inventory.inline),
        ("  blobs that something refers to", inventory.referenced),
        ("    of them in several repositories", inventory.shared),
        ("  blobs that nothing refers to", inventory.unreferenced),
        ("  blobs in quarantine", inventory.quarantined),
        ("  to be deleted", inventory.trash),
        ("  of uploads", inventory.uploads),
        ("  that nothing names", inventory.orphans),
        ("open uploads", inventory.open_uploads),
        ("records and markers", inventory.records),
    ] {
        let part = amount(part);
        words.push_str(&[what, &" ".repeat(36 - what.len()), &part, "\n"].concat());
    }
    words
}

fn in_json(inventory: &Inventory) -> Value {
    let amount = |amount: Amount| json!({"count": amount.count, "bytes": amount.bytes});
    json!({
        "repositories": inventory.repositories,
        "tags": inventory.tags,
        "manifests": amount(inventory.manifests),
        "untagged": inventory.untagged,
        "extents": amount(inventory.extents),
        "inline": amount(inventory.inline),
        "referenced": amount(inventory.referenced),
        "shared": amount(inventory.shared),
        "unreferenced": amount(inventory.unreferenced),
        "quarantined": amount(inventory.quarantined),
        "trash": amount(inventory.trash),
        "uploads": amount(inventory.uploads),
        "open_uploads": amount(inventory.open_uploads),
        "orphans": amount(inventory.orphans),
        "candidates": inventory.candidates,
        "asides": inventory.asides,
        "records": amount(inventory.records),
    })
}
