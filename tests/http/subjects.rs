//! Manifests that are about others (M2, M5).

use crate::content::{OCI_MANIFEST, descriptor, image, index, referrer, sha256};
use crate::server::on_every_store;

const NOTE: &str = "application/vnd.example.note";

#[test]
fn a_subject_is_named_in_the_answer() {
    on_every_store(async |client| {
        let subject = client.push_image("app", "v1", "1").await;
        let about = referrer("a", NOTE, image("1").to_string());
        let answer = client.put_manifest("app", "note", &about).await.expect(201);
        assert_eq!(answer.header("oci-subject"), subject);
        let mut about = index(&[]);
        about["subject"] = descriptor(OCI_MANIFEST, image("1").to_string());
        let answer = client.put_manifest("app", "index", &about).await.expect(201);
        assert_eq!(answer.header("oci-subject"), subject);
    });
}

#[test]
fn a_subject_need_not_be_there() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        let about = referrer("a", NOTE, "never pushed");
        let answer = client.put_manifest("app", "note", &about).await.expect(201);
        assert_eq!(answer.header("oci-subject"), sha256("never pushed"));
        client.get_manifest("app", &sha256("never pushed")).await.expect(404);
    });
}

#[test]
fn a_chain_of_subjects_lists_and_deletes_link_by_link() {
    on_every_store(async |client| {
        client.push_blob("app", "{}").await;
        let c = image("c");
        let b = referrer("b", NOTE, c.to_string());
        let a = referrer("a", NOTE, b.to_string());
        let digest = |manifest: &serde_json::Value| sha256(manifest.to_string());
        for manifest in [&a, &b, &c] {
            client.put_manifest("app", &digest(manifest), manifest).await.expect(201);
        }
        let referrers = async |of: &serde_json::Value| -> Vec<String> {
            let path = format!("/v2/app/referrers/{}", digest(of));
            let list = client.get(&path).await.expect(200).json();
            let list = list["manifests"].as_array().unwrap().clone();
            list.iter().map(|item| item["digest"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(referrers(&c).await, [digest(&b)]);
        assert_eq!(referrers(&b).await, [digest(&a)]);
        assert!(referrers(&a).await.is_empty());

        let path = format!("/v2/app/manifests/{}", digest(&b));
        client.delete(&path).await.expect(202);
        assert!(referrers(&c).await.is_empty());
        assert_eq!(referrers(&b).await, [digest(&a)]);
        for left in [&a, &c] {
            client.get_manifest("app", &digest(left)).await.expect(200);
            client.delete(&format!("/v2/app/manifests/{}", digest(left))).await.expect(202);
        }
        assert!(referrers(&b).await.is_empty());

        client.put_manifest("app", &digest(&b), &b).await.expect(201);
        assert_eq!(referrers(&c).await, [digest(&b)]);
        assert!(referrers(&b).await.is_empty());
    });
}
