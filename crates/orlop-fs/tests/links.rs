//! Files of a store that somebody has replaced by something else: what a symbolic link leads to is
//! neither read nor written, a pipe is not waited for, and nobody else is harmed.

#![allow(clippy::unwrap_used)] // a test that fails says where

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{
    Checkpoint, Claim, Environment, Error, ErrorKind, Expected, ExtentId, Key, RandomId, Swap,
};
use orlop_fs::FsOptions;
use tempfile::TempDir;

/// A store, and a file beside it that is none of its business.
struct Place {
    directory: TempDir,
    secret: PathBuf,
    store: Environment,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let secret = directory.path().join("secret");
        fs::write(&secret, SECRET).unwrap();
        let options = FsOptions { durable: false };
        let store = orlop_fs::open(directory.path().join("store"), &options).unwrap();
        Self { directory, secret, store }
    }

    fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join("store").join(below)
    }

    /// Puts links and pipes in a file's place, and looks each time at what comes of it.
    async fn replace(&self, file: &Path, look: impl AsyncFn()) {
        let was = file.with_extension("was");
        let was_there = fs::rename(file, &was).is_ok();
        for target in [self.secret.clone(), was.clone(), file.to_owned(), "nowhere".into()] {
            symlink(target, file).unwrap();
            tokio::time::timeout(PATIENCE, look()).await.expect("an answer");
            assert!(fs::symlink_metadata(file).unwrap().is_symlink(), "it was replaced");
            fs::remove_file(file).unwrap();
            assert_eq!(fs::read_to_string(&self.secret).unwrap(), SECRET);
            assert!(!self.directory.path().join("nowhere").exists());
            assert!(!file.with_file_name("nowhere").exists());
        }
        assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
        tokio::time::timeout(PATIENCE, look()).await.expect("nobody waits for a pipe");
        fs::remove_file(file).unwrap();
        if was_there {
            fs::rename(was, file).unwrap();
        }
    }
}

fn corrupt<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[tokio::test]
async fn a_record_that_is_a_link_is_not_followed() {
    let place = Place::new();
    let records = &place.store.records;
    let key = Key::new(["a", "b"]).unwrap();
    let stored = records.swap(&key, Expected::Absent, "value".into()).await.unwrap();
    let Swap::Stored(version) = stored else { panic!("it was there already") };
    place
        .replace(&place.path("records/a/b"), async || {
            corrupt(records.get(&key).await);
            corrupt(records.swap(&key, Expected::Absent, "other".into()).await);
            corrupt(records.swap(&key, Expected::Version(&version), "other".into()).await);
            corrupt(records.remove(&key, &version).await);
        })
        .await;
    assert_eq!(records.get(&key).await.unwrap().unwrap().value, "value");
}

#[tokio::test]
async fn an_extent_that_is_a_link_is_neither_read_nor_written() {
    let place = Place::new();
    let extents = &place.store.extents;
    let id = ExtentId::from(RandomId::from_bits(7));
    let name = id.to_string();
    let open = place.path(format!("extents/{}/{name}.part", &name[..2]));
    let Claim::Granted(mut appender) = extents.claim(id, &Checkpoint::start()).await.unwrap()
    else {
        panic!("nobody else is here")
    };
    appender.write("0123456789".into()).await.unwrap();
    let checkpoint = appender.checkpoint().await.unwrap();
    drop(appender);
    place
        .replace(&open, async || {
            let claimed = extents.claim(id, &checkpoint).await;
            let Ok(Claim::Granted(mut appender)) = claimed else { return };
            // A pipe can be opened, but nothing can be written to it.
            let _ = appender.write("written".into()).await;
            assert!(appender.checkpoint().await.is_err());
        })
        .await;
    symlink(&place.secret, open.with_extension("was")).unwrap();
    fs::rename(open.with_extension("was"), &open).unwrap();
    corrupt(extents.claim(id, &Checkpoint::start()).await);

    let sealed = place.path(format!("extents/{}/{name}", &name[..2]));
    place
        .replace(&sealed, async || {
            let Ok(Some(bytes)) = extents.read(id, 0..u64::MAX).await else { return };
            let read: Result<Vec<Bytes>, _> = bytes.try_collect().await;
            match read {
                Ok(read) => assert!(read.is_empty(), "{read:?}"), // a pipe has no length
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}"),
            }
        })
        .await;
}

/// A lock is an empty file, but to make one where a link leads would be a write all the same.
#[tokio::test]
async fn a_lock_that_is_a_link_makes_nothing() {
    let place = Place::new();
    let key = Key::new(["a", "b"]).unwrap();
    let swap = place.store.records.swap(&key, Expected::Absent, "value".into()).await;
    assert!(matches!(swap, Ok(Swap::Stored(_))));
    let locks: Vec<_> = fs::read_dir(place.path("locks")).unwrap().flatten().collect();
    assert!(!locks.is_empty());
    let elsewhere = place.directory.path().join("elsewhere");
    for lock in locks {
        fs::remove_file(lock.path()).unwrap();
        symlink(&elsewhere, lock.path()).unwrap();
    }
    corrupt(orlop_fs::open(place.path(""), &FsOptions::default()));
    assert!(!elsewhere.exists());
}

const SECRET: &str = "root:x:0:0:root:/root:/bin/bash\n";

const PATIENCE: Duration = Duration::from_secs(20);
