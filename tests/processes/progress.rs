//! How far a server is with what it has not answered yet.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Waits until an upload in this store has more than `len` bytes on disk: the server is in the
/// middle of a request that it has not answered.
pub(crate) async fn until_upload_exceeds(store: &Path, len: u64) {
    let began = Instant::now();
    while longest_upload(store) <= len {
        let longest = longest_upload(store);
        assert!(began.elapsed() < TIME_MAX, "expected more than {len} bytes, found {longest}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn longest_upload(store: &Path) -> u64 {
    let read = |dir: &Path| fs::read_dir(dir).expect("a directory of the store");
    let dirs = read(&store.join("extents")).flatten();
    let files = dirs.flat_map(|dir| read(&dir.path()).flatten());
    let parts = files.filter(|file| file.path().extension().is_some_and(|ext| ext == "part"));
    let lengths = parts.filter_map(|part| Some(part.metadata().ok()?.len()));
    lengths.max().unwrap_or(0)
}

const TIME_MAX: Duration = Duration::from_mins(1);
