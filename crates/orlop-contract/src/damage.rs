//! The clauses of [`orlop_backend::Records`] for who inspects and mends what a medium has damaged.
#![allow(clippy::missing_panics_doc)] // each panics if the backend breaks it

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{Key, Removal, Swap, envelope};

use crate::records::{create, get, key, list, prefix, update};
use crate::{Damage, Subject};

/// Records, markers, and what was made of them: the bytes as they are, and lists say how many.
pub async fn what_is_stored_can_be_looked_at_as_it_is(subject: &dyn Subject) {
    let records = subject.open().await.records;
    assert_eq!(records.raw(&key("a")).await.expect("an answer"), None);
    create(&*records, &key("a"), "value").await;
    records.mark(&[key("m")]).await.expect("marked");
    let raw = records.raw(&key("a")).await.expect("an answer").expect("it is there");
    assert_eq!(raw.len(), envelope::HEADER_BYTES + 5);
    assert!(raw.ends_with(b"value"));
    assert_eq!(records.raw(&key("m")).await.expect("an answer"), Some(Bytes::new()));
    let lens: [Vec<u64>; 2] = [
        records
            .list(&prefix(), None)
            .map_ok(|entry| entry.len)
            .try_collect()
            .await
            .expect("a list"),
        records.walk(&prefix()).map_ok(|entry| entry.len).try_collect().await.expect("a walk"),
    ];
    for mut lens in lens {
        lens.sort_unstable();
        assert_eq!(lens, [0, raw.len() as u64]);
    }
    subject.damage(&key("a"), |bytes| bytes[0] ^= 1).await;
    let damaged = records.raw(&key("a")).await.expect("an answer").expect("it is there");
    assert_eq!((damaged.len(), damaged[0] ^ 1, &damaged[1..]), (raw.len(), raw[0], &raw[1..]));
    let version = create(&*records, &key("b"), "value").await;
    assert_eq!(records.remove(&key("b"), &version).await.expect("an answer"), Removal::Removed);
    assert_eq!(records.raw(&key("b")).await.expect("an answer"), None);
}

/// It can be read then, and swapped and removed as any other; one that is whole again, or other, is
/// not hit.
pub async fn a_damaged_record_can_be_replaced_if_it_is_the_one_that_was_found(
    subject: &dyn Subject,
) {
    let records = subject.open().await.records;
    let swap_raw = async |key: &Key, found: &Bytes| {
        records.swap_raw(key, found, "mended".into()).await.expect("an answer")
    };
    assert_eq!(swap_raw(&key("a"), &Bytes::new()).await, Swap::Conflict);
    let changes: [Damage; 3] =
        [|bytes| bytes.truncate(9), |bytes| bytes.clear(), |bytes| bytes[50] ^= 1];
    for (n, change) in changes.into_iter().enumerate() {
        let damaged = key(&format!("a{n}"));
        create(&*records, &damaged, "some value").await;
        let whole = records.raw(&damaged).await.expect("an answer").expect("it is there");
        subject.damage(&damaged, change).await;
        assert_eq!(list(&*records, &prefix(), None).await, [damaged.name()]);
        assert_eq!(swap_raw(&damaged, &whole).await, Swap::Conflict);
        let found = records.raw(&damaged).await.expect("an answer").expect("it is there");
        let Swap::Stored(version) = swap_raw(&damaged, &found).await else {
            panic!("nobody else writes");
        };
        let record = get(&*records, &damaged).await.expect("it is there");
        assert_eq!((record.value, &record.version), ("mended".into(), &version));
        assert_eq!(swap_raw(&damaged, &found).await, Swap::Conflict);
        let version = update(&*records, &damaged, &version, "newer").await.expect("it was current");
        assert_eq!(swap_raw(&damaged, &found).await, Swap::Conflict);
        assert_eq!(records.remove(&damaged, &version).await.expect("an answer"), Removal::Removed);
        assert_eq!(swap_raw(&damaged, &found).await, Swap::Conflict);
        assert!(list(&*records, &prefix(), None).await.is_empty());
    }
}
