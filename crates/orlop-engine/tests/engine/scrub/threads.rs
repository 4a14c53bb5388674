//! A scrub that hashes on threads of its caller.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use orlop_engine::{ScrubOptions, Threads};

use super::strict;
use crate::fixture::{extents, new_store, open, push_blob, repository};

/// Two threads, and whether both were at work at the same time.
#[derive(Clone, Debug, Default)]
struct Two {
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    working: usize,
    both: bool,
}

impl Threads for Two {
    fn count(&self) -> usize {
        2
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        let state = self.state.clone();
        std::thread::spawn(move || {
            let (mutex, changed) = &*state;
            let mut state = mutex.lock().unwrap();
            state.working += 1;
            assert!(state.working <= 2);
            state.both |= state.working == 2;
            changed.notify_all();
            // Until the other one has come, or it is clear that none will.
            let wait = changed.wait_timeout_while(state, Duration::from_secs(2), |it| !it.both);
            drop(wait.unwrap());
            work();
            mutex.lock().unwrap().working -= 1;
        });
    }
}

#[tokio::test]
async fn it_keeps_all_of_them_busy_and_finds_the_same() {
    let store = new_store().await;
    let registry = open(store.clone()).await;
    for number in 0..24_u8 {
        let content = char::from(b'a' + number).to_string().repeat(9000);
        push_blob(&repository(&registry, "app"), &content).await.unwrap();
    }
    for gone in &extents(&store).await[..3] {
        store.extents.delete(*gone).await.unwrap();
    }
    let alone = registry.scrub(&strict(), &()).await.unwrap();
    assert_eq!((alone.blobs, alone.damaged()), (21, 3));

    let two = Two::default();
    let options = ScrubOptions { at_once: 8, threads: Some(Arc::new(two.clone())), ..strict() };
    assert_eq!(registry.scrub(&options, &()).await.unwrap(), alone);
    assert!(two.state.0.lock().unwrap().both);
}
