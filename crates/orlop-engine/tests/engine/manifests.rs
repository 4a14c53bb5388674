//! Manifests: pushes, referrers, deletes.

use bytes::Bytes;
use orlop_engine::{Condition, Deletes, ErrorKind, Options, PutManifest, References, Registry};
use orlop_oci::{Algorithm, Manifest};

use crate::fixture::{
    image_of, index_of, keys, kind, new_registry, new_store, open, options, pulls, push_blob,
    push_image, repository, sha256, tagged,
};

#[tokio::test]
async fn the_exact_bytes_come_back() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let text = Bytes::from("{ \"schemaVersion\":2,\n\t\"manifests\" : [ ], \"x\": \"\\n\" }\n\n");
    for algorithm in Algorithm::ALL {
        let index = Manifest::parse(text.clone(), None, algorithm).unwrap();
        let descriptor = a.put_manifest(&index, &PutManifest::default()).await.unwrap();
        assert_eq!(descriptor.digest.algorithm(), algorithm);
        let pulled = a.manifest(&descriptor.digest.into()).await.unwrap().unwrap();
        assert_eq!(pulled.bytes, text);
        assert_eq!(pulled.descriptor, index.descriptor());
    }
}

#[tokio::test]
async fn what_may_be_missing_is_a_policy() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let image = image_of(&sha256(b"missing"), None);
    let index = index_of(&[&image], "");
    let put = |references| PutManifest { references: Some(references), ..Default::default() };
    for (manifest, policy, is_fine) in [
        (&image, References::Complete, false),
        (&image, References::Sparse, false),
        (&index, References::Complete, false),
        (&index, References::Sparse, true),
        (&image, References::Unchecked, true),
        (&index, References::Complete, true), // its child is there by now
    ] {
        let result = a.put_manifest(manifest, &put(policy)).await;
        assert_eq!(result.is_ok(), is_fine, "{policy:?}");
        if !is_fine {
            assert_eq!(kind(result), ErrorKind::ManifestBlobUnknown);
        }
        if policy == References::Sparse && is_fine {
            a.delete_manifest(index.digest()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_manifest_over_the_limit_is_refused() {
    let options = Options { manifest_bytes_max: 100, ..options() };
    let registry = Registry::open(new_store().await, options).await.unwrap();
    let a = repository(&registry, "a");
    let large = index_of(&[], &"x".repeat(100));
    let error = a.put_manifest(&large, &PutManifest::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ManifestTooLarge);
    assert!(error.to_string().contains("at most 100"), "{error}");
    a.put_manifest(&index_of(&[], "x"), &PutManifest::default()).await.unwrap();
}

#[tokio::test]
async fn deleting_a_manifest_takes_all_its_tags_for_good() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let digest = push_image(&a, "one", &["v1", "v1.0", "latest"]).await.digest;
    push_image(&a, "two", &["v2", "latest"]).await;
    assert!(a.delete_manifest(&digest).await.unwrap());
    assert!(!a.delete_manifest(&digest).await.unwrap());
    for gone in ["v1", "v1.0", &digest.to_string()] {
        assert_eq!(pulls(&a, gone).await, None);
    }
    let tags = a.tags(None, 10).await.unwrap().items;
    assert_eq!(tags.iter().map(orlop_oci::Tag::as_str).collect::<Vec<_>>(), ["latest", "v2"]);
    // Pushing the same manifest again brings no tag back.
    push_image(&a, "one", &["new"]).await;
    assert_eq!(pulls(&a, "v1").await, None);
    assert_eq!(pulls(&a, "new").await, Some(digest));
    assert_eq!(pulls(&a, "latest").await, pulls(&a, "v2").await);
}

#[tokio::test]
async fn a_delete_leaves_no_edge_and_no_record() {
    let environment = new_store().await;
    let registry = open(environment.clone()).await;
    let a = repository(&registry, "a");
    let child = push_image(&a, "one", &[]).await;
    let subject = push_image(&a, "two", &[]).await;
    let image = image_of(&push_blob(&a, "three").await.unwrap(), Some(&subject.digest));
    let child = a.manifest(&child.digest.into()).await.unwrap().unwrap();
    let child = Manifest::parse(child.bytes, None, Algorithm::Sha256).unwrap();
    let index = index_of(&[&child, &image], "");
    a.put_manifest(&image, &tagged(&["i"])).await.unwrap();
    a.put_manifest(&index, &tagged(&["x", "y"])).await.unwrap();
    for digest in [index.digest(), image.digest(), child.digest(), &subject.digest] {
        assert!(a.delete_manifest(digest).await.unwrap());
    }
    for prefix in ["r", "e"] {
        assert_eq!(keys(&environment, prefix).await, []);
    }
}

#[tokio::test]
async fn referrers_are_listed_with_type_and_annotations_even_before_their_subject() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let blob = push_blob(&a, "hello").await.unwrap();
    let subject = image_of(&blob, None);
    assert_eq!(a.referrers(subject.digest(), None, None, 10).await.unwrap().items, []);
    let text = format!(
        r#"{{"schemaVersion":2,"manifests":[],"artifactType":"a/b","annotations":{{"k":"v"}},
        "subject":{{"mediaType":"x/y","digest":"{}","size":1}}}}"#,
        subject.digest()
    );
    let artifact = Manifest::parse(text.into(), None, Algorithm::Sha256).unwrap();
    let by_config = image_of(&blob, Some(subject.digest()));
    a.put_manifest(&artifact, &PutManifest::default()).await.unwrap();
    a.put_manifest(&by_config, &PutManifest::default()).await.unwrap();
    a.put_manifest(&subject, &PutManifest::default()).await.unwrap();

    let mut expected = [artifact.descriptor(), by_config.descriptor()];
    expected.sort_by_key(|descriptor| descriptor.digest);
    let all = a.referrers(subject.digest(), None, None, 10).await.unwrap();
    assert_eq!(all.items, expected);
    assert_eq!(artifact.descriptor().annotations["k"], "v");
    let filter = "a/b".parse().unwrap();
    let some = a.referrers(subject.digest(), Some(&filter), None, 10).await.unwrap();
    assert_eq!(some.items, [artifact.descriptor()]);
    assert_eq!(some.next, None);

    a.delete_manifest(artifact.digest()).await.unwrap();
    let left = a.referrers(subject.digest(), None, None, 10).await.unwrap();
    assert_eq!(left.items, [by_config.descriptor()]);
    // The subject goes; what is about it stays.
    a.delete_manifest(subject.digest()).await.unwrap();
    assert_eq!(a.referrers(subject.digest(), None, None, 10).await.unwrap(), left);
}

