//! What a backend was told to keep, and whether it does.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{
    Appender, Checkpoint, Claim, Environment, Expected, ExtentId, Key, Prefix, RandomId, Removal,
    Result, Swap,
};
use orlop_sim::disk::SimDisk;

use crate::place::open_disk;

/// All that there is, as far as anybody was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Records with their values, and markers with none.
    pub(crate) records: BTreeMap<String, Option<Bytes>>,
    pub(crate) extents: BTreeMap<u128, Extent>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_sealed: bool,
}

/// Something that a backend is asked to do.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Swap(String, Bytes),
    Remove(String),
    Mark(Vec<String>),
    Clear(Vec<String>),
    List(String),
    Write { id: u128, bytes: Bytes, seals: bool },
    Abandon(u128),
    Delete(u128),
}

pub(crate) fn key(text: &str) -> Key {
    Key::new(text.split('/')).unwrap()
}

pub(crate) fn swap(name: &str, value: &str) -> Step {
    Step::Swap(name.to_owned(), value.to_owned().into())
}

fn keys(texts: &[String]) -> Vec<Key> {
    texts.iter().map(|text| key(text)).collect()
}

pub(crate) fn extent(id: u128) -> ExtentId {
    // The first characters of a name choose its directory.
    ExtentId::from(RandomId::from_bits(id << 118 | id))
}

impl Step {
    /// Does it, whether or not it was done already, wholly or in part.
    pub(crate) async fn act(&self, store: &Environment, told: &Stored) -> Result<()> {
        let Environment { records, extents, .. } = store;
        match self {
            Step::Swap(name, value) => {
                let found = records.get(&key(name)).await?;
                if found.as_ref().is_some_and(|found| found.value == value) {
                    return Ok(());
                }
                let expected = found.as_ref().map(|found| Expected::Version(&found.version));
                let expected = expected.unwrap_or(Expected::Absent);
                let swap = records.swap(&key(name), expected, value.clone()).await?;
                assert!(matches!(swap, Swap::Stored(_)), "nobody else writes {name}");
                Ok(())
            }
            Step::Remove(name) => {
                if let Some(found) = records.get(&key(name)).await? {
                    let removal = records.remove(&key(name), &found.version).await?;
                    assert_eq!(removal, Removal::Removed);
                }
                Ok(())
            }
            Step::Mark(names) => records.mark(&keys(names)).await,
            Step::Clear(names) => records.clear(&keys(names)).await,
            Step::List(prefix) => {
                let prefix = Prefix::new(prefix.split('/'))?;
                records.list(&prefix, None).try_for_each(async |_| Ok(())).await
            }
            Step::Write { id, bytes, seals } => {
                let durable = told.extents.get(id).map_or(&[][..], |extent| &extent.bytes);
                let all = [durable, bytes].concat();
                if read(store, *id).await? == Some(all) {
                    return Ok(());
                }
                let mut appender = claim(store, *id, durable.len()).await?;
                for piece in bytes.chunks(50) {
                    appender.write(Bytes::copy_from_slice(piece)).await?;
                }
                if *seals { appender.seal().await } else { appender.checkpoint().await.map(drop) }
            }
            Step::Abandon(id) => {
                let len = told.extents.get(id).map_or(0, |extent| extent.bytes.len());
                extents.abandon(extent(*id), &checkpoint(len)).await
            }
            Step::Delete(id) => extents.delete(extent(*id)).await,
        }
    }

    /// What there is when it is done.
    pub(crate) fn tell(&self, told: &Stored) -> Stored {
        let mut told = told.clone();
        match self {
            Step::Swap(name, value) => {
                told.records.insert(name.clone(), Some(value.clone()));
            }
            Step::Remove(name) => {
                told.records.remove(name);
            }
            Step::Mark(names) => {
                told.records.extend(names.iter().map(|name| (name.clone(), None)));
            }
            Step::Clear(names) => told.records.retain(|name, _| !names.contains(name)),
            Step::List(_) => {}
            Step::Write { id, bytes, seals } => {
                let empty = Extent { bytes: Vec::new(), is_sealed: false };
                let extent = told.extents.entry(*id).or_insert(empty);
                extent.bytes.extend_from_slice(bytes);
                extent.is_sealed = *seals;
            }
            Step::Abandon(id) | Step::Delete(id) => {
                told.extents.remove(id);
            }
        }
        told
    }
}

fn checkpoint(len: usize) -> Checkpoint {
    Checkpoint { len: len as u64, token: Bytes::new() }
}

async fn claim(store: &Environment, id: u128, len: usize) -> Result<Box<dyn Appender>> {
    match store.extents.claim(extent(id), &checkpoint(len)).await? {
        Claim::Granted(appender) => Ok(appender),
        Claim::Busy => panic!("nobody else writes extent {id}"),
    }
}

