//! What is damaged is put back from another store.

use std::fs;
use std::sync::Arc;

use orlop_engine::{DamageKind, Registry, Remedy, ScrubOptions, Scrubbed, Source};

use super::quarantine::{file_of, quarantine};
use super::{fill, filled, scrub, strict};
use crate::collect::EAGER;
use crate::fixture::{extents, new_store, open, push_blob, read_blob, repository, sha256};

async fn repair(registry: &Registry, source: &Registry) -> Scrubbed {
    let source: Arc<dyn Source> = Arc::new(source.clone());
    let options = ScrubOptions { source: Some(source), ..strict() };
    registry.scrub(&options, &()).await.unwrap()
}

/// A store that has the same.
async fn mirror() -> Registry {
    let registry = open(new_store().await).await;
    fill(&registry).await;
    registry
}

#[tokio::test]
async fn blobs_are_put_back_wherever_they_were() {
    let source = mirror().await;
    for is_quarantined in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let (registry, images) = filled(directory.path()).await;
        for (content, damage) in [("first", "worst"), ("other", "othe"), ("about", "about!")] {
            fs::write(file_of(directory.path(), content), damage).unwrap();
        }
        fs::remove_file(file_of(directory.path(), "announced")).unwrap();
        let found =
            if is_quarantined { quarantine(&registry).await } else { scrub(&registry).await };
        assert_eq!(found.damaged(), 4);
        let repaired = repair(&registry, &source).await;
        assert_eq!(repaired.damaged(), 4, "{repaired:#?}");
        for damage in &repaired.damage.kept {
            assert_eq!(damage.remedy, Some(Remedy::Repaired), "{damage:#?}");
            assert_eq!(damage.kind == DamageKind::Quarantined, is_quarantined);
        }
        assert!(repaired.is_sound());
        assert!(scrub(&registry).await.is_sound());
        for content in ["first", "other", "about"] {
            let read = read_blob(&images.a, &sha256(content.as_bytes())).await;
            assert_eq!(read.unwrap(), content);
        }
        for content in ["first", "announced"] {
            let read = read_blob(&images.b, &sha256(content.as_bytes())).await;
            assert_eq!(read.unwrap(), content);
        }
        // What was replaced is garbage.
        registry.collect(&EAGER, &()).await.unwrap();
        let audited = registry.audit(&crate::audit::LOOK, &()).await.unwrap();
        assert!(audited.is_sound() && audited.faults.is_empty(), "{audited:#?}");
        assert_eq!(audited.inventory.trash.count, 0);
    }
}

#[tokio::test]
async fn a_source_that_lacks_it_or_has_other_bytes_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (registry, images) = filled(directory.path()).await;
    let bad = file_of(directory.path(), "first");
    fs::write(&bad, "worst").unwrap();
    let before = extents(&super::in_directory(directory.path())).await.len();

    let empty = open(new_store().await).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let spoilt = open(super::in_directory(elsewhere.path())).await;
    push_blob(&repository(&spoilt, "x"), "first").await.unwrap();
    fs::write(file_of(elsewhere.path(), "first"), "first?").unwrap();
    for (source, reason) in [(&empty, "does not have it"), (&spoilt, "other bytes")] {
        let scrubbed = repair(&registry, source).await;
        let damage = &scrubbed.damage.kept[0];
        assert_eq!((scrubbed.damaged(), damage.remedy), (1, None));
        assert!(damage.reason.contains(reason), "{}", damage.reason);
        assert!(!scrubbed.is_sound());
        assert_eq!(read_blob(&images.a, &sha256(b"first")).await.unwrap(), "worst");
    }
    assert_eq!(extents(&super::in_directory(directory.path())).await.len(), before);

    // What cannot be repaired is at least out of service.
    let source: Arc<dyn Source> = Arc::new(empty);
    let options = ScrubOptions { source: Some(source), quarantine: true, ..strict() };
    let scrubbed = registry.scrub(&options, &()).await.unwrap();
    assert_eq!(scrubbed.damage.kept[0].remedy, Some(Remedy::Quarantined));
    assert!(read_blob(&images.a, &sha256(b"first")).await.is_none());
    assert_eq!(fs::read(&bad).unwrap(), b"worst");
}
