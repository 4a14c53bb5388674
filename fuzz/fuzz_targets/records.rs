//! Any bytes in place of any stored record: what cannot be read is an error that names it, and
//! nothing panics, nothing else is harmed.

#![no_main]

use std::sync::Arc;

use futures::TryStreamExt;
use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;
use orlop::backend::memory::MemoryRecords;
use orlop::backend::{Entry, Key, Prefix, RandomId, SystemClock, SystemEntropy, envelope};
use orlop::{
    Algorithm, Digest, Environment, Manifest, Options, PutManifest, Registry, Repository, Result,
};

fuzz_target!(|input: (u8, bool, &[u8])| block_on(async {
    let (choice, is_sealed, bytes) = input;
    let records = MemoryRecords::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
    let store = Environment { records: Arc::new(records.clone()), ..Environment::memory() };
    let registry = Registry::open(store.clone(), Options::default()).await.unwrap();
    let repository = registry.repository("a/b".parse().unwrap());
    story(&repository).await.unwrap();

    let mut keys: Vec<Key> = Vec::new();
    for prefix in ["b", "l", "u", "c", "r", "q"] {
        let walk = store.records.walk(&Prefix::new([prefix]).unwrap());
        keys.extend(walk.map_ok(|Entry { key, .. }| key).try_collect::<Vec<_>>().await.unwrap());
    }
    let key = &keys[usize::from(choice) % keys.len()];
    // As a broken medium would leave it, or as a writer with other ideas of the format.
    let stored = match is_sealed {
        true => envelope::seal(key, RandomId::from_bits(1), bytes).to_vec(),
        false => bytes.to_vec(),
    };
    records.damage(key, |old| *old = stored);
    let _ = story(&repository).await;
    let _ = repository.delete_manifest(index().digest()).await;
    let _ = registry.repositories(None, 10).await;
    // Another repository is as good as ever.
    let other = registry.repository("c".parse().unwrap());
    other.put_manifest(&index(), &PutManifest::default()).await.unwrap();
    assert!(other.manifest(&(*index().digest()).into()).await.unwrap().is_some());
}));

fn index() -> Manifest {
    let text = r#"{"schemaVersion":2,"manifests":[]}"#;
    Manifest::parse(text.into(), None, Algorithm::Sha256).unwrap()
}

async fn story(repository: &Repository) -> Result<()> {
    let digest = Digest::of(Algorithm::Sha256, b"hello");
    let mut upload = repository.begin_upload(Algorithm::Sha256).await?;
    upload.write("hel".into()).await?;
    let id = upload.id();
    upload.pause().await?;
    if let Some(mut upload) = repository.resume_upload(&id, Some(3)).await? {
        upload.write("lo".into()).await?;
        upload.commit(&digest).await?;
    }
    repository.blob(&digest).await?;
    let put = PutManifest { tags: vec!["v1".parse()?], ..PutManifest::default() };
    repository.put_manifest(&index(), &put).await?;
    repository.manifest(&"v1".parse()?).await?;
    repository.tags(None, 10).await?;
    repository.referrers(&digest, None, None, 10).await?;
    repository.begin_upload(Algorithm::Sha512).await?.pause().await?;
    Ok(())
}
