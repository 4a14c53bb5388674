//! Trying whether a store means its conditions, before anything is entrusted to it.

use object_store::path::Path;
use orlop_backend::{Entropy, Error, ErrorKind, Result};

use crate::bucket::{Bucket, ObjectVersion, Put};
use crate::retry::Budget;

/// The bucket, set up for how its store understands conditions. Fails with
/// [`ErrorKind::Misuse`] if the store ignores them: two writers would destroy each other's work,
/// and both would be told that all is well.
pub(crate) async fn trusted(mut bucket: Bucket, entropy: &dyn Entropy) -> Result<Bucket> {
    let path = bucket.layout.probe(entropy.random_id()?);
    let trial = trial(&mut bucket, &path).await;
    if trial.is_err() {
        let _ = bucket.delete(vec![path]).await; // the trial's own error says more
    }
    trial.map(|()| bucket)
}

async fn trial(bucket: &mut Bucket, path: &Path) -> Result<()> {
    let Put::Stored(first) = put(bucket, path, None, "1").await? else {
        return Err(untrusted(bucket, "it refuses to create an object that is not there"));
    };
    if let Put::Stored(_) = put(bucket, path, None, "2").await? {
        return Err(untrusted(bucket, "it overwrites an object in spite of If-None-Match"));
    }
    let mut replaced = put(bucket, path, Some(&first), "3").await?;
    if let Put::Refused = replaced {
        bucket.habits.unquoted = true;
        replaced = put(bucket, path, Some(&first), "3").await?;
    }
    let Put::Stored(second) = replaced else {
        return Err(untrusted(bucket, "it refuses to replace an object that If-Match names"));
    };
    if let Put::Stored(_) = put(bucket, path, Some(&first), "4").await? {
        return Err(untrusted(bucket, "it overwrites an object in spite of If-Match"));
    }
    bucket.habits.deletes_if = deletes_if(bucket, path, &first, &second).await?;
    if !bucket.habits.deletes_if {
        tracing::info!(%bucket, "no conditional deletes here: a removed record leaves a tombstone");
    }
    bucket.delete(vec![path.clone()]).await
}

/// Whether a delete on a condition is refused when it should be, and obeyed when it should be.
async fn deletes_if(
    bucket: &Bucket,
    path: &Path,
    stale: &ObjectVersion,
    newest: &ObjectVersion,
) -> Result<bool> {
    if bucket.delete_if(path, stale).await.unwrap_or(true) {
        return Ok(false);
    }
    match bucket.get(path).await? {
        Some(object) if object.bytes == "3" => {
            Ok(bucket.delete_if(path, newest).await.unwrap_or(false))
        }
        _ => Ok(false),
    }
}

/// A conditional write whose outcome is known: nobody else writes here.
async fn put(
    bucket: &Bucket,
    path: &Path,
    expected: Option<&ObjectVersion>,
    text: &'static str,
) -> Result<Put> {
    let mut budget = Budget::new();
    loop {
        match bucket.put_if(path, expected, text.into()).await? {
            Put::Unknown(error) => {
                if let Some(object) = bucket.get(path).await?
                    && object.bytes == text
                {
                    return Ok(Put::Stored(object.version));
                }
                if !budget.pause().await {
                    return Err(error);
                }
            }
            known => return Ok(known),
        }
    }
}

fn untrusted(bucket: &Bucket, reason: &str) -> Error {
    let message = format!(
        "{bucket} cannot keep a store: {reason}. Use a server with conditional writes, as AWS S3, \
         Google Cloud Storage, Azure, Cloudflare R2, MinIO, Ceph and SeaweedFS have them"
    );
    Error::new(ErrorKind::Misuse, message)
}