pub(crate) async fn read(store: &Environment, id: u128) -> Result<Option<Vec<u8>>> {
    let Some(stream) = store.extents.read(extent(id), 0..u64::MAX).await? else {
        return Ok(None);
    };
    Ok(Some(stream.try_collect::<Vec<_>>().await?.concat()))
}

/// Looks whether everything on the disk is as it was told before, or as it is told after. `Err`
/// says what is not.
pub(crate) async fn check(disk: &SimDisk, old: &Stored, new: &Stored) -> Result<(), String> {
    let store = open_disk(&disk.copied()).map_err(|error| error.to_string())?;
    let told = [old, new];
    check_records(&store, told).await?;
    for id in old.extents.keys().chain(new.extents.keys()).collect::<BTreeSet<_>>() {
        check_extent(&store, *id, told.map(|told| told.extents.get(id))).await?;
    }
    let walked: Vec<_> = store.extents.walk().try_collect().await.map_err(|e| e.to_string())?;
    for entry in walked {
        let is_told = |told: &Stored| told.extents.keys().any(|id| extent(*id) == entry.id);
        if !is_told(old) && !is_told(new) {
            return Err(format!("extent {} is there", entry.id));
        }
    }
    Ok(())
}

async fn check_records(store: &Environment, told: [&Stored; 2]) -> Result<(), String> {
    let words = |error: orlop_backend::Error| error.to_string();
    let walked: Vec<_> = {
        let mut walked = Vec::new();
        for top in ["t", "m", "big"] {
            let walk = store.records.walk(&Prefix::new([top]).unwrap());
            let keys: Vec<_> = walk.map_ok(|entry| entry.key).try_collect().await.map_err(words)?;
            walked.extend(keys);
        }
        walked
    };
    let mut there: BTreeMap<String, Option<Bytes>> = BTreeMap::new();
    let mut prefixes = BTreeSet::new();
    for key in walked {
        let name = key.to_string();
        let is_marker = told.iter().any(|told| told.records.get(&name) == Some(&None));
        let value = if is_marker {
            None
        } else {
            let record = store.records.get(&key).await.map_err(words)?;
            record.map(|record| record.value)
        };
        prefixes.insert(name.rsplit_once('/').unwrap().0.to_owned());
        there.insert(name, value);
    }
    for name in told.iter().flat_map(|told| told.records.keys()).chain(there.keys()) {
        let [old, new] = told.map(|told| told.records.get(name));
        let found = there.get(name);
        if found != old && found != new {
            return Err(format!("{name} is {found:?}, expected {old:?} or {new:?}"));
        }
    }
    for prefix in prefixes {
        let list = store.records.list(&Prefix::new(prefix.split('/')).unwrap(), None);
        let listed: Vec<_> =
            list.map_ok(|entry| entry.key.to_string()).try_collect().await.map_err(words)?;
        let is_below = |name: &&String| name.rsplit_once('/').unwrap().0 == prefix;
        let expected: Vec<_> = there.keys().filter(is_below).cloned().collect();
        if listed != expected {
            let missing = expected.iter().find(|name| !listed.contains(name));
            return Err(format!("the list of {prefix} has {}, missing {missing:?}", listed.len()));
        }
    }
    Ok(())
}

async fn check_extent(
    store: &Environment,
    id: u128,
    [old, new]: [Option<&Extent>; 2],
) -> Result<(), String> {
    let words = |error: orlop_backend::Error| format!("extent {id}: {error}");
    let found = read(store, id).await.map_err(words)?;
    let sealed = |extent: Option<&Extent>| {
        extent.filter(|extent| extent.is_sealed).map(|extent| extent.bytes.clone())
    };
    if found != sealed(old) && found != sealed(new) {
        let len = found.map(|found| found.len());
        return Err(format!("extent {id} has {len:?} bytes, or others than it should"));
    }
    let (Some(old), None) = (old.filter(|old| !old.is_sealed), &found) else {
        return Ok(());
    };
    if new.is_none() {
        return Ok(()); // it was about to be given up
    }
    // Whoever was told that it has these bytes goes on from there.
    let mut appender = claim(store, id, old.bytes.len()).await.map_err(words)?;
    appender.write("!".into()).await.map_err(words)?;
    appender.seal().await.map_err(words)?;
    let whole = [&old.bytes[..], b"!"].concat();
    match read(store, id).await.map_err(words)? {
        Some(found) if found == whole => Ok(()),
        found => Err(format!("extent {id} went on as {found:?}, expected {whole:?}")),
    }
}
