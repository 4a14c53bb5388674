//! Each file of a store in a directory, damaged in each way that a medium can.

use std::fs;
use std::path::{Path, PathBuf};

use orlop_engine::{DamageKind, Registry, Scrubbed};

use super::{affected, filled, scrub};
use crate::fixture::{image_of, open, push_image, repository, sha256};

/// Every file that holds what somebody stored, by its path in the store.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.join("records"), root.join("extents")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

/// Whether a scrub has found what is wrong with a file, and has named it by the key of the record
/// or the id of the extent.
fn names(scrubbed: &Scrubbed, file: &Path) -> bool {
    let path = file.to_str().unwrap();
    let is_about = |key: &str, reason: &str| match path.strip_prefix("records/") {
        Some(record) => key == record || reason.contains(record),
        None => reason.contains(file.file_name().unwrap().to_str().unwrap()),
    };
    let mut damage = scrubbed.damage.kept.iter();
    let mut doubts = scrubbed.doubts.kept.iter();
    damage.any(|damage| is_about(damage.key.as_str(), &damage.reason))
        || doubts.any(|doubt| is_about(doubt.key.as_str(), &doubt.reason))
}

/// Damages a file and scrubs; then the file is as it was.
async fn finds(registry: &Registry, root: &Path, file: &Path, what: &str, damaged: &[u8]) {
    let path = root.join(file);
    let whole = fs::read(&path).unwrap();
    assert_ne!(whole, damaged);
    fs::write(&path, damaged).unwrap();
    let scrubbed = scrub(registry).await;
    assert!(!scrubbed.is_sound(), "{what} of {} is not found", file.display());
    assert!(names(&scrubbed, file), "{what} of {}: {scrubbed:#?}", file.display());
    fs::write(&path, whole).unwrap();
}

/// The same numbers in every run.
fn dice(seed: usize) -> usize {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[tokio::test]
async fn any_change_of_any_file_is_found_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let (registry, _) = filled(root).await;
    let before = scrub(&registry).await;
    assert!(before.is_sound() && before.doubts.count == 0, "{before:#?}");
    let files = files(root);
    let mut flips = 0;
    for (number, file) in files.iter().enumerate() {
        // An upload that is under way is verified when it has become a blob.
        if file.extension().is_some_and(|extension| extension == "part") {
            continue;
        }
        let whole = fs::read(root.join(file)).unwrap();
        if let Some(last) = whole.len().checked_sub(1) {
            let seeded = (0..3).map(|n| dice(number * 3 + n) % whole.len());
            for (n, place) in [0, last].into_iter().chain(seeded).enumerate() {
                let mut flipped = whole.clone();
                flipped[place] ^= 1 << (dice(number + n) % 8);
                finds(&registry, root, file, &format!("a bit of byte {place}"), &flipped).await;
                flips += 1;
            }
            for len in [0, whole.len() / 2, last] {
                finds(&registry, root, file, "a truncation", &whole[..len]).await;
            }
        }
        for more in [&b"\n"[..], &[0; 100]] {
            let extended = [&whole, more].concat();
            finds(&registry, root, file, "an extension", &extended).await;
        }
    }
    assert!(files.len() > 40 && flips > 100, "{} files, {flips} flips", files.len());
    assert_eq!(scrub(&registry).await, before);
}

#[tokio::test]
async fn files_that_change_places_are_found_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let (registry, _) = filled(root).await;
    let before = scrub(&registry).await;
    let mut files = files(root);
    files.retain(|file| file.extension().is_none_or(|extension| extension != "part"));
    let read = |file: &PathBuf| fs::read(root.join(file)).unwrap();
    let mut swaps = 0;
    for (n, one) in files.iter().enumerate() {
        // With its neighbour, which is of the same kind, and with any other one.
        for other in [&files[(n + 1) % files.len()], &files[dice(n) % files.len()]] {
            let (in_one, in_other) = (read(one), read(other));
            if in_one == in_other {
                continue; // markers, that have no bytes
            }
            swaps += 1;
            fs::write(root.join(one), &in_other).unwrap();
            fs::write(root.join(other), &in_one).unwrap();
            let scrubbed = scrub(&registry).await;
            assert!(!scrubbed.is_sound(), "{} and {}", one.display(), other.display());
            // Whose record cannot be read, his bytes cannot be looked for.
            let is_extent = |file: &Path| file.starts_with("extents");
            let named = [one, other].map(|file| names(&scrubbed, file));
            let is_found = if is_extent(one) == is_extent(other) {
                named == [true, true]
            } else {
                named != [false, false]
            };
            assert!(is_found, "{} and {}: {scrubbed:#?}", one.display(), other.display());
            fs::write(root.join(one), in_one).unwrap();
            fs::write(root.join(other), in_other).unwrap();
        }
    }
    assert!(swaps > 40, "{swaps}");
    assert_eq!(scrub(&registry).await, before);
}

