//! The clauses of [`orlop_backend::Records`].
//!
//! Each panics if the backend breaks it, and on any error that the backend gives.
#![allow(clippy::missing_panics_doc)] // said once, above

use bytes::Bytes;
use futures::TryStreamExt;
use orlop_backend::{
    Entry, ErrorKind, Expected, Key, Prefix, Record, Records, Removal, Swap, Version,
};

use crate::{Damage, Subject};

/// A record comes back with the value and the version that its swap named.
pub async fn a_record_reads_back_as_it_was_stored(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let version = create(&*records, &key("a"), "one").await;
    let record = get(&*records, &key("a")).await.expect("it was stored");
    assert_eq!(record.value, "one");
    assert_eq!(record.version, version);
}

/// Absence is an answer.
pub async fn a_key_that_was_never_stored_is_absent(subject: &dyn Subject) {
    let records = subject.open().await.records;
    assert!(get(&*records, &key("a")).await.is_none());
}

/// A record that is there is not overwritten by who expects none.
pub async fn creating_over_a_record_conflicts(subject: &dyn Subject) {
    let records = subject.open().await.records;
    create(&*records, &key("a"), "one").await;
    let swap = records.swap(&key("a"), Expected::Absent, "two".into()).await.expect("an answer");
    assert_eq!(swap, Swap::Conflict);
    assert_eq!(get(&*records, &key("a")).await.expect("still there").value, "one");
}

/// Of two that read the same version, the second one to write loses.
pub async fn a_stale_swap_loses(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let first = create(&*records, &key("a"), "one").await;
    let second = update(&*records, &key("a"), &first, "two").await.expect("the first swap wins");
    assert!(update(&*records, &key("a"), &first, "three").await.is_none());
    assert!(update(&*records, &key("b"), &first, "three").await.is_none());
    let record = get(&*records, &key("a")).await.expect("still there");
    assert_eq!((record.value, record.version), ("two".into(), second));
}

/// The same bytes stored twice are two versions (no ABA).
pub async fn equal_values_have_different_versions(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let first = create(&*records, &key("a"), "same").await;
    let second = update(&*records, &key("a"), &first, "same").await.expect("it was current");
    assert_ne!(first, second);
    assert!(update(&*records, &key("a"), &first, "other").await.is_none());
}

/// 32 creators of one key, in two openings of the store: one wins, and its value stays.
pub async fn of_many_creators_one_wins(subject: &dyn Subject) {
    let openings = [subject.open().await, subject.open().await];
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let records = openings[n % 2].records.clone();
            tokio::spawn(async move {
                let value = Bytes::from(n.to_string());
                let swap = records.swap(&key("a"), Expected::Absent, value.clone()).await;
                matches!(swap.expect("an answer"), Swap::Stored(_)).then_some(value)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.expect("no panic"));
    }
    let stored = get(&*openings[0].records, &key("a")).await.expect("somebody won").value;
    assert_eq!(winners, [stored]);
}

