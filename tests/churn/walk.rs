//! Whether everything in a store has somebody who refers to it, and is what it says.
//!
//! This reads the records as `docs/format.md` has them, and not by the engine's hand.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures::TryStreamExt;
use orlop::Environment;
use orlop::backend::{ExtentState, Key, Prefix};
use orlop::fs::FsOptions;
use orlop::object_store::ObjectStoreOptions;
use serde_json::Value;

use crate::content::sha256;

/// What is there.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// All keys of records and markers.
    pub(crate) keys: HashSet<String>,
    /// The incarnation of each manifest that lives, by its repository and digest.
    pub(crate) manifests: HashMap<(String, String), String>,
    /// The extents of all blobs that live; of those that are in their records, too.
    pub(crate) extents: HashSet<String>,
    /// How many blobs are in their records, and their bytes.
    pub(crate) inline: (u64, u64),
    /// The bytes of all extents, of blobs or not.
    pub(crate) extent_bytes: u64,
    pub(crate) tags: usize,
    /// Edges of tags that are not set, and may still be: they stay as long as their manifest.
    pub(crate) unset_tags: usize,
    /// Records that say nothing but what may not come to life any more.
    pub(crate) fences: usize,
    /// What collections leave to an audit, and how much of it there is.
    pub(crate) waiting: BTreeMap<&'static str, usize>,
    pub(crate) wrong: Vec<String>,
}

/// A record: its header, and what follows it.
type Record = (Value, Vec<u8>);

pub(crate) async fn open(store: &str) -> Environment {
    if store.contains("://") {
        orlop::object_store::open(store, &ObjectStoreOptions::default()).await.expect("a bucket")
    } else {
        orlop::fs::open(store, &FsOptions::default()).expect("a directory")
    }
}

pub(crate) async fn everything(store: &str) -> Found {
    let store = open(store).await;
    let mut found = Found::default();
    let mut records: BTreeMap<Key, Record> = BTreeMap::new();
    let mut markers: BTreeSet<Key> = BTreeSet::new();
    for top in ["b", "c", "e", "l", "n", "q", "r", "u"] {
        let prefix = Prefix::new([top]).expect("a prefix");
        let entries: Vec<_> = store.records.walk(&prefix).try_collect().await.expect("a list");
        for entry in entries {
            let segments: Vec<&str> = entry.key.as_str().split('/').collect();
            found.keys.insert(entry.key.to_string());
            if matches!(segments[..], ["e", ..] | ["r", _, "e" | "s", ..]) {
                markers.insert(entry.key);
                continue;
            }
            match store.records.get(&entry.key).await {
                Ok(Some(record)) => {
                    let mut parts = record.value.splitn(2, |byte| *byte == b'\n');
                    let header = serde_json::from_slice(parts.next().unwrap_or_default());
                    let rest = parts.next().unwrap_or_default().to_vec();
                    records.insert(entry.key, (header.unwrap_or_default(), rest));
                }
                other => found.wrong.push(format!("{}: {other:?}", entry.key)),
            }
        }
    }
    found.manifests(&records);
    let needed = found.needed(&records, &markers);
    found.blobs(&store, &records, &needed).await;
    found.small(&records);
    found.edges(&records, &markers);
    found.extents(&store).await;
    found
}

impl Found {
    fn wait(&mut self, what: &'static str, key: impl std::fmt::Display) {
        eprintln!("{what}: {key}");
        *self.waiting.entry(what).or_default() += 1;
    }

    fn manifests(&mut self, records: &BTreeMap<Key, Record>) {
        for (key, (header, _)) in records {
            let segments: Vec<&str> = key.as_str().split('/').collect();
            let ["r", repository, "m", digest] = segments[..] else { continue };
            if header["trash"] != Value::Null {
                self.wrong.push(format!("{key} has trash: {header}"));
            }
            if let Some(incarnation) = header["life"]["live"].as_str() {
                let name = (repository.to_owned(), digest.to_owned());
                self.manifests.insert(name, incarnation.to_owned());
            } else if header["life"] == "empty" && header["fenced"] != Value::Null {
                self.fences += 1;
            } else {
                self.wrong.push(format!("{key} is neither live nor a fence: {header}"));
            }
        }
    }

    /// The blobs that manifests refer to; each by an edge.
    fn needed(
        &mut self,
        records: &BTreeMap<Key, Record>,
        markers: &BTreeSet<Key>,
    ) -> HashSet<String> {
        let mut needed = HashSet::new();
        for ((repository, digest), incarnation) in &self.manifests {
            let key = Key::new(["r", repository, "m", digest]).expect("a key");
            let bytes = &records[&key].1;
            if sha256(bytes) != digest.replacen('-', ":", 1) {
                self.wrong.push(format!("{key} has the bytes of {}", sha256(bytes)));
            }
            let manifest: Value = serde_json::from_slice(bytes).unwrap_or_default();
            let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
            for blob in layers.iter().chain(manifest.get("config")) {
                let blob = blob["digest"].as_str().unwrap_or_default().replacen(':', "-", 1);
                let edge = format!("{digest}.{incarnation}");
                let edge = Key::new(["e", &blob, repository, &edge]).expect("a key");
                if !markers.contains(&edge) {
                    self.wrong.push(format!("{edge} is not marked"));
                }
                needed.insert(blob);
            }
        }
        needed
    }

