//! The ordered names of a directory, while names are made in it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::TryStreamExt;
use orlop_backend::{Environment, Key, Prefix};
use orlop_fs::FsOptions;

fn prefix() -> Prefix {
    Prefix::new(["m", "many"]).expect("valid")
}

fn key(number: usize) -> Key {
    prefix().key(&format!("{number:06}")).expect("valid")
}

async fn list(store: &Environment) -> BTreeSet<String> {
    let names = store.records.list(&prefix(), None).map_ok(|entry| entry.key.name().to_owned());
    names.try_collect().await.expect("a list")
}

/// An index is laid at 1025 names and merged with each 1025 that came since; who makes a name has it
/// in the index before.
#[tokio::test(flavor = "multi_thread")]
async fn no_name_is_left_out_while_others_are_ordered() {
    let directory = tempfile::tempdir().expect("a directory");
    let open = || orlop_fs::open(directory.path(), &FsOptions::default()).expect("a store");
    let next = AtomicUsize::new(0);
    let (next, many) = (&next, 8 * 1024);
    // Two of each of two processes.
    let makers = [open(), open()].into_iter().flat_map(|store| [store.clone(), store]);
    let makers = makers.map(|store| async move {
        loop {
            let first = next.fetch_add(16, Ordering::Relaxed);
            if first >= many {
                break;
            }
            let keys: Vec<_> = (first..first + 16).map(key).collect();
            store.records.mark(&keys).await.expect("marked");
        }
    });
    let lister = async {
        let store = open();
        while next.load(Ordering::Relaxed) < many {
            list(&store).await;
        }
    };
    tokio::join!(futures::future::join_all(makers), lister);
    let expected: BTreeSet<_> = (0..many).map(|number| key(number).name().to_owned()).collect();
    let found = list(&open()).await;
    let missing: Vec<_> = expected.difference(&found).collect();
    assert!(missing.is_empty(), "{} are missing: {missing:?}", missing.len());
    assert_eq!(found.len(), many);
}
