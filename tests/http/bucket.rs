//! The bucket of an S3 server that tests may fill: the one that `ORLOP_TEST_S3` names, as
//! `s3://bucket`; how to reach it is in the environment.

use std::io::Write;
use std::sync::Once;

use orlop::backend::{Entropy, SystemEntropy};

/// The URL of a place in it that nobody else uses; `None`, and a word about it, if there is none.
pub(crate) fn place() -> Option<String> {
    static WORD: Once = Once::new();
    let Ok(bucket) = std::env::var("ORLOP_TEST_S3") else {
        // Not by a macro, whose output is swallowed as long as the tests pass.
        WORD.call_once(|| {
            let word = "S3 is skipped: ORLOP_TEST_S3 names no bucket of a running server";
            let _ = writeln!(std::io::stderr(), "{word}");
        });
        return None;
    };
    let id = SystemEntropy.random_id().expect("randomness");
    Some(format!("{}/tests/{id}", bucket.trim_end_matches('/')))
}
