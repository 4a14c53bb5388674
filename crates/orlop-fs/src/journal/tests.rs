use std::collections::BTreeSet;

use orlop_backend::SystemEntropy;

use super::recovery::{last_words, look};
use super::*;
use crate::disk::OsDisk;

#[tokio::test]
async fn whoever_was_to_flush_and_does_not_leaves_it_to_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let entropy = Arc::new(SystemEntropy);
    let volume = Volume::open(Arc::new(OsDisk), directory.path(), true, entropy).unwrap();
    let journal = volume.journal().unwrap();
    let keys = ["leads", "follows"].map(|name| orlop_backend::Key::new([name]).unwrap());
    let stamp = Stamp { epoch: 7, number: 1 };
    let [leads, follows] = keys.each_ref().map(|key| [Entry::new(stamp, key, Some(b"content"))]);

    let mut lead = Box::pin(journal.append(&volume, &leads));
    assert!(futures::poll!(lead.as_mut()).is_pending());
    let mut follow = Box::pin(journal.append(&volume, &follows));
    assert!(futures::poll!(follow.as_mut()).is_pending());
    drop(lead);
    follow.await.unwrap();

    let (words, _) = last_words(&volume, &look(&volume).unwrap().living, 0).unwrap();
    assert_eq!(words.into_keys().collect::<BTreeSet<_>>(), keys.clone().into());
    journal.append(&volume, &leads).await.unwrap();
}
