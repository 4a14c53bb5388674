//! Listing referrers (L3-L6).

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::client::Client;
use crate::content::{OCI_INDEX, OCI_MANIFEST, descriptor, image, index, referrer, sha256};
use crate::server::on_every_store;

const NOTE: &str = "application/vnd.example.note";
const SBOM: &str = "application/vnd.example.sbom+json";

fn digests(answer: &Answer) -> Vec<String> {
    let list = answer.json();
    let list = list["manifests"].as_array().expect("a list").clone();
    let digests = list.iter().map(|item| item["digest"].as_str().expect("a digest"));
    digests.map(str::to_owned).collect()
}

async fn push(client: &Client, manifest: &Value) -> String {
    let digest = sha256(manifest.to_string());
    client.put_manifest("app", &digest, manifest).await.expect(201);
    digest
}

#[test]
fn what_nobody_refers_to_has_an_empty_list() {
    on_every_store(async |client| {
        let path = format!("/v2/app/referrers/{}", sha256("unknown"));
        let answer = client.get(&path).await.expect(200);
        assert_eq!(answer.header("content-type"), OCI_INDEX);
        let empty = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []});
        assert_eq!(answer.json(), empty);
        assert_eq!(answer.maybe_header("link"), None);
        assert_eq!(answer.maybe_header("oci-filters-applied"), None);
    });
}

#[test]
fn a_referrer_is_listed_with_all_that_is_known_of_it() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        client.push_blob("app", "[]").await;
        let subject = sha256(image("1").to_string());
        let typed = referrer("typed", NOTE, image("1").to_string());
        let mut untyped = referrer("untyped", "", image("1").to_string());
        untyped["config"] = descriptor(SBOM, "[]");
        let mut list = index(&[]);
        list["subject"] = descriptor(OCI_MANIFEST, image("1").to_string());
        // Pushed before their subject, which makes no difference.
        let mut expected = vec![
            json!({
                "mediaType": OCI_MANIFEST,
                "digest": push(&client, &typed).await,
                "size": typed.to_string().len(),
                "artifactType": NOTE,
                "annotations": {"note": "typed"},
            }),
            json!({
                "mediaType": OCI_MANIFEST,
                "digest": push(&client, &untyped).await,
                "size": untyped.to_string().len(),
                "artifactType": SBOM,
                "annotations": {"note": "untyped"},
            }),
            json!({
                "mediaType": OCI_INDEX,
                "digest": push(&client, &list).await,
                "size": list.to_string().len(),
            }),
        ];
        expected.sort_by_key(|item| item["digest"].to_string());
        for _ in 0..2 {
            let answer = client.get(&format!("/v2/app/referrers/{subject}")).await;
            assert_eq!(answer.expect(200).json()["manifests"], json!(expected));
            client.push_image("app", "v1", "1").await;
        }
        let elsewhere = client.get(&format!("/v2/other/referrers/{subject}")).await;
        assert!(digests(&elsewhere.expect(200)).is_empty());
    });
}

#[test]
fn a_filter_leaves_those_of_its_type() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        let note = push(&client, &referrer("a", NOTE, "subject")).await;
        let sbom = push(&client, &referrer("b", SBOM, "subject")).await;
        let path = format!("/v2/app/referrers/{}?artifactType=", sha256("subject"));
        let encoded = SBOM.replace('/', "%2F").replace('+', "%2B");
        for (filter, expected) in [
            (NOTE, vec![note]),
            (&encoded, vec![sbom]),
            ("application/vnd.example.other", vec![]),
            ("no-type", vec![]),
        ] {
            let answer = client.get(&format!("{path}{filter}")).await.expect(200);
            assert_eq!(digests(&answer), expected, "{filter}");
            assert_eq!(answer.header("oci-filters-applied"), "artifactType");
        }
    });
}

#[test]
fn a_deleted_referrer_is_not_listed() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        let digest = push(&client, &referrer("a", NOTE, "subject")).await;
        client.delete(&format!("/v2/app/manifests/{digest}")).await.expect(202);
        let path = format!("/v2/app/referrers/{}", sha256("subject"));
        assert!(digests(&client.get(&path).await.expect(200)).is_empty());
    });
}

/// Follows the links, and makes sure that each page is one that clients take.
async fn all_pages(client: &Client, query: &str) -> (Vec<String>, usize) {
    let mut next = Some(format!("/v2/app/referrers/{}{query}", sha256("subject")));
    let (mut all, mut pages) = (Vec::new(), 0);
    while let Some(path) = next {
        let answer = client.get(&path).await.expect(200);
        assert_eq!(answer.maybe_header("oci-filters-applied").is_some(), !query.is_empty());
        let size = answer.body.len();
        assert!(size <= 4 << 20, "an answer of {size} bytes is larger than a manifest may be");
        all.extend(digests(&answer));
        pages += 1;
        next = answer.next_page();
    }
    (all, pages)
}

#[test]
fn many_referrers_come_in_pages() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        let (mut notes, mut all) = (Vec::new(), Vec::new());
        for i in 0..120 {
            let artifact_type = if i % 2 == 0 { NOTE } else { SBOM };
            let annotation = format!("{i} {}", "x".repeat(30_000));
            let digest = push(&client, &referrer(&annotation, artifact_type, "subject")).await;
            if i % 2 == 0 {
                notes.push(digest.clone());
            }
            all.push(digest);
        }
        notes.sort_unstable();
        all.sort_unstable();
        let (found, pages) = all_pages(&client, "").await;
        assert_eq!(found, all);
        assert!(pages > 1);
        let (found, _) = all_pages(&client, &format!("?artifactType={NOTE}")).await;
        assert_eq!(found, notes);
    });
}

#[test]
fn referrers_with_large_annotations_come_in_pages_that_a_client_takes() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        let mut all = Vec::new();
        for i in 0..12 {
            let annotation = format!("{i} {}", "x".repeat(1_000_000));
            all.push(push(&client, &referrer(&annotation, NOTE, "subject")).await);
        }
        all.sort_unstable();
        let (found, _) = all_pages(&client, "").await;
        assert_eq!(found, all);
    });
}
