//! Uploads a blob: in one go, or in chunks that different processes take.

use orlop_engine::{Error, ErrorKind, Repository, Result, UploadId};
use orlop_oci::Algorithm;

use crate::catalog::{CATALOG, Content};
use crate::world::World;

/// Uploads a blob, and remembers that its client was told that it is there.
pub(super) async fn blob(world: &World, repository: usize, blob: usize) -> Result<()> {
    let (stage, told) = (&world.stage, &world.told);
    let content = &CATALOG.blobs[blob];
    let (since, asked_at) = if stage.dice.one_in(2) {
        let begun = (told.look_at_blob(stage, (repository, blob)), stage.now());
        world.ask_repository(repository, async |asked| in_one_go(asked, content).await).await?;
        begun
    } else {
        let id = if stage.dice.one_in(2) {
            begin(world, repository, content).await?
        } else {
            offered(world, repository).await?
        };
        in_chunks(world, repository, blob, id).await?
    };
    told.promise_blob(stage, (repository, blob), since, asked_at);
    Ok(())
}

async fn in_one_go(repository: &Repository, content: &Content) -> Result<()> {
    let mut upload = repository.begin_upload_of(&content.digest).await?;
    upload.write(content.bytes.into()).await?;
    upload.commit(&content.digest).await.map(drop)
}

/// The beginning of it, and what the upload is called.
async fn begin(world: &World, repository: usize, content: &Content) -> Result<UploadId> {
    let first = world.stage.dice.throw(content.bytes.len());
    let begun = async |asked: &Repository| {
        let mut upload = asked.begin_upload(Algorithm::Sha256).await?;
        let id = upload.id();
        world.uploads.borrow_mut().push((repository, id));
        upload.write(content.bytes[..first].into()).await?;
        upload.pause().await?;
        Ok(id)
    };
    world.ask_repository(repository, begun).await
}

/// What an upload may begin as, wherever its first chunk goes.
async fn offered(world: &World, repository: usize) -> Result<UploadId> {
    let offer = async |asked: &Repository| {
        let id = asked.new_upload_id(Algorithm::Sha256)?;
        world.uploads.borrow_mut().push((repository, id));
        Ok(id)
    };
    world.ask_repository(repository, offer).await
}

/// The rest of it, each time in another process; says what was known of the blob's deletes before
/// it was ended, and when that was.
async fn in_chunks(
    world: &World,
    repository: usize,
    blob: usize,
    mut id: UploadId,
) -> Result<(crate::told::Began, u64)> {
    let (stage, content) = (&world.stage, &CATALOG.blobs[blob]);
    let mut tries = 0;
    loop {
        let begun = (world.told.look_at_blob(stage, (repository, blob)), stage.now());
        let is_last = stage.dice.one_in(2);
        let chunk = async |asked: &Repository| one_chunk(world, asked, content, &id, is_last).await;
        match world.ask_repository(repository, chunk).await {
            Ok(None) => return Ok(begun),
            // Some clients stay with the first one they were given.
            Ok(Some(told)) if stage.dice.one_in(2) => id = told,
            Ok(Some(_)) => {}
            Err(error) => {
                tries += 1;
                if tries > TRIES || stage.dice.one_in(4) {
                    return Err(error); // and leaves it where it is
                }
                world.think().await;
                let ask = async |asked: &Repository| asked.finished_upload(&id).await;
                if world.ask_repository(repository, ask).await?.is_some() {
                    return Ok(begun);
                }
            }
        }
        world.think().await;
    }
}

/// Goes on with an upload wherever it is; as what it can be gone on with, or `None` if it is a blob
/// now.
async fn one_chunk(
    world: &World,
    repository: &Repository,
    content: &Content,
    id: &UploadId,
    is_last: bool,
) -> Result<Option<UploadId>> {
    let Some(mut upload) = repository.resume_upload(id, None).await? else {
        return Err(Error::new(ErrorKind::UploadUnknown, "there is no such upload"));
    };
    let from = usize::try_from(upload.offset()).unwrap_or(usize::MAX);
    let Some(rest) = content.bytes.get(from..) else {
        return Err(Error::new(ErrorKind::UploadConflict, "somebody else has written to it"));
    };
    if is_last || rest.is_empty() {
        upload.write(rest.into()).await?;
        upload.commit(&content.digest).await?;
        return Ok(None);
    }
    let len = 1 + world.stage.dice.throw(rest.len());
    upload.write(rest[..len].into()).await?;
    let id = upload.id();
    upload.pause().await?;
    Ok(Some(id))
}

const TRIES: usize = 3;
