//! The audit: damage is made behind the engine's back, and found.

mod broken;
mod faults;
mod rebuilt;

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{
    Checkpoint, Claim, Environment, Expected, ExtentId, ExtentState, Key, Swap, Version,
};
use orlop_engine::{Amount, AuditOptions, Audited, Fault, Tally};

use crate::fixture::{extents, keys, open};

pub(crate) const LOOK: AuditOptions =
    AuditOptions { repair: false, lease: Duration::ZERO, at_once: 4 };
pub(crate) const REPAIR: AuditOptions = AuditOptions { repair: true, ..LOOK };

const PLACES: [&str; 7] = ["b", "c", "e", "l", "q", "r", "u"];

async fn audit(store: &Environment, options: &AuditOptions) -> Audited {
    open(store.clone()).await.audit(options, &()).await.unwrap()
}

fn faults(audited: &Audited) -> Vec<(Fault, u64, u64)> {
    let tally = |(fault, tally): (&Fault, &Tally)| (*fault, tally.found, tally.repaired);
    audited.faults.iter().map(tally).collect()
}

/// Everything in a store: extents, and the versions of records.
async fn contents(store: &Environment) -> (Vec<ExtentId>, Vec<(Key, Option<Version>)>) {
    let mut all = Vec::new();
    for place in PLACES {
        for key in keys(store, place).await {
            let record = store.records.get(&key).await; // a marker cannot be read
            let version = record.ok().flatten().map(|record| record.version);
            all.push((key, version));
        }
    }
    all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let mut extents = extents(store).await;
    extents.sort_unstable();
    (extents, all)
}

/// Looks, which changes nothing; repairs; and looks again, when all is well.
async fn repairs(store: &Environment, expected: &[(Fault, u64)]) {
    let before = contents(store).await;
    let looked = audit(store, &LOOK).await;
    let found: Vec<_> = expected.iter().map(|(fault, found)| (*fault, *found, 0)).collect();
    assert_eq!(faults(&looked), found, "{looked:?}");
    assert!(!looked.is_sound());
    assert_eq!(contents(store).await, before);

    let repaired = audit(store, &REPAIR).await;
    let found: Vec<_> = expected.iter().map(|(fault, found)| (*fault, *found, *found)).collect();
    assert_eq!(faults(&repaired), found, "{repaired:?}");
    assert!(repaired.is_sound());
    is_sound(store).await;
}

async fn is_sound(store: &Environment) {
    let audited = audit(store, &LOOK).await;
    assert!(audited.is_sound() && audited.faults.is_empty(), "{audited:?}");
    let sealed = store.extents.walk().try_filter_map(async |extent| {
        Ok(match extent.state {
            ExtentState::Sealed { len } => Some(len),
            ExtentState::Open => None,
        })
    });
    let lens: Vec<u64> = sealed.try_collect().await.unwrap();
    let inventory = audited.inventory;
    assert_eq!(amount(inventory.extents), (lens.len() as u64, lens.iter().sum()));
    let mut sum = inventory.referenced;
    for part in [inventory.unreferenced, inventory.trash, inventory.uploads, inventory.orphans] {
        sum.count += part.count;
        sum.bytes += part.bytes;
    }
    assert_eq!(sum, inventory.extents, "{inventory:?}");
}

fn amount(amount: Amount) -> (u64, u64) {
    (amount.count, amount.bytes)
}

/// The only key below `place` that has this in it.
async fn find(store: &Environment, place: &str, part: &str) -> Key {
    let mut found = keys(store, place).await;
    found.retain(|key| key.as_str().contains(part));
    assert_eq!(found.len(), 1, "{part} in {place}: {found:?}");
    found.remove(0)
}

/// Stores something else under a key.
async fn overwrite(store: &Environment, key: &Key, change: impl Fn(String) -> String) {
    let stored = store.records.get(key).await.unwrap().unwrap();
    let value = change(String::from_utf8(stored.value.to_vec()).unwrap());
    let expected = Expected::Version(&stored.version);
    let swap = store.records.swap(key, expected, value.into()).await.unwrap();
    assert!(matches!(swap, Swap::Stored(_)));
}

async fn create(store: &Environment, key: &Key, value: impl Into<Bytes>) {
    let swap = store.records.swap(key, Expected::Absent, value.into()).await.unwrap();
    assert!(matches!(swap, Swap::Stored(_)));
}

async fn write_extent(
    store: &Environment,
    content: impl Into<bytes::Bytes>,
    is_sealed: bool,
) -> ExtentId {
    let id = ExtentId::from(store.entropy.random_id().unwrap());
    let claim = store.extents.claim(id, &Checkpoint::start()).await.unwrap();
    let Claim::Granted(mut appender) = claim else { panic!("nobody else knows of it") };
    appender.write(content.into()).await.unwrap();
    if is_sealed {
        appender.seal().await.unwrap();
    } else {
        appender.checkpoint().await.unwrap();
    }
    id
}

fn key(segments: &[&str]) -> Key {
    Key::new(segments).unwrap()
}

fn dashed(digest: &orlop_oci::Digest) -> String {
    digest.to_string().replace(':', "-")
}
