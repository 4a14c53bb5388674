//! The house rules that a compiler does not know: short files, documented modules, dependencies
//! that point one way, and acts that have one place.

#![allow(clippy::unwrap_used)] // a test that fails says where

use std::fs;
use std::path::{Path, PathBuf};

/// A source file, and how many lines of code it has in front of its tests.
struct Source {
    path: PathBuf,
    text: String,
    code_lines: usize,
}

#[test]
fn files_are_short() {
    let mut lengths: Vec<usize> = Vec::new();
    for source in sources("crates") {
        let (path, length) = (source.path.display(), source.code_lines);
        assert!(length <= CODE_LINES_MAX, "{path} has {length} lines of code");
        lengths.push(length);
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median <= CODE_LINES_MEDIAN_MAX, "the median file has {median} lines of code");
}

#[test]
fn every_file_says_what_it_is() {
    for source in sources("crates").into_iter().chain(sources("tests")).chain(sources("benches")) {
        // A module of tests beside the module it tests needs no words of its own.
        let is_test_module = source.path.file_name().unwrap() == "tests.rs";
        let path = source.path.display();
        assert!(is_test_module || source.text.starts_with("//!"), "{path} has no module docs");
    }
}

#[test]
fn nothing_is_left_open() {
    // Put together here, so that this file does not find itself.
    let open = [
        ["to", "do!("],
        ["unimple", "mented!("],
        ["FIX", "ME"],
        ["#[ign", "ore"],
        ["```ign", "ore"],
    ];
    for folder in ["crates", "tests", "benches", "fuzz/fuzz_targets"] {
        for source in sources(folder) {
            for word in &open {
                let word = word.concat();
                let path = source.path.display();
                assert!(!source.text.contains(&word), "{path} has {word:?}");
            }
        }
    }
}

#[test]
fn dependencies_point_one_way() {
    let allowed: [(&str, &[&str]); 11] = [
        ("orlop-lanes", &[]),
        ("orlop-oci", &["orlop-lanes"]),
        ("orlop-backend", &[]),
        ("orlop-contract", &["orlop-backend"]),
        ("orlop-fs", &["orlop-backend"]),
        ("orlop-object-store", &["orlop-backend"]),
        ("orlop-engine", &["orlop-backend", "orlop-oci"]),
        ("orlop-model", &[]), // it says once more what the engine does, so it must not ask it
        (
            "orlop",
            &["orlop-backend", "orlop-engine", "orlop-fs", "orlop-object-store", "orlop-oci"],
        ),
        ("orlop-registry", &["orlop"]),
        (
            "orlop-sim",
            &["orlop-backend", "orlop-engine", "orlop-fs", "orlop-object-store", "orlop-oci"],
        ),
    ];
    let crates: Vec<PathBuf> = entries(&root().join("crates"));
    assert_eq!(crates.len(), allowed.len(), "a crate whose dependencies nobody decided");
    for (name, allowed) in allowed {
        let manifest = root().join("crates").join(name).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let dependencies = text.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        for line in dependencies.lines().filter(|line| line.starts_with("orlop")) {
            let dependency = line.split(['.', ' ', '=']).next().unwrap();
            assert!(allowed.contains(&dependency), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn acts_have_one_place() {
    for (folder, word, places) in [
        (
            "crates/orlop-fs/src",
            "std::fs",
            &["cached.rs", "direct.rs", "disk.rs", "locking.rs"][..],
        ),
        ("crates/orlop-fs/src", ".disk.sync_dir(", &["volume.rs"]),
        ("crates/orlop-fs/src", "file.sync()", &["volume.rs"]),
        ("crates/orlop-engine/src", "Key::new(", &["layout.rs"]),
        ("crates/orlop-engine/src", "Prefix::new(", &["layout.rs"]),
        ("crates/orlop-engine/src", "SystemTime::now", &[]),
        ("crates/orlop-engine/src", "tokio", &[]),
        ("crates", "unsafe {", &["x86.rs"]),
    ] {
        for source in sources(folder) {
            let name = source.path.file_name().unwrap().to_string_lossy().into_owned();
            let code: Vec<&str> = source
                .text
                .lines()
                .take(source.code_lines)
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            let has_it = code.iter().any(|line| line.contains(word));
            assert!(!has_it || places.contains(&&*name), "{} has {word:?}", source.path.display());
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file of the project below a folder, but for those of its tests.
fn sources(folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
                let code_lines = text
                    .lines()
                    .take_while(|line| !is_test && !line.starts_with("#[cfg(test)]"))
                    .count();
                sources.push(Source { path, text, code_lines });
            }
        }
    }
    assert!(!sources.is_empty(), "nothing in {folder}");
    sources
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

const CODE_LINES_MAX: usize = 400;
const CODE_LINES_MEDIAN_MAX: usize = 150;
