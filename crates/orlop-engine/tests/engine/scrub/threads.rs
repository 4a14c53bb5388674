//! A scrub that hashes on threads of its caller.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use orlop_engine::{DamageKind, ScrubOptions, Threads};

use super::{in_directory, strict};
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

/// Threads read files themselves.
#[tokio::test]
async fn it_finds_what_is_wrong_in_files() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(in_directory(directory.path())).await;
    let lens = [20_000, 100_000, 3 << 20, 4 << 20, (4 << 20) + 1, 9_000_000, 9_000_001, 30_000];
    for len in lens {
        push_blob(&repository(&registry, "app"), &"x".repeat(len)).await.unwrap();
    }
    let threads = Arc::new(Two::default());
    let options = ScrubOptions { at_once: 3, threads: Some(threads), ..strict() };
    let sound = registry.scrub(&options, &()).await.unwrap();
    assert!(sound.is_sound());
    assert_eq!((sound.blobs, sound.bytes), (8, lens.iter().sum::<usize>() as u64));

    let mut files: Vec<_> = walk(&directory.path().join("extents"));
    files.sort_by_key(|file| fs::metadata(file).unwrap().len());
    let flipped = |at: usize, path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    flipped(0, &files[0]);
    fs::remove_file(&files[1]).unwrap();
    fs::File::options().write(true).open(&files[2]).unwrap().set_len(99_999).unwrap();
    flipped(4 << 20, &files[5]);
    flipped(8_999_999, &files[6]);
    fs::write(&files[7], "x".repeat(9_000_002)).unwrap();
    let found = registry.scrub(&options, &()).await.unwrap();
    assert_eq!((found.blobs, found.damaged()), (2, 6));
    let mut kinds: Vec<_> = found.damage.kept.iter().map(|damage| damage.kind).collect();
    kinds.sort_by_key(|kind| *kind == DamageKind::Gone);
    assert_eq!(kinds[4..], [DamageKind::Bytes, DamageKind::Gone]);
    assert_eq!(registry.scrub(&strict(), &()).await.unwrap().damage, found.damage);
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
