//! What must be true of a store after somebody died.

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{
    Checkpoint, Claim, Environment, Expected, ExtentId, ExtentState, Key, Prefix, Removal, Swap,
};
use orlop_engine::{AuditOptions, Registry, Result};

use crate::operations::{EAGER, Operation, REPAIR, Site};
use crate::place::Process;
use crate::view::{ABSENT, View};

/// An operation was cut off: each item is as it was before or as it is to be, and if there is
/// nothing in between, all of them are the one or the other.
pub(crate) fn check_cut_off(operation: &Operation, seen: &View, before: &View, after: &View) {
    let may_be_lost = |item: &String| operation.may_lose.contains(&item.as_str());
    for (item, value) in seen {
        let is_lost = value == ABSENT && may_be_lost(item);
        let (old, new) = (&before[item], &after[item]);
        assert!(
            value == old || value == new || is_lost,
            "{item} is {value}, expected {old} or {new}"
        );
    }
    if operation.is_atomic {
        let is_like = |other: &View| {
            seen.iter().all(|(item, value)| *value == other[item] || may_be_lost(item))
        };
        assert!(
            is_like(before) || is_like(after),
            "some of it happened: {}",
            changes(before, seen)
        );
    }
}

/// What differs, in words.
pub(crate) fn changes(before: &View, after: &View) -> String {
    let differs = |(item, value): (&String, &String)| {
        (before[item] != *value).then(|| format!("{item}: {} -> {value}", before[item]))
    };
    after.iter().filter_map(differs).collect::<Vec<_>>().join(", ")
}

/// What a collection leaves of what is seen: uploads that nobody has ended go, and blobs that
/// nothing refers to may.
pub(crate) fn check_collected(seen: &View, before: &View) {
    for (item, value) in seen {
        let may_go = item.starts_with("upload") || item.starts_with("blob");
        let is_gone = value == ABSENT && may_go;
        assert!(*value == before[item] || is_gone, "{item} is {value} after a collection");
    }
}

/// One collection leaves nothing that nobody refers to, and an audit finds that all is well.
pub(crate) async fn check_clean(process: &Process, needs_repair: bool) {
    let Process { registry, environment, .. } = process;
    registry.collect(&EAGER, &()).await.unwrap();
    if needs_repair {
        let repaired = registry.audit(&REPAIR, &()).await.unwrap();
        assert!(repaired.is_sound(), "{repaired:?}");
        registry.collect(&EAGER, &()).await.unwrap();
    }
    let look = AuditOptions { repair: false, ..REPAIR };
    let audited = registry.audit(&look, &()).await.unwrap();
    assert!(audited.is_sound() && audited.faults.is_empty(), "{audited:?}");
    let inventory = audited.inventory;
    // The edge of a tag that was never set stays as long as its manifest: it may be set late.
    let edges = keys(environment, "r").await;
    let tag_edges = edges.iter().filter(|key| key.name().starts_with("t.")).count() as u64;
    assert_eq!(audited.in_flight, tag_edges - inventory.tags, "{audited:?}");
    assert_eq!(audited.foreign.count, 0, "{audited:?}");
    for garbage in [inventory.unreferenced, inventory.trash, inventory.uploads, inventory.orphans] {
        assert_eq!(garbage.count, 0, "{inventory:?}");
    }
    assert_eq!((inventory.open_uploads.count, inventory.candidates), (0, 0));
    let mut whole = inventory.extents;
    whole += inventory.inline;
    assert_eq!(inventory.referenced, whole);
    let extents: Vec<_> = environment.extents.walk().try_collect().await.unwrap();
    assert!(extents.iter().all(|extent| extent.state != ExtentState::Open), "{extents:?}");
    assert_eq!(extents.len() as u64, inventory.extents.count);
    for place in ["u", "q"] {
        assert_eq!(keys(environment, place).await, [], "{place}");
    }
}

pub(crate) async fn keys(store: &Environment, place: &str) -> Vec<Key> {
    let prefix = Prefix::new([place]).unwrap();
    store.records.walk(&prefix).map_ok(|entry| entry.key).try_collect().await.unwrap()
}

/// Damage of each kind that an audit repairs and that clients do not see.
pub(crate) async fn damage(site: &Site) -> Result<()> {
    let store = &site.process.environment;
    for is_sealed in [false, true] {
        let id = extent(store, is_sealed).await?;
        create(store, Key::new(["l", &id.to_string(), "a"])?, "{}").await?;
    }
    let edges = keys(store, "e").await;
    store.records.clear(&edges[..2]).await?;
    let (life, _) = edges[2].as_str().rsplit_once('.').unwrap();
    let stale = format!("{life}.{}", store.entropy.random_id()?);
    store.records.mark(&[Key::new(stale.split('/'))?]).await?;
    let repository = Key::new(["c", "a"])?;
    let record = store.records.get(&repository).await?.unwrap();
    let removal = store.records.remove(&repository, &record.version).await?;
    assert_eq!(removal, Removal::Removed);
    Registry::open(store.clone(), orlop_engine::Options::default()).await.map(drop)
}

async fn create(store: &Environment, key: Key, value: impl Into<Bytes>) -> Result<()> {
    let swap = store.records.swap(&key, Expected::Absent, value.into()).await?;
    assert!(matches!(swap, Swap::Stored(_)));
    Ok(())
}

async fn extent(store: &Environment, is_sealed: bool) -> Result<ExtentId> {
    let id = ExtentId::from(store.entropy.random_id()?);
    let claim = store.extents.claim(id, &Checkpoint::start()).await?;
    let Claim::Granted(mut appender) = claim else { panic!("nobody else knows of it") };
    appender.write("an orphan".into()).await?;
    if is_sealed {
        appender.seal().await?;
    } else {
        appender.checkpoint().await?;
    }
    Ok(id)
}
