//! The list of repositories (L8).

use crate::server::on_every_store;

#[test]
fn the_catalog_lists_a_repository_before_those_nested_in_it() {
    on_every_store(async |client| {
        let names = ["a", "a/b", "a/b/c", "a/z", "a-b", "a.b", "a0", "b"];
        for name in names.iter().rev() {
            client.push_image(name, "v1", "1").await;
        }
        let answer = client.get("/v2/_catalog").await.expect(200);
        assert_eq!(answer.words("repositories"), names);
        assert_eq!(answer.next_page(), None);
    });
}

#[test]
fn links_lead_through_the_catalog() {
    on_every_store(async |client| {
        let names = ["a", "a/b", "a/b/c", "a/z", "a-b", "a.b", "a0", "b"];
        for name in names {
            client.push_image(name, "v1", "1").await;
        }
        for n in 1..=9 {
            let (mut next, mut all) = (Some(format!("/v2/_catalog?n={n}")), Vec::new());
            while let Some(path) = next {
                let answer = client.get(&path).await.expect(200);
                let page = answer.words("repositories");
                next = answer.next_page();
                assert!(page.len() == n || next.is_none(), "{path} has {page:?}");
                all.extend(page);
            }
            assert_eq!(all, names, "by {n}");
        }
        let answer = client.get("/v2/_catalog?n=0").await.expect(200);
        assert!(answer.words("repositories").is_empty());
        assert_eq!(answer.next_page(), None);
        let answer = client.get("/v2/_catalog?last=a/c").await.expect(200);
        assert_eq!(answer.words("repositories"), ["a/z", "a-b", "a.b", "a0", "b"]);
    });
}

#[test]
fn a_repository_with_nothing_but_blobs_is_not_listed() {
    on_every_store(async |client| {
        client.push_blob("only/blobs", "blob").await;
        let answer = client.get("/v2/_catalog").await.expect(200);
        assert!(answer.words("repositories").is_empty());
        let tags = client.get("/v2/only/blobs/tags/list").await;
        tags.refused(404, "NAME_UNKNOWN", &["only/blobs"]);
    });
}
