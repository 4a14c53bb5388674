//! The clauses of [`orlop_backend::Records::change_all`] and [`orlop_backend::Records::run`].
#![allow(clippy::missing_panics_doc)] // each panics if the backend breaks it

use bytes::Bytes;
use orlop_backend::{Change, Changed, Expected, Swap, Version};

use crate::Subject;
use crate::records::{create, get, key, list, prefix};

/// Changes of many keys are made one after the other, up to one that conflicts.
pub async fn changes_are_made_up_to_a_conflict(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let first = create(&*records, &key("a"), "one").await;
    let marks = |from: u32, to| (from..to).map(|n| Change::Mark(key(&format!("m{n:02}"))));
    let swap = |name, expected: Option<&Version>, value: &'static str| Change::Swap {
        key: key(name),
        expected: expected.cloned(),
        value: value.into(),
    };
    let changes = [swap("a", Some(&first), "two"), swap("b", None, "new")];
    let answer = records.change_all(changes.into_iter().chain(marks(0, 20)).collect()).await;
    let Changed::All(versions) = answer.expect("an answer") else { panic!("all was as expected") };
    let [second, created] = &versions[..] else { panic!("two swaps, {} versions", versions.len()) };
    for (name, value, version) in [("a", "two", second), ("b", "new", created)] {
        let record = get(&*records, &key(name)).await.expect("stored");
        assert_eq!((&record.value[..], &record.version), (value.as_bytes(), version));
    }
    let names = list(&*records, &prefix(), None).await;
    assert_eq!(names.len(), 22);

    let [before, behind] = [marks(20, 40), marks(40, 60)];
    let swaps = [swap("b", Some(created), "newer"), swap("a", Some(&first), "three")];
    let changes = before.chain(swaps).chain(behind).chain([swap("c", None, "never")]).collect();
    let answer = records.change_all(changes).await.expect("an answer");
    assert_eq!(answer, Changed::Conflict { at: 21 });
    assert_eq!(get(&*records, &key("b")).await.expect("there").value, "newer");
    assert_eq!(get(&*records, &key("a")).await.expect("there").value, "two");
    assert_eq!(list(&*records, &prefix(), None).await.len(), 42, "nothing behind the conflict");
    assert_eq!(records.change_all(Vec::new()).await.expect("nothing to do"), Changed::All(vec![]));
}

/// Of many that change the same record first, one changes another one after it.
pub async fn who_loses_the_first_change_makes_no_other(subject: &dyn Subject) {
    let openings = [subject.open().await, subject.open().await];
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let records = openings[n % 2].records.clone();
            tokio::spawn(async move {
                let value = Bytes::from(n.to_string());
                let swap = |name: &str| Change::Swap {
                    key: key(name),
                    expected: None,
                    value: value.clone(),
                };
                let changed = records.change_all(vec![swap("a"), swap(&format!("b{n}"))]).await;
                matches!(changed.expect("an answer"), Changed::All(_)).then_some(n)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.expect("no panic"));
    }
    let [winner] = winners[..] else { panic!("{winners:?} won") };
    let stored = list(&*openings[0].records, &prefix(), None).await;
    assert_eq!(stored, ["a".to_owned(), format!("b{winner}")]);
}

/// An operation that the store runs makes all its calls, and is over when it was run.
pub async fn an_operation_is_over_when_it_was_run(subject: &dyn Subject) {
    let records = subject.open().await.records;
    let runs = (0..8).map(|n| {
        let (records, store) = (records.clone(), records.clone());
        let operation = async move {
            let own = key(&format!("own{n}"));
            let version = create(&*store, &own, "one").await;
            store.mark(&[key(&format!("m{n}"))]).await.expect("marked");
            let changed = store.swap(&own, Expected::Version(&version), "two".into()).await;
            assert!(matches!(changed.expect("an answer"), Swap::Stored(_)));
            assert_eq!(get(&*store, &own).await.expect("stored").value, "two");
            let one_of_all = store.swap(&key("all"), Expected::Absent, "first".into()).await;
            let _ = one_of_all.expect("an answer");
        };
        async move { records.run(Box::pin(operation)).await }
    });
    for run in futures::future::join_all(runs).await {
        run.expect("it was run");
    }
    assert_eq!(list(&*records, &prefix(), None).await.len(), 8 + 8 + 1);
}
