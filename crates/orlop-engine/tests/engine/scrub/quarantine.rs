//! A blob that is taken out of service, and pushed again.

use std::fs;
use std::path::{Path, PathBuf};

use orlop_engine::{
    CollectOptions, DamageKind, ErrorKind, MountFrom, Registry, Remedy, ScrubOptions, Scrubbed,
};
use orlop_oci::Digest;

use super::{in_directory, scrub, strict};
use crate::collect::EAGER;
use crate::fixture::{
    extents, image_of, keys, kind, open, push_blob, read_blob, repository, sha256, tagged,
};

pub(super) async fn quarantine(registry: &Registry) -> Scrubbed {
    let options = ScrubOptions { quarantine: true, ..strict() };
    registry.scrub(&options, &()).await.unwrap()
}

/// The file that holds these bytes.
pub(super) fn file_of(root: &Path, content: &str) -> PathBuf {
    let read = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut files =
        read(&root.join("extents")).flat_map(|folder| read(&folder).collect::<Vec<_>>());
    files.find(|file| fs::read(file).unwrap() == content.as_bytes()).expect("an extent")
}

const NAMES: [&str; 3] = ["a", "b", "c"];

/// An image in three repositories: pushed to one, mounted to the others.
async fn three_images(registry: &Registry) -> Digest {
    let blob = push_blob(&repository(registry, "a"), "layer").await.unwrap();
    for name in NAMES {
        let repository = repository(registry, name);
        let from = "a".parse().unwrap();
        repository.mount(&blob, MountFrom::Repository(&from)).await.unwrap().unwrap();
        repository.put_manifest(&image_of(&blob, None), &tagged(&["v1"])).await.unwrap();
    }
    blob
}

#[tokio::test]
async fn a_push_brings_it_back_wherever_it_was() {
    for gone in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let store = in_directory(directory.path());
        let registry = open(store.clone()).await;
        let blob = three_images(&registry).await;
        let file = file_of(directory.path(), "layer");
        if gone {
            fs::remove_file(&file).unwrap();
        } else {
            fs::write(&file, "later").unwrap();
        }
        let scrubbed = quarantine(&registry).await;
        let damage = &scrubbed.damage.kept[0];
        assert_eq!((scrubbed.damaged(), damage.remedy), (1, Some(Remedy::Quarantined)));
        assert_eq!(damage.affected.tags.count, 3);
        assert!(!scrubbed.is_sound());

        for name in NAMES {
            let repository = repository(&registry, name);
            assert!(repository.blob(&blob).await.unwrap().is_none());
            assert!(repository.hold_blob(&blob).await.unwrap().is_none());
            assert!(!repository.delete_blob(&blob).await.unwrap());
            let new = image_of(&blob, Some(&sha256(b"another image")));
            let put = repository.put_manifest(&new, &tagged(&["v2"])).await;
            assert_eq!(kind(put), ErrorKind::ManifestBlobUnknown);
            let from = "a".parse().unwrap();
            let mount = repository.mount(&blob, MountFrom::Repository(&from)).await.unwrap();
            assert!(mount.is_none());
        }
        // As long as nothing has replaced it, it stays, for somebody to look at.
        registry.collect(&EAGER, &()).await.unwrap();
        assert_eq!(file.exists(), !gone);
        let again = quarantine(&registry).await;
        assert_eq!(again.damage.kept[0].kind, DamageKind::Quarantined);
        assert_eq!(again.damage.kept[0].affected, damage.affected);
        assert!(!again.is_sound());

        // To whatever repository: all have it again.
        push_blob(&repository(&registry, "d"), "layer").await.unwrap();
        for name in ["a", "b", "c", "d"] {
            let read = read_blob(&repository(&registry, name), &blob).await;
            assert_eq!(read.expect("it is back"), "layer");
        }
        assert!(scrub(&registry).await.is_sound());
        registry.collect(&EAGER, &()).await.unwrap();
        assert!(!file.exists());
        assert_eq!(extents(&store).await.len(), 1);
        assert_eq!(keys(&store, "l").await.len(), 3); // and one has it as its home
        let audited = registry.audit(&crate::audit::LOOK, &()).await.unwrap();
        assert!(audited.is_sound() && audited.faults.is_empty(), "{audited:#?}");
        for name in ["a", "b", "c", "d"] {
            let read = read_blob(&repository(&registry, name), &blob).await;
            assert_eq!(read.expect("it is there still"), "layer");
        }
    }
}

#[tokio::test]
async fn it_stays_as_long_as_a_manifest_refers_to_it_and_goes_with_that() {
    let directory = tempfile::tempdir().unwrap();
    let store = in_directory(directory.path());
    let registry = open(store.clone()).await;
    let blob = three_images(&registry).await;
    let file = file_of(directory.path(), "layer");
    fs::write(&file, "later").unwrap();
    quarantine(&registry).await;
    let inventory = async || {
        let audited = registry.audit(&crate::audit::REPAIR, &()).await.unwrap();
        let quarantined = audited.inventory.quarantined;
        ((quarantined.count, quarantined.bytes), audited)
    };
    let (amount, audited) = inventory().await;
    assert_eq!(amount, (1, 5));
    assert_eq!((audited.broken.count, audited.is_blind), (1, false), "{audited:#?}");
    assert!(audited.faults.is_empty());
    let reason = &audited.broken.kept[0].reason;
    assert!(reason.contains(&blob.to_string()) && reason.contains("quarantined"), "{reason}");
    assert_eq!(keys(&store, "l").await.len(), 2);

    for name in NAMES {
        assert!(file.exists());
        let image = image_of(&blob, None);
        assert!(repository(&registry, name).delete_manifest(image.digest()).await.unwrap());
        let rehearsal = CollectOptions { dry_run: true, ..EAGER };
        let expected = u64::from(name == "c");
        assert_eq!(registry.collect(&rehearsal, &()).await.unwrap().blobs, expected);
        assert_eq!(registry.collect(&EAGER, &()).await.unwrap().blobs, expected);
    }
    assert!(!file.exists());
    for place in ["b", "l", "e", "u", "q"] {
        assert_eq!(keys(&store, place).await, [], "{place}");
    }
    let (amount, audited) = inventory().await;
    assert!(amount == (0, 0) && audited.is_sound(), "{audited:#?}");
}

#[tokio::test]
async fn one_that_nobody_needs_is_garbage_and_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    let store = in_directory(directory.path());
    let registry = open(store.clone()).await;
    push_blob(&repository(&registry, "a"), "layer").await.unwrap();
    fs::write(file_of(directory.path(), "layer"), "later").unwrap();
    assert_eq!(quarantine(&registry).await.damaged(), 1);
    assert!(scrub(&registry).await.is_sound());
    let audited = registry.audit(&crate::audit::LOOK, &()).await.unwrap();
    assert!(audited.is_sound(), "{audited:#?}");
    assert_eq!(registry.collect(&EAGER, &()).await.unwrap().blobs, 1);
    assert_eq!(extents(&store).await, []);
    assert_eq!(keys(&store, "b").await, []);
}
