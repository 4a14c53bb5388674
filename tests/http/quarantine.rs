//! A blob that a scrub took out of service: what clients see of it, and how their next push heals
//! it.

use std::fs;
use std::path::{Path, PathBuf};

use orlop::fs::FsOptions;
use orlop::{Options, Registry, ScrubOptions, Scrubbed};
use serde_json::{Value, json};

use crate::client::Client;
use crate::content::{OCI_MANIFEST, OCTET_STREAM, descriptor, noise, sha256};
use crate::server::on_directory;

/// As another process does it that has the same directory.
async fn quarantine(root: &Path) -> Scrubbed {
    let store = orlop::fs::open(root, &FsOptions { durable: false }).expect("a store");
    let registry = Registry::open(store, Options::default()).await.expect("a registry");
    let options = ScrubOptions { quarantine: true, ..ScrubOptions::default() };
    registry.scrub(&options, &()).await.expect("a scrub")
}

fn extents(root: &Path) -> Vec<PathBuf> {
    let read = |path: &Path| fs::read_dir(path).expect("a directory");
    let folders = read(&root.join("extents")).map(|folder| folder.expect("an entry").path());
    folders.flat_map(|folder| read(&folder).map(|file| file.expect("an entry").path())).collect()
}

fn image(layer: &[u8]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCTET_STREAM, "config"),
        "layers": [descriptor(OCTET_STREAM, layer)],
    })
}

/// As clients do it: asks for each blob, sends those that are not there, and then the manifest.
async fn push(client: &Client, name: &str, layer: &[u8]) -> usize {
    let mut sent = 0;
    for blob in [b"config", layer] {
        let path = format!("/v2/{name}/blobs/{}", sha256(blob));
        let answer = client.head(&path).await;
        if answer.status == 200 {
            continue;
        }
        answer.expect(404);
        client.push_blob(name, blob.to_vec()).await;
        sent += 1;
    }
    client.put_manifest(name, "latest", &image(layer)).await.expect(201);
    sent
}

#[test]
fn an_ordinary_push_heals_every_repository() {
    on_directory(&async |client, root| {
        let layer = noise(8, 30_000);
        let digest = sha256(&layer);
        assert_eq!(push(&client, "team/app", &layer).await, 2);
        for name in ["fork", "team/copy"] {
            for blob in [sha256("config"), digest.clone()] {
                let mount = format!("/v2/{name}/blobs/uploads/?mount={blob}&from=team/app");
                client.post(&mount).send().await.expect(201);
            }
            assert_eq!(push(&client, name, &layer).await, 0);
        }
        let names = ["team/app", "fork", "team/copy"];
        assert_eq!(quarantine(root).await.damaged(), 0);
        // One bit.
        let is_layer = |file: &PathBuf| fs::read(file).is_ok_and(|bytes| bytes == layer);
        let file = extents(root).into_iter().find(is_layer).expect("the layer");
        let mut spoilt = layer.to_vec();
        spoilt[1234] ^= 4;
        fs::write(&file, spoilt).expect("a damaged extent");

        let scrubbed = quarantine(root).await;
        assert_eq!(scrubbed.damaged(), 1, "{scrubbed:#?}");
        assert_eq!(scrubbed.damage.kept[0].affected.repositories.count, 3);
        for name in names {
            client.head(&format!("/v2/{name}/blobs/{digest}")).await.expect(404);
            client.get_blob(name, &digest).await.refused(404, "BLOB_UNKNOWN", &[]);
            let answer = client.put_manifest(name, "new", &image(&layer)).await;
            // It is there already, with what it refers to, as far as anybody was told.
            answer.expect(201);
            let mut other = image(&layer);
            other["annotations"] = json!({"note": "new"});
            let answer = client.put_manifest(name, "other", &other).await;
            answer.refused(404, "MANIFEST_BLOB_UNKNOWN", &[&digest]);
        }

        assert_eq!(push(&client, "fork", &layer).await, 1);
        for name in names {
            assert_eq!(client.get_blob(name, &digest).await.expect(200).body, layer);
            assert_eq!(push(&client, name, &layer).await, 0);
        }
        assert!(quarantine(root).await.is_sound());
    });
}
