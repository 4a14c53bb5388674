//! `orlop fsck` and `orlop stat`, beside a server.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::command::orlop;
use crate::content::noise;
use crate::server::Server;

/// What a command says in JSON, and whether it is content.
fn say(mut command: Command) -> (Value, bool) {
    let output = command.arg("--json").output().expect("the command");
    let complained = String::from_utf8_lossy(&output.stderr);
    let said = serde_json::from_slice(&output.stdout);
    (said.unwrap_or_else(|error| panic!("{error}: {complained}")), output.status.success())
}

/// Lays down a sealed extent that nothing names.
fn lay_orphan(store: &Path) {
    let place = store.join("extents/aa");
    fs::create_dir_all(&place).expect("a directory");
    fs::write(place.join(format!("aa{}", "b".repeat(24))), "orphan").expect("a file");
}

#[tokio::test]
async fn what_an_orphan_takes_is_said_and_given_back() {
    let store = tempfile::tempdir().unwrap();
    let server = Server::start(store.path());
    let image = server.client.push_image("app", "v1", "1").await;
    server.client.push_blob("app", noise(1, 1000)).await;
    server.client.push_blob("app", noise(2, 100_000)).await;
    assert!(say(orlop("fsck", store.path())).1);

    lay_orphan(store.path());
    let (said, _) = say(orlop("stat", store.path()));
    assert_eq!((&said["repositories"], &said["tags"]), (&json!(1), &json!(1)));
    assert_eq!(said["inline"], json!({"count": 2, "bytes": 1002}));
    assert_eq!(said["unreferenced"], json!({"count": 2, "bytes": 101_000}));
    assert_eq!(said["orphans"], json!({"count": 1, "bytes": 6}));
    let parts = ["referenced", "unreferenced", "trash", "uploads", "orphans"];
    let sum: u64 = parts.iter().filter_map(|part| said[part]["bytes"].as_u64()).sum();
    assert_eq!(said["extents"]["bytes"].as_u64(), Some(sum - 1002));

    let (said, is_sound) = say(orlop("fsck", store.path()));
    assert!(!is_sound);
    assert_eq!(said["faults"], json!({"extent": {"found": 1, "repaired": 0}}));
    let mut repair = orlop("fsck", store.path());
    repair.arg("--repair");
    let (said, is_sound) = say(repair);
    assert!(is_sound);
    assert_eq!(said["faults"], json!({"extent": {"found": 1, "repaired": 1}}));
    let words = orlop("fsck", store.path()).output().expect("the command");
    assert!(words.status.success());
    assert!(String::from_utf8_lossy(&words.stdout).ends_with("\nsound\n"));
    server.client.get_manifest("app", &image).await.expect(200);
}

#[tokio::test]
async fn what_cannot_be_repaired_is_said() {
    let store = tempfile::tempdir().unwrap();
    let server = Server::start(store.path());
    let image = server.client.push_image_of("app", "v1", noise(1, 100_000)).await;
    fs::remove_dir_all(store.path().join("extents")).expect("a store without extents");
    fs::create_dir(store.path().join("extents")).expect("a directory");
    let mut repair = orlop("fsck", store.path());
    repair.arg("--repair");
    let (said, is_sound) = say(repair);
    assert!(!is_sound);
    let reason = said["broken"]["first"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("gone") && reason.contains(&image), "{reason}");
}