/// 8 writers that count up one record by compare-and-swap lose no step.
pub async fn no_increment_is_lost(subject: &dyn Subject) {
    let openings = [subject.open().await, subject.open().await];
    create(&*openings[0].records, &key("n"), "0").await;
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let records = openings[n % 2].records.clone();
            tokio::spawn(async move {
                let mut done = 0;
                while done < 10 {
                    let record = get(&*records, &key("n")).await.expect("it is there");
                    let text = str::from_utf8(&record.value).expect("a number");
                    let next = text.parse::<u32>().expect("a number") + 1;
                    let next = next.to_string();
                    let swap = update(&*records, &key("n"), &record.version, next).await;
                    done += u32::from(swap.is_some());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let record = get(&*openings[1].records, &key("n")).await.expect("it is there");
    assert_eq!(record.value, "80");
}

/// Removal makes absent; what is absent can be created.
pub async fn a_removed_record_is_absent_and_can_be_created_anew(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let version = create(&*records, &key("a"), "one").await;
    let removal = records.remove(&key("a"), &version).await.expect("an answer");
    assert_eq!(removal, Removal::Removed);
    assert!(get(&*records, &key("a")).await.is_none());
    assert_eq!(list(&*records, &prefix(), None).await, [""; 0]);
    create(&*records, &key("a"), "two").await;
    assert_eq!(get(&*records, &key("a")).await.expect("created").value, "two");
}

/// A stale removal, and one of nothing, lose.
pub async fn removing_needs_the_newest_version(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let first = create(&*records, &key("a"), "one").await;
    update(&*records, &key("a"), &first, "two").await.expect("it was current");
    for name in ["a", "b"] {
        let removal = records.remove(&key(name), &first).await.expect("an answer");
        assert_eq!(removal, Removal::Conflict);
    }
    assert_eq!(get(&*records, &key("a")).await.expect("still there").value, "two");
}

/// A version of a record that was removed does not fit the one created after it.
pub async fn a_version_never_comes_back(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let first = create(&*records, &key("a"), "same").await;
    assert_eq!(records.remove(&key("a"), &first).await.expect("an answer"), Removal::Removed);
    assert!(update(&*records, &key("a"), &first, "other").await.is_none());
    create(&*records, &key("a"), "same").await;
    assert!(update(&*records, &key("a"), &first, "other").await.is_none());
    assert_eq!(records.remove(&key("a"), &first).await.expect("an answer"), Removal::Conflict);
}

/// Marking twice and clearing twice is the same as once.
pub async fn markers_are_made_once_and_cleared_once(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let keys: Vec<Key> = ["m1", "m2", "m3"].map(key).into();
    records.mark(&keys).await.expect("marked");
    records.mark(&keys[..2]).await.expect("marked again");
    assert_eq!(list(&*records, &prefix(), None).await, ["m1", "m2", "m3"]);
    records.clear(&keys[1..]).await.expect("cleared");
    records.clear(&keys[1..]).await.expect("cleared again");
    assert_eq!(list(&*records, &prefix(), None).await, ["m1"]);
    records.mark(&[]).await.expect("nothing to do");
    records.clear(&[]).await.expect("nothing to do");
}

/// What is forgotten is gone for everybody, and what is stored after it stays.
pub async fn what_is_forgotten_is_gone(subject: &dyn Subject) {
    let (one, two) = (subject.open().await.records, subject.open().await.records);
    create(&*one, &key("r"), "value").await;
    one.mark(&[key("m1"), key("m2")]).await.expect("marked");
    one.forget(&[key("r"), key("m1"), key("none")]).await.expect("forgotten");
    for records in [&one, &two] {
        assert!(records.get(&key("r")).await.expect("an answer").is_none());
        assert_eq!(list(&**records, &prefix(), None).await, ["m2"]);
    }
    one.forget(&[key("r"), key("m1")]).await.expect("forgotten again");
    create(&*two, &key("r"), "other").await;
    two.mark(&[key("m1")]).await.expect("marked");
    let again = subject.open().await.records;
    assert_eq!(list(&*again, &prefix(), None).await, ["m1", "m2", "r"]);
}

/// Bytes decide: digits, upper case, `_`, lower case; and a name that begins another comes first.
pub async fn a_list_is_ordered_by_bytes(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let ordered = ["!x", "-", "-a", "1", "10", "2", "A", "B", "_", "a", "a!b", "a-b", "a.b", "ab"];
    for name in ordered.iter().rev() {
        create(&*records, &key(name), "x").await;
    }
    assert_eq!(list(&*records, &prefix(), None).await, ordered);
}

/// `after` is exclusive, and need be neither there nor valid.
pub async fn a_list_goes_on_after_any_text(subject: &dyn Subject) {
    let records = subject.open().await.records;
    for name in ["a", "b", "c"] {
        create(&*records, &key(name), "x").await;
    }
    for (after, expected) in [
        ("", &["a", "b", "c"][..]),
        ("a", &["b", "c"]),
        ("a~/", &["b", "c"]),
        ("bb", &["c"]),
        ("c", &[]),
        ("~", &[]),
    ] {
        assert_eq!(list(&*records, &prefix(), Some(after)).await, expected, "after {after:?}");
    }
}

/// Names that begin alike are not mixed up.
pub async fn a_list_sees_nothing_beside_its_prefix(subject: &dyn Subject) {
    let records = subject.open().await.records;
    for segments in
        [["s", "foo", "x"], ["s", "foo!a", "y"], ["s", "foo-bar", "z"], ["t", "foo", "w"]]
    {
        records.mark(&[Key::new(segments).expect("valid")]).await.expect("marked");
    }
    let one = Prefix::new(["s", "foo"]).expect("valid");
    assert_eq!(list(&*records, &one, None).await, ["x"]);
    let none = Prefix::new(["s", "fo"]).expect("valid");
    assert_eq!(list(&*records, &none, None).await, [""; 0]);
}

/// 2,500 names, read in pages that begin anywhere.
pub async fn a_long_list_is_complete_page_by_page(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let names = many_names(2500);
    mark_all(&*records, &names).await;
    assert_eq!(list(&*records, &prefix(), None).await, names);
    let mut paged: Vec<String> = Vec::new();
    loop {
        let after = paged.last().cloned();
        let page = first(&*records, &prefix(), after.as_deref(), 700).await;
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, names);
}

/// A list that was long already sees what is made and cleared later, from another opening too.
pub async fn a_long_list_follows_changes(subject: &dyn Subject) {
    let (one, two) = (subject.open().await.records, subject.open().await.records);
    let mut names = many_names(2500);
    mark_all(&*one, &names).await;
    assert_eq!(first(&*one, &prefix(), None, 10).await, names[..10]);
    let late: Vec<String> = (0..1500).map(|n| format!("b-{n:05}")).collect();
    mark_all(&*two, &late).await;
    create(&*two, &key("a"), "x").await;
    let gone: Vec<Key> = names.drain(100..2200).map(|name| key(&name)).collect();
    two.clear(&gone).await.expect("cleared");
    names.extend(late);
    names.push("a".into());
    names.sort();
    assert_eq!(list(&*one, &prefix(), None).await, names);
    assert_eq!(list(&*two, &prefix(), None).await, names);
}

/// All below a prefix, records and markers, however deep.
pub async fn a_walk_finds_every_depth(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let mut keys: Vec<Key> = [&["w", "a"][..], &["w", "b", "c"], &["w", "b", "d", "e"]]
        .map(|segments| Key::new(segments).expect("valid"))
        .into();
    let many = Prefix::new(["w", "x", "y", "z"]).expect("valid");
    keys.extend(many_names(600).iter().map(|name| many.key(name).expect("valid")));
    records.mark(&keys[1..]).await.expect("marked");
    create(&*records, &keys[0], "x").await;
    records.mark(&[Key::new(["wx", "a"]).expect("valid")]).await.expect("marked");
    let walk = records.walk(&Prefix::new(["w"]).expect("valid"));
    let mut found: Vec<Key> = walk.map_ok(|entry| entry.key).try_collect().await.expect("a walk");
    found.sort();
    assert_eq!(found, keys);
}

/// Another opening of the store sees all that was acknowledged.
pub async fn what_is_stored_is_there_when_opened_again(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let version = create(&*records, &key("a"), "one").await;
    records.mark(&[key("m")]).await.expect("marked");
    drop(records);
    let records = subject.open().await.records;
    let record = get(&*records, &key("a")).await.expect("still there");
    assert_eq!((record.value, &record.version), ("one".into(), &version));
    assert_eq!(list(&*records, &prefix(), None).await, ["a", "m"]);
    assert!(update(&*records, &key("a"), &version, "two").await.is_some());
}

/// Torn, changed and empty bytes are refused, by reads and by swaps, and harm nothing else.
pub async fn a_damaged_record_is_neither_a_value_nor_absent(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let changes: [Damage; 4] = [
        |bytes| bytes.truncate(bytes.len() - 1),
        |bytes| bytes.clear(),
        |bytes| *bytes.last_mut().expect("not empty") ^= 1,
        |bytes| *bytes = b"foreign".repeat(20),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let damaged = key(&format!("a{n}"));
        create(&*records, &damaged, "value").await;
        subject.damage(&damaged, change).await;
        let error = records.get(&damaged).await.expect_err("damage");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains(damaged.as_str()), "{error}");
        let swap = records.swap(&damaged, Expected::Absent, "new".into()).await;
        assert_eq!(swap.expect_err("damage").kind(), ErrorKind::Corrupt);
    }
    create(&*records, &key("b"), "value").await;
    assert_eq!(get(&*records, &key("b")).await.expect("unharmed").value, "value");
}

/// From nothing to the largest value.
pub async fn values_may_be_empty_or_large(subject: &dyn Subject) {
    let records = subject.open().await.records;
    for (name, len) in [("none", 0), ("one", 1), ("max", Record::VALUE_BYTES_MAX)] {
        let value = Bytes::from(vec![7; len]);
        let swap = records.swap(&key(name), Expected::Absent, value.clone()).await;
        assert!(matches!(swap.expect("stored"), Swap::Stored(_)));
        assert!(get(&*records, &key(name)).await.expect("stored").value == value);
    }
}

/// Segments of 255 bytes, and many of them.
pub async fn segments_may_be_long(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let long = "x".repeat(255);
    let deep = Key::new(["s", &long, &long]).expect("valid");
    create(&*records, &deep, "value").await;
    records
        .mark(&[deep.parent().expect("a parent").key("m").expect("valid")])
        .await
        .expect("marked");
    assert_eq!(get(&*records, &deep).await.expect("stored").value, "value");
    assert_eq!(list(&*records, &deep.parent().expect("a parent"), None).await, ["m", &long]);
}

pub(crate) fn prefix() -> Prefix {
    Prefix::new(["p", "q"]).expect("valid")
}

pub(crate) fn key(name: &str) -> Key {
    prefix().key(name).expect("valid")
}

fn many_names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("build-{n:06}")).collect()
}