    async fn blobs(
        &mut self,
        store: &Environment,
        records: &BTreeMap<Key, Record>,
        needed: &HashSet<String>,
    ) {
        let mut missing = needed.clone();
        for (key, (state, inline)) in records {
            let segments: Vec<&str> = key.as_str().split('/').collect();
            let ["b", algorithm, _, hex] = segments[..] else { continue };
            let blob = format!("{algorithm}-{hex}");
            if state["trash"] != Value::Null {
                self.wrong.push(format!("{key} has trash: {state}"));
            }
            let Some(extent) = state["life"]["live"].as_str() else {
                if state["life"] == "dead" && state["fenced"] != Value::Null {
                    self.fences += 1;
                } else {
                    self.wrong.push(format!("{key} is neither live nor a fence: {state}"));
                }
                continue;
            };
            if !needed.contains(&blob) {
                self.wrong.push(format!("nothing refers to {key}: {state}"));
            }
            self.extents.insert(extent.to_owned());
            let read = store.extents.read(extent.parse().expect("an id"), 0..u64::MAX).await;
            let bytes: Result<Vec<_>, _> = match read {
                Ok(Some(bytes)) => bytes.try_collect().await,
                Ok(None) if !inline.is_empty() => {
                    self.inline.0 += 1;
                    self.inline.1 += inline.len() as u64;
                    Ok(vec![inline.clone().into()])
                }
                _ => {
                    self.wrong.push(format!("{key} has no bytes"));
                    continue;
                }
            };
            let found = bytes.map(|bytes| sha256(bytes.concat()).replacen(':', "-", 1));
            if found.as_ref().is_ok_and(|found| *found == blob) {
                missing.remove(&blob);
            } else {
                self.wrong.push(format!("{key} has other bytes: {found:?}"));
            }
        }
        self.wrong.extend(missing.iter().map(|blob| format!("{blob} is missing")));
    }

    /// Tags, links, upload sessions, candidates, and notes of manifests that nothing keeps.
    fn small(&mut self, records: &BTreeMap<Key, Record>) {
        for (key, (state, _)) in records {
            let segments: Vec<&str> = key.as_str().split('/').collect();
            match segments[..] {
                ["u" | "q", ..] => self.wrong.push(format!("{key} is left: {state}")),
                ["l", extent, _] if !self.extents.contains(extent) => {
                    self.wait("links of extents that are gone", key);
                }
                ["n", ..] => {
                    let repository = state["repository"].as_str().unwrap_or_default();
                    let digest = state["digest"].as_str().unwrap_or_default();
                    let name = (repository.replace('/', "!"), digest.replacen(':', "-", 1));
                    if !self.manifests.contains_key(&name) {
                        self.wait("notes of manifests that are gone", key);
                    }
                }
                ["r", repository, "t", _] => {
                    let digest = state["digest"].as_str().unwrap_or_default();
                    let name = (repository.to_owned(), digest.replacen(':', "-", 1));
                    let lives = self.manifests.get(&name).map(String::as_str);
                    if lives.is_some() && lives == state["manifest"].as_str() {
                        self.tags += 1;
                    } else {
                        self.wait("tags on manifests that are gone", key);
                    }
                }
                _ => {}
            }
        }
    }

    fn edges(&mut self, records: &BTreeMap<Key, Record>, markers: &BTreeSet<Key>) {
        for key in markers {
            let segments: Vec<&str> = key.as_str().split('/').collect();
            let is_alive = match segments[..] {
                ["e", _, repository, edge] | ["r", repository, "s", _, edge] => {
                    self.is_alive(repository, edge)
                }
                ["r", repository, "e", digest, edge] => match edge.split_once('.') {
                    Some(("i", edge)) => self.is_alive(repository, edge),
                    Some(("t", edge)) => {
                        let mut words = edge.rsplitn(3, '.');
                        let (life, incarnation) = (words.next(), words.next());
                        let tag = words.next().unwrap_or_default();
                        let tag = Key::new(["r", repository, "t", tag]).expect("a key");
                        let name = (repository.to_owned(), digest.to_owned());
                        let lives = self.manifests.get(&name).map(String::as_str);
                        let is_set = records.get(&tag).is_some_and(|(state, _)| {
                            state["incarnation"].as_str() == life
                                && state["manifest"].as_str() == incarnation
                                && state["digest"] == digest.replacen('-', ":", 1)
                        });
                        if !is_set && lives.is_some() && lives == incarnation {
                            self.unset_tags += 1;
                        }
                        lives.is_some() && lives == incarnation
                    }
                    _ => false,
                },
                _ => false,
            };
            if !is_alive {
                self.wait("markers that mean nothing", key);
            }
        }
    }

    fn is_alive(&self, repository: &str, edge: &str) -> bool {
        let Some((manifest, incarnation)) = edge.split_once('.') else { return false };
        let name = (repository.to_owned(), manifest.to_owned());
        self.manifests.get(&name).is_some_and(|lives| lives == incarnation)
    }

    async fn extents(&mut self, store: &Environment) {
        let extents: Vec<_> = store.extents.walk().try_collect().await.expect("a list");
        for extent in extents {
            let ExtentState::Sealed { len } = extent.state else {
                self.wrong.push(format!("extent {} is open", extent.id));
                continue;
            };
            self.extent_bytes += len;
            if !self.extents.contains(&extent.id.to_string()) {
                self.wait("sealed extents of no blob", extent.id);
            }
        }
    }
}
