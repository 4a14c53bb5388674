use std::collections::HashSet;
use std::sync::{Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use tokio::task::{JoinSet, yield_now};

use super::*;

#[tokio::test]
async fn those_that_wait_leave_their_threads_to_others() {
    let (pool, threads) = (Arc::new(Pool::new()), Arc::new(Mutex::new(HashSet::new())));
    let (mut operations, mut wakers) = (JoinSet::new(), Vec::new());
    for number in 0..OPERATIONS {
        let (wake, woken) = oneshot::channel();
        let (pool, threads) = (pool.clone(), threads.clone());
        wakers.push(wake);
        operations.spawn(async move {
            let operation = async move {
                threads.lock().unwrap().insert(thread::current().id());
                woken.await.map(|told: usize| told + number)
            };
            pool.run(operation).await
        });
    }
    yield_now().await;
    for wake in wakers {
        wake.send(1).unwrap();
    }
    let ended: HashSet<_> =
        operations.join_all().await.into_iter().map(|ended| ended.unwrap().unwrap()).collect();
    assert_eq!(ended, (1..=OPERATIONS).collect());
    let (threads, cores) = (threads.lock().unwrap().len(), thread::available_parallelism());
    assert!(threads <= 8 * cores.unwrap().get(), "{threads} threads");
}

/// Whether they said so or not.
#[tokio::test]
async fn those_that_keep_their_threads_waiting_do_not_hold_others_up() {
    for is_aside in [true, false] {
        let (pool, all) = (Arc::new(Pool::new()), Arc::new(Barrier::new(BLOCKED)));
        let mut operations = JoinSet::new();
        for _ in 0..BLOCKED {
            let (pool, all) = (pool.clone(), all.clone());
            operations.spawn(async move {
                pool.run(async move {
                    if is_aside {
                        aside(|| all.wait())
                    } else {
                        all.wait()
                    };
                })
                .await
            });
        }
        while let Some(ended) = operations.join_next().await {
            ended.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn others_go_first() {
    let (pool, order) = (Pool::new(), Arc::new(Mutex::new(Vec::new())));
    let say = |word: &'static str| {
        let order = order.clone();
        async move { order.lock().unwrap().push(word) }
    };
    let (first, second, last) = (say("first"), say("second"), say("last"));
    // All on one thread: its others have nothing to do that it does not do itself in a moment.
    let operation = async move {
        futures::join!(
            async {
                yield_now().await;
                last.await;
            },
            async {
                first.await;
                second.await;
            }
        )
    };
    pool.run(operation).await.unwrap();
    assert_eq!(*order.lock().unwrap(), ["first", "second", "last"]);
}

#[tokio::test]
async fn an_operation_goes_on_without_its_caller_and_its_pool() {
    let (pool, (wake, woken), (tell, told)) = (Pool::new(), oneshot::channel(), mpsc::channel());
    {
        let mut run = Box::pin(pool.run(async move { tell.send(woken.await.is_ok()) }));
        assert!(futures::poll!(run.as_mut()).is_pending());
    }
    let threads = pool.0.clone();
    drop(pool);
    wake.send(()).unwrap();
    assert!(told.recv().unwrap());
    while Arc::strong_count(&threads) > 1 {
        thread::sleep(Duration::from_millis(1)); // and its threads end
    }
}

#[tokio::test]
async fn a_panic_is_its_callers() {
    let pool = Pool::new();
    let run = AssertUnwindSafe(pool.run(async { panic!("on purpose") })).catch_unwind();
    assert!(run.await.is_err());
    assert!(!may_wait());
    assert!(pool.run(async { may_wait() }).await.unwrap());
}

const OPERATIONS: usize = 1000;

/// More than run at a time.
const BLOCKED: usize = 100;
