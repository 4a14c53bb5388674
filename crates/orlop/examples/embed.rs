//! The engine without HTTP: uploads in chunks, forgets everything in the middle, goes on, puts a
//! manifest, tags it, and reads it all back.
//!
//! `cargo run -p orlop --example embed`

use futures::TryStreamExt;
use orlop::fs::FsOptions;
use orlop::{Algorithm, Digest, Manifest, MediaType, Options, PutManifest, Registry, UploadId};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let layer: Vec<u8> = (0..10_000_000u32).map(|n| (n % 251) as u8).collect();
    let middle = layer.len() / 2;

    // The first half. Only the upload's id leaves this block; everything else is dropped, as if
    // the process had been killed.
    let id: UploadId = {
        let registry = open(&directory).await?;
        let repository = registry.repository("library/app".parse()?);
        let mut upload = repository.begin_upload(Algorithm::Sha256).await?;
        for chunk in layer[..middle].chunks(1 << 20) {
            upload.write(chunk.to_vec().into()).await?;
        }
        let id = upload.id();
        println!("paused at byte {}", upload.pause().await?);
        id
    };

    // The second half, from the same directory: here, or in any other process.
    let registry = open(&directory).await?;
    let repository = registry.repository("library/app".parse()?);
    let mut upload = repository.resume_upload(&id, None).await?.ok_or("the upload is gone")?;
    let offset = usize::try_from(upload.offset())?;
    println!("going on at byte {offset}");
    upload.write(layer[offset..].to_vec().into()).await?;
    let digest = Digest::of(Algorithm::Sha256, &layer);
    let blob = upload.commit(&digest).await?;
    println!("committed {} ({} bytes)", blob.digest, blob.size);

    // A manifest that refers to it, with two tags.
    let config = Digest::of(Algorithm::Sha256, b"{}");
    let mut upload = repository.begin_upload_of(&config).await?;
    upload.write("{}".into()).await?;
    upload.commit(&config).await?;
    let text = format!(
        r#"{{
            "schemaVersion": 2,
            "mediaType": "{}",
            "config": {{"mediaType": "application/vnd.oci.empty.v1+json", "digest": "{config}", "size": 2}},
            "layers": [{{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "{digest}", "size": {}}}]
        }}"#,
        MediaType::OCI_MANIFEST,
        blob.size,
    );
    let manifest = Manifest::parse(text.into(), None, Algorithm::Sha256)?;
    let put =
        PutManifest { tags: vec!["v1".parse()?, "latest".parse()?], ..PutManifest::default() };
    repository.put_manifest(&manifest, &put).await?;

    // And back.
    let pulled = repository.manifest(&"latest".parse()?).await?.ok_or("no manifest")?;
    assert_eq!(&pulled.bytes, manifest.bytes());
    let blob = repository.blob(&digest).await?.ok_or("no blob")?;
    let pieces: Vec<bytes::Bytes> = blob.read(0..u64::MAX).await?.try_collect().await?;
    assert_eq!(pieces.concat(), layer);
    let tags = repository.tags(None, 100).await?;
    println!("{} has the tags {:?}", repository.name(), tags.items);
    Ok(())
}

async fn open(directory: &tempfile::TempDir) -> Result<Registry> {
    let store = orlop::fs::open(directory.path(), &FsOptions::default())?;
    Ok(Registry::open(store, Options::default()).await?)
}
