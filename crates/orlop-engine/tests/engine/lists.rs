//! Lists in pages.

use crate::fixture::{index_of, new_registry, repository, tagged};

#[tokio::test]
async fn tags_come_in_the_order_of_their_bytes_page_by_page() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let ordered = ["1", "A", "B", "_", "a", "a-b", "a.b", "b"];
    let tags: Vec<&str> = ordered.iter().rev().copied().collect();
    a.put_manifest(&index_of(&[], ""), &tagged(&tags)).await.unwrap();
    for limit in 1..=ordered.len() + 1 {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = a.tags(after.as_deref(), limit).await.unwrap();
            assert!(page.items.len() == limit || page.next.is_none());
            all.extend(page.items.iter().map(ToString::to_string));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(all, ordered);
    }
    assert_eq!(a.tags(None, 0).await.unwrap().items, []);
    let behind = a.tags(Some("AA"), 10).await.unwrap();
    assert_eq!(behind.items[0].as_str(), "B");
}

#[tokio::test]
async fn repositories_come_directly_before_those_nested_in_them() {
    let registry = new_registry().await;
    let ordered = ["a", "a/b", "a/b/c", "a-b", "a.b", "a0", "b"];
    for name in ordered.iter().rev() {
        let repository = repository(&registry, name);
        repository.put_manifest(&index_of(&[], ""), &tagged(&[])).await.unwrap();
    }
    let (mut all, mut after): (Vec<String>, _) = (Vec::new(), None);
    loop {
        let page = registry.repositories(after.as_deref(), 2).await.unwrap();
        all.extend(page.items.iter().map(ToString::to_string));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(all, ordered);
    let behind = registry.repositories(Some("a/bb"), 1).await.unwrap();
    assert_eq!(behind.items[0].as_str(), "a-b");
}

#[tokio::test]
async fn nested_names_share_nothing() {
    let registry = new_registry().await;
    let (outer, inner) = (repository(&registry, "a"), repository(&registry, "a/t"));
    inner.put_manifest(&index_of(&[], ""), &tagged(&["v1"])).await.unwrap();
    assert!(!outer.exists().await.unwrap());
    assert_eq!(outer.tags(None, 10).await.unwrap().items, []);
    assert!(outer.manifest(&"v1".parse().unwrap()).await.unwrap().is_none());
}
