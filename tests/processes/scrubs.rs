//! `orlop scrub` as a process: what it says, killed in the middle, and with another store to
//! repair from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::orlop;
use crate::content::noise;
use crate::server::Server;

/// What a command says in JSON, and whether it is content.
fn say(command: &mut Command) -> (Value, bool) {
    let output = command.arg("--json").output().expect("the command");
    let complained = String::from_utf8_lossy(&output.stderr);
    let said = serde_json::from_slice(&output.stdout);
    (said.unwrap_or_else(|error| panic!("{error}: {complained}")), output.status.success())
}

/// The extents with so many bytes.
fn extents(store: &Path, len: u64) -> Vec<PathBuf> {
    let read = |path: &Path| fs::read_dir(path).expect("a directory");
    let folders = read(&store.join("extents")).map(|folder| folder.expect("an entry").path());
    let files = folders.flat_map(|folder| read(&folder).map(|file| file.expect("an entry").path()));
    files.filter(|file| file.metadata().is_ok_and(|file| file.len() == len)).collect()
}

fn flip(file: &Path) {
    let mut bytes = fs::read(file).expect("an extent");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).expect("a damaged extent");
}

async fn push(store: &Path, blobs: u64, len: usize) {
    let server = Server::start(store);
    for seed in 0..blobs {
        server.client.push_blob("app", noise(seed, len)).await;
    }
    server.client.push_image_of("app", "v1", noise(blobs, 2 * len)).await;
}

#[tokio::test]
async fn damage_is_said_put_out_of_service_and_repaired() {
    let (store, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for store in [&store, &mirror] {
        push(store.path(), 3, 100_000).await;
    }
    let (said, is_sound) = say(&mut orlop("scrub", store.path()));
    assert!(is_sound, "{said}");
    assert_eq!((&said["blobs"], &said["bytes"]), (&json!(5), &json!(500_002)));
    let words = orlop("scrub", store.path()).output().expect("the command");
    assert!(words.status.success());
    assert!(String::from_utf8_lossy(&words.stdout).ends_with("\nsound\n"));

    let layer = extents(store.path(), 200_000).remove(0);
    flip(&layer);
    let (said, is_sound) = say(&mut orlop("scrub", store.path()));
    assert!(!is_sound);
    assert_eq!(said["kinds"], json!({"bytes": {"found": 1, "repaired": 0}}));
    let damage = &said["damage"]["first"][0];
    assert_eq!(damage["remedy"], Value::Null);
    assert_eq!(damage["tags"], json!({"count": 1, "first": ["app:v1"]}));
    let words = orlop("scrub", store.path()).output().expect("the command");
    assert!(!words.status.success());
    assert!(String::from_utf8_lossy(&words.stdout).contains("1 tags (app:v1)"));

    let (said, is_sound) = say(orlop("scrub", store.path()).arg("--quarantine"));
    assert!(!is_sound);
    assert_eq!(said["damage"]["first"][0]["remedy"], "quarantined");
    let (said, _) = say(&mut orlop("stat", store.path()));
    assert_eq!(said["quarantined"], json!({"count": 1, "bytes": 200_000}));
    assert!(layer.exists());

    let (said, is_sound) =
        say(orlop("scrub", store.path()).arg("--repair-from").arg(mirror.path()));
    assert!(is_sound, "{said}");
    assert_eq!(said["kinds"], json!({"quarantined": {"found": 1, "repaired": 1}}));
    assert!(say(&mut orlop("scrub", store.path())).1);
    assert!(say(&mut orlop("fsck", store.path())).1);
}

#[tokio::test]
async fn one_that_was_killed_goes_on_where_it_was() {
    const BLOBS: u64 = 12;
    const MIB: usize = 1 << 20;
    let store = tempfile::tempdir().unwrap();
    push(store.path(), BLOBS, MIB).await;
    for file in extents(store.path(), MIB as u64) {
        flip(&file);
    }
    let file = store.path().join("scrub.checkpoint");
    let scrub = |rate: &str| {
        let mut scrub = orlop("scrub", store.path());
        scrub.args(["--json", "--at-once", "1", "--per-second", rate, "--checkpoint"]);
        scrub.arg(&file);
        scrub
    };
    let mut slow = scrub("3MiB");
    let mut slow = slow.stdout(std::process::Stdio::null()).spawn().expect("the command");
    let started = Instant::now();
    let found = || {
        let text = fs::read_to_string(&file).ok()?;
        let noted: Value = serde_json::from_str(&text).expect("a whole checkpoint");
        noted["done"]["damage"]["count"].as_u64().filter(|count| *count > 1)
    };
    let before = loop {
        if let Some(found) = found() {
            break found;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "no checkpoint");
        thread::sleep(Duration::from_millis(20));
    };
    slow.kill().expect("killed");
    slow.wait().expect("its end");
    assert!(before < BLOBS, "{before} of {BLOBS} found before it was killed");
    assert!(file.exists());

    // A checkpoint that is damaged, or of another store, is not taken for one.
    let whole = fs::read(&file).expect("the checkpoint");
    fs::write(&file, &whole[..whole.len() / 2]).expect("half of it");
    let refused = scrub("1GiB").output().expect("the command");
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no checkpoint"));
    fs::write(&file, whole).expect("the checkpoint as it was");

    let output = scrub("1GiB").output().expect("the command");
    assert!(!output.status.success());
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(said["damage"]["count"], BLOBS);
    assert_eq!(said["bytes"], (BLOBS + 2) * MIB as u64 + 2);
    assert!(!file.exists(), "the checkpoint of a run that came to its end");
}

#[tokio::test]
async fn it_keeps_to_its_rate() {
    let store = tempfile::tempdir().unwrap();
    push(store.path(), 4, 1 << 20).await;
    let started = Instant::now();
    let mut scrub = orlop("scrub", store.path());
    assert!(say(scrub.args(["--per-second", "2MiB"])).1);
    assert!(started.elapsed() > Duration::from_millis(1900), "{:?}", started.elapsed());
}
