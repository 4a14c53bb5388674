//! Tags: compare-and-swap, several at once, races.

use orlop_engine::{Condition, ErrorKind, PutManifest};
use orlop_fs::FsOptions;
use orlop_oci::Tag;

use crate::fixture::{
    image_of, index_of, kind, new_registry, open, pulls, push_blob, push_image, repository, sha256,
    tagged,
};

fn latest() -> Tag {
    "latest".parse().unwrap()
}

#[tokio::test]
async fn a_tag_moves_only_from_where_it_is_expected() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let [one, two] = [push_image(&a, "1", &[]).await, push_image(&a, "2", &[]).await];
    let (one, two) = (one.digest, two.digest);
    let set = async |digest, condition| a.set_tag(&latest(), digest, condition).await;
    assert_eq!(kind(set(&one, Condition::Is(two)).await), ErrorKind::Precondition);
    assert!(set(&one, Condition::Absent).await.unwrap());
    let error = set(&two, Condition::Absent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Precondition);
    assert!(error.to_string().contains(&one.to_string()), "{error}");
    assert_eq!(kind(set(&two, Condition::Is(two)).await), ErrorKind::Precondition);
    assert!(set(&two, Condition::Is(one)).await.unwrap());
    assert_eq!(pulls(&a, "latest").await, Some(two));
    let delete = a.delete_tag(&latest(), Condition::Is(one)).await;
    assert_eq!(kind(delete), ErrorKind::Precondition);
    assert!(set(&two, Condition::Present).await.unwrap());
    // A tag whose manifest is gone is not there.
    a.delete_manifest(&two).await.unwrap();
    assert_eq!(kind(set(&one, Condition::Present).await), ErrorKind::Precondition);
    assert!(set(&one, Condition::Absent).await.unwrap());
    assert!(!set(&two, Condition::Any).await.unwrap());
    assert!(a.delete_tag(&latest(), Condition::Is(one)).await.unwrap());
}

#[tokio::test]
async fn a_push_whose_condition_fails_stores_nothing() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    push_image(&a, "1", &["latest"]).await;
    let image = image_of(&push_blob(&a, "2").await.unwrap(), None);
    let put = PutManifest { condition: Condition::Absent, ..tagged(&["new", "latest"]) };
    assert_eq!(kind(a.put_manifest(&image, &put).await), ErrorKind::Precondition);
    assert_eq!(pulls(&a, &image.digest().to_string()).await, None);
    assert_eq!(pulls(&a, "new").await, None);
}

#[tokio::test]
async fn a_deleted_tag_leaves_its_manifest() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let digest = push_image(&a, "1", &["latest"]).await.digest;
    assert!(a.delete_tag(&latest(), Condition::Any).await.unwrap());
    assert!(!a.delete_tag(&latest(), Condition::Any).await.unwrap());
    assert_eq!(pulls(&a, "latest").await, None);
    assert_eq!(pulls(&a, &digest.to_string()).await, Some(digest));
    assert!(a.exists().await.unwrap());
}

/// On files, whose changes go on at once.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_create_a_tag_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let files = orlop_fs::open(directory.path(), &FsOptions::default()).unwrap();
    for registry in [new_registry().await, open(files).await] {
        let a = repository(&registry, "a");
        for round in 0..10 {
            let [new, shared] = [0, 1].map(|n| format!("{n}-{round}"));
            let push = |n: u32| {
                let (a, own) = (a.clone(), format!("{new}-{n}"));
                let tags = tagged(&[&own, &shared]);
                tokio::spawn(async move {
                    let image = index_of(&[], &own);
                    let put = PutManifest { condition: Condition::Absent, ..tags };
                    let pushed = a.put_manifest(&image, &put).await;
                    if pushed.is_ok() {
                        assert_eq!(pulls(&a, &own).await.as_ref(), Some(image.digest()));
                    }
                    pushed.map(|descriptor| descriptor.digest)
                })
            };
            let tasks: Vec<_> = (0..8).map(push).collect();
            let mut winners = Vec::new();
            for task in tasks {
                match task.await.unwrap() {
                    Ok(digest) => winners.push(digest),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Precondition, "{error}"),
                }
            }
            assert_eq!(winners, [pulls(&a, &shared).await.unwrap()]);
        }
    }
}

#[tokio::test]
async fn new_tags_and_others_are_set_with_one_push() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let first = push_image(&a, "1", &["on", "other"]).await.digest;
    let second = push_image(&a, "2", &["new", "new", "on", "newer", "on"]).await.digest;
    for tag in ["new", "on", "newer"] {
        assert_eq!(pulls(&a, tag).await, Some(second), "{tag}");
    }
    assert_eq!(pulls(&a, "other").await, Some(first));
    assert_eq!(a.tags(None, 10).await.unwrap().items.len(), 4);
    a.delete_manifest(&second).await.unwrap();
    assert_eq!(a.tags(None, 10).await.unwrap().items, ["other".parse().unwrap()]);
}

#[tokio::test]
async fn a_tag_moved_by_many_is_on_one_of_theirs_with_one_edge() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let a = a.clone();
            tokio::spawn(async move {
                a.put_manifest(&index_of(&[], &n.to_string()), &tagged(&["latest"])).await
            })
        })
        .collect();
    let mut pushed = Vec::new();
    for task in tasks {
        pushed.push(task.await.unwrap().unwrap().digest);
    }
    let now = pulls(&a, "latest").await.unwrap();
    assert!(pushed.contains(&now));
    // Deleting all the others leaves the tag alone.
    for digest in pushed.iter().filter(|digest| **digest != now) {
        a.delete_manifest(digest).await.unwrap();
    }
    assert_eq!(pulls(&a, "latest").await, Some(now));
    a.delete_manifest(&now).await.unwrap();
    assert_eq!(pulls(&a, "latest").await, None);
    assert_eq!(a.tags(None, 10).await.unwrap().items, []);
    assert_ne!(now, sha256(b""));
}