#[tokio::test]
async fn a_file_that_is_missing_is_found_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let (registry, _) = filled(root).await;
    let before = scrub(&registry).await;
    let announced = image_of(&sha256(b"announced"), None).digest().to_string().replace(':', "-");
    let mut found = 0;
    for file in files(root) {
        let path = root.join(&file);
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let scrubbed = scrub(&registry).await;
        let place = file.to_str().unwrap().trim_start_matches("records/");
        // Sessions, candidates and notes lead a collection to what may be garbage. Nothing that
        // anybody can pull needs them, and an audit finds the garbage without them.
        let only_leads = ["u/", "q/", "n/"].iter().any(|lead| place.starts_with(lead));
        // Nobody refers to it, and only its session knows of it.
        let is_nobodys = whole == b"nobody's" || place.starts_with(&nobodys());
        let is_open = file.extension().is_some_and(|extension| extension == "part");
        if !only_leads && !is_nobodys && !is_open {
            assert!(names(&scrubbed, &file), "{}: {scrubbed:#?}", file.display());
            // A tag that was never set, or a push that died, leaves the same as a loss.
            let is_doubt = place.contains("/t/") || place.ends_with(&announced);
            assert_eq!(scrubbed.is_sound(), is_doubt, "{}: {scrubbed:#?}", file.display());
            found += 1;
        }
        fs::write(&path, whole).unwrap();
    }
    assert!(found > 30, "{found}");
    assert_eq!(scrub(&registry).await, before);
}

/// Where the record of the blob is that no manifest refers to.
fn nobodys() -> String {
    let hex = sha256(b"nobody's").encoded();
    format!("b/sha256/{}/{hex}", &hex[..2])
}

#[tokio::test]
async fn everybody_who_needs_a_blob_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let (registry, images) = filled(root).await;
    let blob = files(root).into_iter().find(|file| fs::read(root.join(file)).unwrap() == b"first");
    let path = root.join(blob.unwrap());
    let (first, index) = (&images.first.digest, &images.index.digest);
    let mut manifests = vec![format!("a@{first}"), format!("a@{index}")];
    manifests.sort();
    manifests.push(format!("a/b@{first}"));
    let tags = ["a:index", "a:v1", "a:v2", "a/b:copy"];
    for (kind, damage) in [
        (DamageKind::Bytes, &(|path: &Path| fs::write(path, "worst")) as &dyn Fn(&Path) -> _),
        (DamageKind::Gone, &|path: &Path| fs::remove_file(path)),
    ] {
        damage(&path).unwrap();
        let scrubbed = scrub(&registry).await;
        assert_eq!(scrubbed.damage.count, 1, "{scrubbed:#?}");
        let found = &scrubbed.damage.kept[0];
        assert_eq!(found.kind, kind);
        let (repositories, damaged, tagged) = affected(found);
        assert_eq!(repositories, ["a", "a/b"]);
        assert_eq!(damaged, manifests);
        assert_eq!(tagged, tags);
        // It has changed nothing.
        assert_eq!(scrub(&registry).await, scrubbed);
    }
    assert!(images.b.blob(&sha256(b"first")).await.unwrap().is_some());
    assert_eq!(images.a.name().as_str(), "a");
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_a_failure_and_no_finding() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("store");
    let registry = open(super::in_directory(&root)).await;
    push_image(&repository(&registry, "a"), "one", &["v1"]).await;
    let extents = root.join("extents");
    fs::rename(&extents, root.join("elsewhere")).unwrap();
    fs::write(&extents, "no directory").unwrap();
    registry.scrub(&super::strict(), &()).await.unwrap_err();
}