async fn mark_all(records: &dyn Records, names: &[String]) {
    let keys: Vec<Key> = names.iter().map(|name| key(name)).collect();
    records.mark(&keys).await.expect("marked");
}

pub(crate) async fn get(records: &dyn Records, key: &Key) -> Option<Record> {
    records.get(key).await.expect("a readable record")
}

pub(crate) async fn create(records: &dyn Records, key: &Key, value: &'static str) -> Version {
    match records.swap(key, Expected::Absent, value.into()).await.expect("an answer") {
        Swap::Stored(version) => version,
        Swap::Conflict => panic!("{key} exists already"),
    }
}

pub(crate) async fn update(
    records: &dyn Records,
    key: &Key,
    version: &Version,
    value: impl Into<Bytes>,
) -> Option<Version> {
    let expected = Expected::Version(version);
    match records.swap(key, expected, value.into()).await.expect("an answer") {
        Swap::Stored(version) => Some(version),
        Swap::Conflict => None,
    }
}

pub(crate) async fn list(
    records: &dyn Records,
    prefix: &Prefix,
    after: Option<&str>,
) -> Vec<String> {
    first(records, prefix, after, usize::MAX).await
}

async fn first(
    records: &dyn Records,
    prefix: &Prefix,
    after: Option<&str>,
    count: usize,
) -> Vec<String> {
    let mut names = Vec::new();
    let mut list = records.list(prefix, after);
    while names.len() < count {
        let Some(Entry { key, .. }) = list.try_next().await.expect("a list") else {
            break;
        };
        names.push(key.name().to_owned());
    }
    names
}
