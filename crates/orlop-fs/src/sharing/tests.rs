use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};

use super::*;
use crate::disk::OsDisk;
use crate::pool::Pool;

/// The same locks, as two processes have them.
fn processes() -> (tempfile::TempDir, [Arc<Sharing>; 2]) {
    let dir = tempfile::tempdir().unwrap();
    let open = || Arc::new(Sharing::open(&OsDisk, dir.path()).unwrap());
    let processes = [open(), open()];
    (dir, processes)
}

fn has_entries(sharing: &Sharing) -> bool {
    sharing.stripes.iter().any(|stripe| !stripe.lock().unwrap().is_empty())
}

#[tokio::test]
async fn the_first_takes_it_and_the_last_gives_it_back() {
    let (_dir, [one, other]) = processes();
    let (first, second) = (one.share(0).await.unwrap(), one.share_blocking(0).unwrap());
    let theirs = other.share(64).await.unwrap();
    assert!(other.try_take(0).unwrap().is_none());
    drop(first);
    assert!(other.try_take(0).unwrap().is_none());
    assert!(one.try_take(0).unwrap().is_none());
    drop(second);
    let sole = other.try_take(0).unwrap().expect("nobody has it");
    assert!(one.try_take(0).unwrap().is_none());
    drop((sole, theirs));
    drop((one.take(0).await.unwrap(), one.take_blocking(64).unwrap()));
    assert!(!has_entries(&one) && !has_entries(&other));
}

#[tokio::test]
async fn one_at_a_time_has_it_for_himself() {
    let (_dir, [one, other]) = processes();
    let pools = [&one, &other].map(|_| Arc::new(Pool::new()));
    let (inside, times) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for (process, pool) in [&one, &other].into_iter().zip(&pools).cycle().take(8) {
        let (process, inside, times) = (process.clone(), inside.clone(), times.clone());
        let operation = async move {
            for _ in 0..TIMES {
                let lock = process.take(5).await.unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                yield_now().await;
                assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                times.fetch_add(1, Ordering::SeqCst);
                drop(lock);
            }
        };
        let pool = pool.clone();
        tasks.spawn(async move { pool.run(operation).await });
    }
    let ended = timeout(PATIENCE, tasks.join_all()).await.expect("nobody waits for ever");
    assert!(ended.iter().all(Result::is_ok));
    assert_eq!(times.load(Ordering::SeqCst), 8 * TIMES);
    assert!(!has_entries(&one) && !has_entries(&other));
}

/// If each of them held a thread, none would be left for the one that they wait for.
#[tokio::test]
async fn those_who_wait_for_one_of_this_process_hold_no_thread() {
    let (_dir, [one, _other]) = processes();
    let held = one.take(5).await.unwrap();
    let mut waiting: Vec<_> = (0..1000).map(|_| Box::pin(one.take(5))).collect();
    for lock in &mut waiting {
        assert!(futures::poll!(lock.as_mut()).is_pending());
    }
    drop(held);
    for lock in waiting {
        drop(timeout(PATIENCE, lock).await.expect("it is its turn").unwrap());
    }
    assert!(!has_entries(&one));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_wants_it_alone_comes_before_those_who_come_after_him() {
    let (_dir, [one, _other]) = processes();
    let shared = one.share(0).await.unwrap();
    let is_told = Arc::new(AtomicUsize::new(0));
    let (alone, told) = (one.clone(), is_told.clone());
    let alone = tokio::task::spawn_blocking(move || {
        let sole = alone.take_shared(0).unwrap();
        thread::sleep(SOON);
        told.store(1, Ordering::SeqCst);
        drop(sole);
    });
    while one.stripe(0).get(&0).is_none_or(|held| held.wanted == 0) {
        sleep(PAUSE).await;
    }
    let mut later: Vec<_> = (0..10).map(|_| Box::pin(one.share(0))).collect();
    for lock in &mut later {
        assert!(futures::poll!(lock.as_mut()).is_pending());
    }
    drop(shared);
    for lock in later {
        let _lock = timeout(PATIENCE, lock).await.expect("they share it in the end").unwrap();
        assert_eq!(is_told.load(Ordering::SeqCst), 1, "somebody did not wait");
    }
    alone.await.unwrap();
    assert!(!has_entries(&one));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_for_who_waits_for_another_process() {
    let (_dir, [one, other]) = processes();
    let theirs = other.share(0).await.unwrap();
    let alone = one.clone();
    let alone = tokio::task::spawn_blocking(move || drop(alone.take_shared(0).unwrap()));
    for _ in 0..10 {
        drop(timeout(PATIENCE, one.share(0)).await.expect("nobody has it").unwrap());
        sleep(PAUSE).await;
    }
    assert!(!alone.is_finished());
    drop(theirs);
    alone.await.unwrap();
    assert!(other.try_take(0).unwrap().is_some());
}

const TIMES: usize = 200;

const SOON: Duration = Duration::from_millis(30);

const PATIENCE: Duration = Duration::from_secs(20);
