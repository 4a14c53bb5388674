//! Where every byte is: what the inventory says, and what is on the disk.

use std::fs;
use std::path::Path;

use orlop_engine::{Amount, Options, Registry};

use super::quarantine::{file_of, quarantine};
use super::{filled, in_directory};
use crate::audit::LOOK;
use crate::fixture::{options, push_image, repository};

/// The bytes and the number of all files below a folder, but for the indexes of a directory.
fn on_disk(folder: &Path, is_wanted: &impl Fn(&Path) -> bool) -> (u64, u64) {
    let (mut count, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name == ".names") {
            continue;
        }
        if path.is_dir() {
            let below = on_disk(&path, is_wanted);
            count += below.0;
            bytes += below.1;
        } else if is_wanted(&path) {
            count += 1;
            bytes += path.metadata().unwrap().len();
        }
    }
    (count, bytes)
}

fn amount(amount: Amount) -> (u64, u64) {
    (amount.count, amount.bytes)
}

#[tokio::test]
async fn every_byte_of_the_directory_is_accounted_for() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let (registry, images) = filled(root).await;
    fs::write(file_of(root, "first"), "worse").unwrap();
    quarantine(&registry).await;
    let deleted = push_image(&repository(&registry, "gone"), "deleted", &["v1"]).await;
    repository(&registry, "gone").delete_manifest(&deleted.digest).await.unwrap();
    // Another process, which keeps small blobs in their records.
    let options = Options { inline_bytes_max: 16, ..options() };
    let inline = Registry::open(in_directory(root), options).await.unwrap();
    push_image(&repository(&inline, "inline"), "in its record", &["v1"]).await;
    // One that nothing names.
    let orphan = root.join("extents/aa");
    fs::create_dir_all(&orphan).unwrap();
    fs::write(orphan.join(format!("aa{}", "b".repeat(24))), "orphan").unwrap();
    // Somebody is uploading more.
    let mut upload = images.a.begin_upload(orlop_oci::Algorithm::Sha512).await.unwrap();
    upload.write("more that is under way".into()).await.unwrap();
    upload.pause().await.unwrap();

    let inventory = registry.audit(&LOOK, &()).await.unwrap().inventory;
    let is_open = |path: &Path| path.extension().is_some_and(|extension| extension == "part");
    let extents = root.join("extents");
    assert_eq!(amount(inventory.extents), on_disk(&extents, &|path| !is_open(path)));
    assert_eq!(amount(inventory.open_uploads), on_disk(&extents, &is_open));
    assert_eq!(amount(inventory.records), on_disk(&root.join("records"), &|_| true));
    let parts = [
        inventory.referenced,
        inventory.unreferenced,
        inventory.quarantined,
        inventory.trash,
        inventory.uploads,
        inventory.orphans,
    ];
    let sum = parts.map(amount).iter().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    let (count, bytes) = amount(inventory.extents);
    assert_eq!(amount(inventory.inline), (1, 13));
    assert_eq!(sum, (count + 1, bytes + 13), "{inventory:#?}");
    assert_eq!(amount(inventory.quarantined), (1, 5));
    assert_eq!(amount(inventory.orphans), (1, 6));
    assert_eq!(amount(inventory.unreferenced), (2, 15));
    // What is there besides is empty, an index, a number in a lock, or a journal.
    for (folder, max) in [("open", 0), ("tmp", 0), ("locks", 8 * 8200), ("journal", 1 << 20)] {
        let (_, bytes) = on_disk(&root.join(folder), &|_| true);
        assert!(bytes <= max, "{folder} has {bytes} bytes");
    }
}
