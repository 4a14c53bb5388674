//! Listing tags (L1, L2).

use crate::client::Client;
use crate::server::on_every_store;

async fn push_tags(client: &Client, tags: &[&str]) {
    for tag in tags {
        client.push_image("app", tag, "1").await;
    }
}

#[test]
fn tags_are_listed_in_the_order_of_their_bytes() {
    on_every_store(async |client| {
        let tags = ["v2", "a", "V1", "_x", "v10", "v1", "1.0", "a-b", "a.b", "A", "v1.0"];
        push_tags(&client, &tags).await;
        let mut sorted = tags;
        sorted.sort_unstable();
        assert_eq!(client.tags("app").await, sorted);
        let answer = client.get("/v2/app/tags/list").await.expect(200);
        assert_eq!(answer.json()["name"], "app");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.next_page(), None);
    });
}

#[test]
fn links_lead_through_all_tags() {
    on_every_store(async |client| {
        let tags = ["A", "B.x", "a", "b", "b-c", "b.c", "z"];
        push_tags(&client, &tags).await;
        for n in 1..=8 {
            let mut next = Some(format!("/v2/app/tags/list?n={n}"));
            let mut all = Vec::new();
            while let Some(path) = next {
                let answer = client.get(&path).await.expect(200);
                let page = answer.words("tags");
                next = answer.next_page();
                assert!(page.len() == n || next.is_none(), "{path} has {page:?}");
                all.extend(page);
            }
            assert_eq!(all, tags, "by {n}");
        }
    });
}

#[test]
fn last_is_exclusive_and_need_not_exist() {
    on_every_store(async |client| {
        push_tags(&client, &["a", "c", "e"]).await;
        for (query, expected) in [
            ("last=a", vec!["c", "e"]),
            ("last=b", vec!["c", "e"]),
            ("last=", vec!["a", "c", "e"]),
            ("last=B", vec!["a", "c", "e"]),
            ("last=e", vec![]),
            ("last=zzz", vec![]),
            ("last=a&n=1", vec!["c"]),
            ("n=1&last=d", vec!["e"]),
            ("last=%2F..%2F%00", vec!["a", "c", "e"]),
            ("n=18446744073709551615", vec!["a", "c", "e"]),
        ] {
            let answer = client.get(&format!("/v2/app/tags/list?{query}")).await;
            assert_eq!(answer.expect(200).words("tags"), expected, "{query}");
        }
        client.delete("/v2/app/manifests/c").await.expect(202);
        let answer = client.get("/v2/app/tags/list?last=c").await;
        assert_eq!(answer.expect(200).words("tags"), ["e"]);
    });
}

#[test]
fn no_tags_at_all_may_be_asked_for() {
    on_every_store(async |client| {
        push_tags(&client, &["a", "b"]).await;
        let answer = client.get("/v2/app/tags/list?n=0").await.expect(200);
        assert!(answer.words("tags").is_empty());
        assert_eq!(answer.next_page(), None);
    });
}

#[test]
fn a_number_that_is_none_is_400() {
    on_every_store(async |client| {
        push_tags(&client, &["a"]).await;
        for n in ["x", "-1", "1.5", ""] {
            let answer = client.get(&format!("/v2/app/tags/list?n={n}")).await;
            answer.refused(400, "UNSUPPORTED", &["\"n\"", n]);
        }
    });
}

#[test]
fn a_repository_without_tags_is_not_an_unknown_one() {
    on_every_store(async |client| {
        let unknown = client.get("/v2/app/tags/list").await;
        unknown.refused(404, "NAME_UNKNOWN", &["app"]);
        push_tags(&client, &["a"]).await;
        client.delete("/v2/app/manifests/a").await.expect(202);
        assert!(client.tags("app").await.is_empty());
        let nested = client.get("/v2/app/nested/tags/list").await;
        nested.refused(404, "NAME_UNKNOWN", &["app/nested"]);
    });
}

#[test]
fn many_tags_are_listed_whole_and_in_pages() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        let mut tags: Vec<String> = (0..1200).map(|i| format!("build-{i}")).collect();
        for batch in tags.chunks(100) {
            let image = crate::content::image("1").to_string();
            let digest = crate::content::sha256(&image);
            let path = format!("/v2/app/manifests/{digest}?tag={}", batch.join("&tag="));
            let put = client.put(&path).header("content-type", crate::content::OCI_MANIFEST);
            put.bytes(image).send().await.expect(201);
        }
        tags.sort_unstable();
        assert_eq!(client.tags("app").await, tags);
        let (mut next, mut all) = (Some("/v2/app/tags/list?n=97".to_owned()), Vec::new());
        while let Some(path) = next {
            let answer = client.get(&path).await.expect(200);
            all.extend(answer.words("tags"));
            next = answer.next_page();
        }
        assert_eq!(all, tags);
    });
}
