//! What the command says when it cannot serve.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::command;

/// Makes sure that the command ends with a message that holds all of `words`.
fn refuses(store: impl AsRef<OsStr>, listen: &str, words: &[&str]) {
    let mut command = command::serve(store, listen);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut command = command.expect("the command");
    for _ in 0..PATIENCE {
        if command.try_wait().expect("a status").is_some() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    let _ = command.kill(); // if it serves
    let output = command.wait_with_output().expect("its words");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{} {message}", output.status);
    for word in words {
        assert!(message.contains(word), "no {word:?} in {message:?}");
    }
    assert!(!message.contains("panicked"), "{message}");
    assert!(output.stdout.is_empty(), "it says that it serves");
}

#[test]
fn a_store_that_is_none_is_named() {
    for (store, words) in [
        ("ftp://host/dir", ["ftp", "s3://", "--store"]),
        ("file://relative", ["file", "local directory", "--store"]),
        ("", ["store", "path or URL", "--store"]),
    ] {
        refuses(store, "127.0.0.1:0", &words);
    }
}

#[test]
fn a_store_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "no directory").unwrap();
    refuses(&file, "127.0.0.1:0", &[file.to_str().unwrap()]);
}

#[test]
fn a_store_of_another_layout_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    // The second one finds the record in its place: a journal would put it back there.
    for _ in 0..2 {
        drop(crate::server::Server::start(dir.path()));
    }
    let record = dir.path().join("records/store");
    std::fs::write(&record, "something else").unwrap();
    refuses(dir.path(), "127.0.0.1:0", &["store", "corrupt"]);
}

#[test]
fn an_occupied_port_is_named() {
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap().to_string();
    refuses("memory:", &address, &[&address, "in use"]);
}

#[test]
fn an_address_that_is_none_is_named() {
    refuses("memory:", "nowhere", &["nowhere", "--listen"]);
}

/// In tenths of a second.
const PATIENCE: usize = 300;
