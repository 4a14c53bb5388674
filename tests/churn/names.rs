//! Whether a disk, or a bucket, has a name that none of the store's records and extents accounts
//! for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::setting::Setting;
use crate::walk::Found;

pub(crate) async fn everything(setting: &Setting, found: &mut Found) {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    if setting.is_bucket() {
        bucket(&setting.store, found, &mut names).await;
    } else {
        disk(Path::new(&setting.store), found, &mut names);
    }
    for (what, count) in names {
        println!("{count:>8} {what}");
    }
}

fn disk(store: &Path, found: &mut Found, names: &mut BTreeMap<&str, usize>) {
    let mut folders: Vec<PathBuf> = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder") {
            let path = entry.expect("a name").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(store).expect("a path in the store");
            let name = name.to_str().expect("a name in ASCII");
            let what = match name.split_once('/') {
                Some(("records", "store")) => "files of records",
                Some(("records", key)) if found.keys.contains(key) => "files of records",
                Some(("records", key)) if key.contains("/.names/") => "files of ordered names",
                Some(("extents", extent)) if is_one_of(found, extent.get(3..)) => {
                    "files of extents"
                }
                // Those of who is dead go when the store is opened the next time.
                Some(("journal", _)) => "files of journals",
                Some(("locks", _)) => "files to lock",
                // Of whoever was killed between an extent and its note; they go after an hour.
                Some(("open", _)) => "notes of open extents",
                // Those of whoever was killed, which go after a day.
                Some(("tmp", _)) => "files that were never finished",
                _ => {
                    found.wrong.push(format!("nobody accounts for the file {name}"));
                    continue;
                }
            };
            *names.entry(what).or_default() += 1;
        }
    }
}

async fn bucket(url: &str, found: &mut Found, names: &mut BTreeMap<&str, usize>) {
    let (_, prefix) =
        url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).expect("a prefix");
    let bucket = AmazonS3Builder::from_env().with_url(url).build().expect("a bucket");
    let objects: Vec<_> = bucket.list(Some(&prefix.into())).try_collect().await.expect("a list");
    for object in objects {
        let name = object.location.as_ref();
        let name = name.strip_prefix(prefix).expect("a name behind the prefix").trim_matches('/');
        let segments: Vec<&str> = name.split('/').collect();
        let what = match segments[..] {
            ["records", "store"] => "objects of records",
            ["records", ..] if found.keys.contains(&name["records/".len()..]) => {
                "objects of records"
            }
            ["records", ..] if is_tombstone(&bucket, &object.location).await => "tombstones",
            ["extents", extent] if is_one_of(found, Some(extent)) => "objects of extents",
            ["pieces", extent, piece]
                if is_one_of(found, Some(extent))
                    && (piece == "index" || piece.starts_with("span-")) =>
            {
                "objects of extents"
            }
            // Those of whoever was killed while it opened the store.
            ["probe", _] => "objects of probes",
            _ => {
                found.wrong.push(format!("nobody accounts for the object {name}"));
                continue;
            }
        };
        *names.entry(what).or_default() += 1;
    }
}

fn is_one_of(found: &Found, extent: Option<&str>) -> bool {
    extent.is_some_and(|extent| found.extents.contains(extent))
}

async fn is_tombstone(bucket: &impl ObjectStore, at: &object_store::path::Path) -> bool {
    let Ok(object) = bucket.get(at).await else { return false };
    object.bytes().await.is_ok_and(|bytes| bytes.starts_with(b"gone "))
}
