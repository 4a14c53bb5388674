//! Records that cannot be read: put aside, and healed by who pushes again, or from another store.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use orlop_backend::Environment;
use orlop_engine::{
    Condition, Damage, DamageKind, Registry, Remedy, ScrubOptions, Scrubbed, Source,
};

use super::quarantine::quarantine;
use super::{Images, fill, filled, in_directory, scrub, strict};
use crate::audit::{LOOK, REPAIR};
use crate::fixture::{
    image_of, keys, new_store, open, pulls, push_blob, read_blob, sha256, tagged,
};

/// Flips a bit of the only record whose key has all of these in it.
fn flip(root: &Path, parts: &[&str]) -> String {
    let mut found = Vec::new();
    let mut folders = vec![root.join("records")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = path.to_str().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if parts.iter().all(|part| text.contains(part)) {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{parts:?}: {found:?}");
    let mut bytes = fs::read(&found[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&found[0], bytes).unwrap();
    let key = found[0].strip_prefix(root.join("records")).unwrap();
    key.to_str().unwrap().to_owned()
}

fn only(scrubbed: &Scrubbed, key: &str) -> Damage {
    assert_eq!(scrubbed.damaged(), 1, "{scrubbed:#?}");
    let damage = scrubbed.damage.kept[0].clone();
    assert_eq!((damage.kind, damage.key.as_str()), (DamageKind::Record, key));
    damage
}

async fn small(root: &Path) -> (Registry, Images, Environment) {
    let (registry, images) = filled(root).await;
    (registry, images, in_directory(root))
}

async fn asides(registry: &Registry) -> u64 {
    registry.audit(&LOOK, &()).await.unwrap().inventory.asides
}

#[tokio::test]
async fn a_blob_is_pushed_again_and_orphans_stay_until_then() {
    let directory = tempfile::tempdir().unwrap();
    let (registry, images, store) = small(directory.path()).await;
    let blob = sha256(b"first");
    let key = flip(directory.path(), &["/b/", &blob.encoded()]);
    let before = only(&scrub(&registry).await, &key);
    assert_eq!(before.remedy, None);
    assert_eq!(before.affected.tags.count, 4);
    let scrubbed = quarantine(&registry).await;
    // A manifest that lacks it is told of as well, if it is looked at after that.
    let damage = &scrubbed.damage.kept.iter().find(|damage| damage.key.as_str() == key).unwrap();
    assert_eq!(damage.remedy, Some(Remedy::Quarantined));
    for repository in [&images.a, &images.b] {
        assert!(repository.blob(&blob).await.unwrap().is_none());
    }
    assert!(!scrub(&registry).await.is_sound());
    let bytes = store.extents.walk();
    let bytes: Vec<_> = futures::TryStreamExt::try_collect(bytes).await.unwrap();
    let audited = registry.audit(&REPAIR, &()).await.unwrap();
    assert!(audited.is_blind && !audited.is_sound(), "{audited:#?}");
    assert_eq!(crate::fixture::extents(&store).await.len(), bytes.len());

    push_blob(&images.b, "first").await.unwrap();
    assert_eq!(read_blob(&images.b, &blob).await.unwrap(), "first");
    // That it was in other repositories too is known by their manifests.
    let audited = registry.audit(&REPAIR, &()).await.unwrap();
    assert!(audited.is_sound() && !audited.is_blind, "{audited:#?}");
    assert_eq!(read_blob(&images.a, &blob).await.unwrap(), "first");
    assert!(scrub(&registry).await.is_sound());
    assert_eq!(asides(&registry).await, 0);
}

#[tokio::test]
async fn a_manifest_is_pushed_again_with_its_tags() {
    let directory = tempfile::tempdir().unwrap();
    let (registry, images, store) = small(directory.path()).await;
    let digest = images.first.digest;
    let key = flip(directory.path(), &["/r/a/m/", &digest.encoded()]);
    let damage = only(&scrub(&registry).await, &key);
    assert_eq!(damage.affected.tags.count, 3);
    let scrubbed = quarantine(&registry).await;
    let damage = scrubbed.damage.kept.iter().find(|damage| damage.key.as_str() == key);
    assert_eq!(damage.unwrap().remedy, Some(Remedy::Quarantined));
    assert_eq!(keys(&store, "x").await.len(), 1);
    for reference in [digest.to_string().as_str(), "v1", "v2"] {
        assert_eq!(pulls(&images.a, reference).await, None);
    }
    assert!(!scrub(&registry).await.is_sound());
    let image = image_of(&sha256(b"first"), None);
    images.a.put_manifest(&image, &tagged(&["v1", "v2"])).await.unwrap();
    for reference in [digest.to_string().as_str(), "v1", "v2"] {
        assert_eq!(pulls(&images.a, reference).await, Some(digest));
    }
    let scrubbed = scrub(&registry).await;
    assert!(scrubbed.is_sound(), "{scrubbed:#?}");
    assert!(registry.audit(&REPAIR, &()).await.unwrap().is_sound());
    assert_eq!(asides(&registry).await, 0);
}

#[tokio::test]
async fn a_tag_is_set_again() {
    let directory = tempfile::tempdir().unwrap();
    let (registry, images, store) = small(directory.path()).await;
    let key = flip(directory.path(), &["/r/a/t/v1"]);
    only(&scrub(&registry).await, &key);
    let damage = only(&quarantine(&registry).await, &key);
    assert_eq!(damage.remedy, Some(Remedy::Quarantined));
    assert_eq!(pulls(&images.a, "v1").await, None);
    let tags = images.a.tags(None, 10).await.unwrap().items;
    assert_eq!(tags.iter().map(ToString::to_string).collect::<Vec<_>>(), ["index", "v2"]);
    let scrubbed = scrub(&registry).await;
    assert!(scrubbed.is_sound() && scrubbed.doubts.count == 1, "{scrubbed:#?}");
    assert_eq!(keys(&store, "x").await.len(), 1);
    let tag = "v1".parse().unwrap();
    assert!(images.a.set_tag(&tag, &images.first.digest, Condition::Any).await.unwrap());
    assert_eq!(pulls(&images.a, "v1").await, Some(images.first.digest));
    assert_eq!(scrub(&registry).await.doubts.count, 0);
    assert!(registry.audit(&REPAIR, &()).await.unwrap().is_sound());
    assert_eq!(asides(&registry).await, 0);
}

#[tokio::test]
async fn links_and_repositories_are_known_by_their_keys() {
    let directory = tempfile::tempdir().unwrap();
    let (registry, images, store) = small(directory.path()).await;
    for parts in [["/l/", "/a!b"], ["/c/", "a!b"]] {
        let key = flip(directory.path(), &parts);
        let damage = only(&quarantine(&registry).await, &key);
        assert_eq!(damage.remedy, Some(Remedy::Repaired));
        assert!(scrub(&registry).await.is_sound());
        assert_eq!(keys(&store, "x").await, []);
    }
    assert_eq!(read_blob(&images.b, &sha256(b"first")).await.unwrap(), "first");
    assert!(images.b.exists().await.unwrap());
}

#[tokio::test]
async fn what_leads_a_collection_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (registry, ..) = small(directory.path()).await;
    let session = fs::read_dir(directory.path().join("records/u")).unwrap().next().unwrap();
    let name = session.unwrap().file_name();
    let key = flip(directory.path(), &["/u/", name.to_str().unwrap()]);
    for _ in 0..2 {
        assert_eq!(only(&quarantine(&registry).await, &key).remedy, None);
    }
}

#[tokio::test]
async fn another_store_puts_it_back() {
    let mirror = open(new_store().await).await;
    fill(&mirror).await;
    let source: Arc<dyn Source> = Arc::new(mirror);
    let first = sha256(b"first").encoded();
    let image = image_of(&sha256(b"first"), None).digest().encoded();
    let child = image_of(&sha256(b"other"), None).digest().encoded();
    for (parts, is_removed) in [
        (["/b/", first.as_str()], false),
        (["/r/a/m/", &image], false),
        (["/r/a/m/", &image], true),
        (["/r/a/m/", &child], false),
        (["/r/a/m/", &child], true),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (registry, images, _) = small(directory.path()).await;
        let key = flip(directory.path(), &parts);
        if is_removed {
            fs::remove_file(directory.path().join("records").join(&key)).unwrap();
        }
        let options = ScrubOptions { source: Some(source.clone()), ..strict() };
        let scrubbed = registry.scrub(&options, &()).await.unwrap();
        assert!(scrubbed.damaged() > 0 && scrubbed.is_sound(), "{key}: {scrubbed:#?}");
        for damage in &scrubbed.damage.kept {
            assert_eq!(damage.remedy, Some(Remedy::Repaired), "{damage:#?}");
        }
        let again = scrub(&registry).await;
        assert!(again.is_sound() && again.damaged() == 0, "{key}: {again:#?}");
        for (repository, tag) in [(&images.a, "v1"), (&images.a, "v2"), (&images.b, "copy")] {
            assert_eq!(pulls(repository, tag).await, Some(images.first.digest), "{key}");
            assert_eq!(read_blob(repository, &sha256(b"first")).await.unwrap(), "first");
        }
        assert_eq!(pulls(&images.a, "index").await, Some(images.index.digest));
        let child = format!("sha256:{child}");
        assert!(pulls(&images.a, &child).await.is_some());
        let audited = registry.audit(&REPAIR, &()).await.unwrap();
        assert!(audited.is_sound(), "{key}: {audited:#?}");
        let audited = registry.audit(&LOOK, &()).await.unwrap();
        assert!(audited.is_sound() && audited.faults.is_empty(), "{key}: {audited:#?}");
    }
}
