//! Records that were damaged on disk: they are never taken for what they were, and they hurt
//! nobody else.

use std::fs;
use std::path::Path;

use crate::content::sha256;
use crate::server::on_directory;

/// Cuts a record in various places, and looks each time at what a client gets.
async fn spoil(record: &Path, get: impl AsyncFn()) {
    let whole = fs::read(record).expect("the record");
    for length in [whole.len() - 1, whole.len() / 2, 40, 8, 0] {
        fs::write(record, &whole[..length]).expect("a damaged record");
        get().await;
    }
    fs::write(record, &whole).expect("the record as it was");
}

#[test]
fn a_truncated_manifest_is_500_and_all_others_are_served() {
    on_directory(&async |client, root| {
        let bad = client.push_image("lib/app", "bad", "1").await;
        let good = client.push_image("lib/app", "good", "2").await;
        let name = bad.replace(':', "-");
        let key = format!("r/lib!app/m/{name}");
        let record = root.join("records").join(&key);
        spoil(&record, async || {
            for reference in [bad.as_str(), "bad"] {
                let answer = client.get_manifest("lib/app", reference).await;
                answer.refused(500, "UNKNOWN", &[&key]);
            }
            for reference in [good.as_str(), "good"] {
                client.get_manifest("lib/app", reference).await.expect(200);
            }
            assert_eq!(client.tags("lib/app").await, ["bad", "good"]);
        })
        .await;
        client.get_manifest("lib/app", "bad").await.expect(200);
    });
}

#[test]
fn a_truncated_blob_record_is_500_and_all_others_are_served() {
    on_directory(&async |client, root| {
        let bad = client.push_blob("app", "bad").await;
        let good = client.push_blob("app", "good").await;
        let hex = bad.strip_prefix("sha256:").unwrap();
        let key = format!("b/sha256/{}/{hex}", &hex[..2]);
        let record = root.join("records").join(&key);
        spoil(&record, async || {
            client.get_blob("app", &bad).await.refused(500, "UNKNOWN", &[&key]);
            let mount = format!("/v2/other/blobs/uploads/?mount={bad}&from=app");
            client.post(&mount).send().await.refused(500, "UNKNOWN", &[&key]);
            client.delete(&format!("/v2/app/blobs/{bad}")).await.refused(500, "UNKNOWN", &[&key]);
            assert_eq!(client.get_blob("app", &good).await.expect(200).body, "good");
        })
        .await;
        assert_eq!(client.get_blob("app", &bad).await.expect(200).body, "bad");
    });
}

#[test]
fn a_truncated_tag_is_500_and_its_manifest_is_served() {
    on_directory(&async |client, root| {
        let digest = client.push_image("app", "v1", "1").await;
        spoil(&root.join("records/r/app/t/v1"), async || {
            client.get_manifest("app", "v1").await.refused(500, "UNKNOWN", &["r/app/t/v1"]);
            client.get_manifest("app", &digest).await.expect(200);
        })
        .await;
    });
}

#[test]
fn a_truncated_session_is_500_and_others_go_on() {
    on_directory(&async |client, root| {
        let bad = client.begin_with("app", "hello").await;
        let good = client.begin_with("app", "hello").await;
        let id = bad.location.rsplit('/').next().unwrap();
        let key = format!("u/{id}");
        spoil(&root.join("records").join(&key), async || {
            bad.status().await.refused(500, "UNKNOWN", &[&key]);
            bad.chunk(5, "!").await.refused(500, "UNKNOWN", &[&key]);
            assert_eq!(good.offset().await, 5);
        })
        .await;
        for session in [&bad, &good] {
            session.finish(&sha256("hello")).await.expect(201);
        }
    });
}

/// One record that came to lie under the name of another one is as bad as a torn one.
#[test]
fn a_record_under_another_name_is_500() {
    on_directory(&async |client, root| {
        let one = client.push_image("app", "one", "1").await.replace(':', "-");
        let other = client.push_image("app", "other", "2").await.replace(':', "-");
        let dir = root.join("records/r/app/m");
        fs::copy(dir.join(&one), dir.join(&other)).unwrap();
        let answer = client.get_manifest("app", "other").await;
        answer.refused(500, "UNKNOWN", &[&format!("r/app/m/{other}")]);
        client.get_manifest("app", "one").await.expect(200);
    });
}
