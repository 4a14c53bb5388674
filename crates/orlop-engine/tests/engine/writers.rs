//! Upload sessions that several write to.

use orlop_engine::ErrorKind;
use orlop_oci::Algorithm;

use crate::fixture::{kind, new_registry, read_blob, repository, sha256};

#[tokio::test]
async fn of_two_writers_one_wins_each_step() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let upload = a.begin_upload(Algorithm::Sha256).await.unwrap();
    let id = upload.id();
    upload.pause().await.unwrap();

    // At once: the second one is kept out while the first one writes, or it is told when it wants
    // to be acknowledged.
    let at = async |offset| a.resume_upload(&id, Some(offset)).await.unwrap().unwrap();
    let (mut one, mut two, mut late) = (at(0).await, at(0).await, at(0).await);
    one.write("first".into()).await.unwrap();
    let written = two.write("SECOND".into()).await;
    one.pause().await.unwrap();
    let paused = match written {
        Ok(()) => two.pause().await.map(drop),
        kept_out => kept_out,
    };
    assert_eq!(kind(paused), ErrorKind::UploadConflict);

    // One after the other, from the same beginning: the second one sees that it is late before it
    // has destroyed anything.
    assert_eq!(kind(late.write("SECOND".into()).await), ErrorKind::UploadConflict);

    // The same when it ends.
    let (mut one, mut two, late) = (at(5).await, at(5).await, at(5).await);
    one.write(" third".into()).await.unwrap();
    let written = two.write(" FOURTH".into()).await;
    one.commit(&sha256(b"first third")).await.unwrap();
    let committed = match written {
        Ok(()) => two.commit(&sha256(b"first FOURTH")).await.map(drop),
        kept_out => kept_out,
    };
    assert_eq!(kind(committed), ErrorKind::UploadConflict);
    assert_eq!(kind(late.commit(&sha256(b"first")).await), ErrorKind::UploadConflict);
    assert_eq!(read_blob(&a, &sha256(b"first third")).await.unwrap(), "first third");
    for lost in [&b"first"[..], b"first FOURTH"] {
        assert!(a.blob(&sha256(lost)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn who_began_an_upload_has_no_right_over_who_went_on_with_it() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let mut first = a.begin_upload(Algorithm::Sha256).await.unwrap();
    let mut second = a.resume_upload(&first.id(), None).await.unwrap().unwrap();
    second.write("hello".into()).await.unwrap();
    let id = second.id();
    second.pause().await.unwrap();
    assert_eq!(kind(first.write("other".into()).await), ErrorKind::UploadConflict);
    let second = a.resume_upload(&id, Some(5)).await.unwrap().unwrap();
    second.commit(&sha256(b"hello")).await.unwrap();
    assert_eq!(read_blob(&a, &sha256(b"hello")).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_cancelled_upload_cannot_be_finished_by_who_still_writes() {
    let registry = new_registry().await;
    let a = repository(&registry, "a");
    let mut writer = a.begin_upload(Algorithm::Sha256).await.unwrap();
    writer.write("hello".into()).await.unwrap();
    let other = a.resume_upload(&writer.id(), None).await.unwrap().unwrap();
    other.cancel().await.unwrap();
    assert!(writer.commit(&sha256(b"hello")).await.is_err());
    assert!(a.blob(&sha256(b"hello")).await.unwrap().is_none());
}