#[tokio::test]
async fn what_is_not_deletable_is_not_deleted() {
    let options = Options { deletes: Deletes::Refused, ..options() };
    let registry = Registry::open(new_store().await, options).await.unwrap();
    let a = repository(&registry, "a");
    let digest = push_image(&a, "one", &["v1"]).await.digest;
    assert_eq!(kind(a.delete_manifest(&digest).await), ErrorKind::Unsupported);
    assert_eq!(
        kind(a.delete_tag(&"v1".parse().unwrap(), Condition::Any).await),
        ErrorKind::Unsupported
    );
    assert_eq!(kind(a.delete_blob(&sha256(b"one")).await), ErrorKind::Unsupported);
    assert_eq!(pulls(&a, "v1").await, Some(digest));
}

#[tokio::test]
async fn pushes_and_deletes_of_one_manifest_at_once_leave_it_whole_or_gone() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let blob = push_blob(&a, "hello").await.unwrap();
    let image = image_of(&blob, None);
    for _ in 0..200 {
        let put = tagged(&["v1"]);
        let (put, delete) =
            tokio::join!(a.put_manifest(&image, &put), a.delete_manifest(image.digest()));
        delete.unwrap();
        let is_there = pulls(&a, &image.digest().to_string()).await.is_some();
        let tags = a.tags(None, 10).await.unwrap().items.len();
        match put {
            Ok(_) => assert!(is_there || tags == 0),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ManifestUnknown, "{error}"),
        }
        assert_eq!(pulls(&a, "v1").await.is_some(), tags == 1);
        assert!(a.blob(&blob).await.unwrap().is_some());
    }
}
