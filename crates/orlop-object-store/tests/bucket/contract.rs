//! A bucket under the contract: in memory with several shapes of parts, and on the S3 server that
//! `ORLOP_TEST_S3` names (`s3://bucket`), if there is one.

use orlop_object_store::ObjectStoreOptions;

use crate::subject::InMemoryBucket;

/// Parts so small that everything has many of them.
fn small_parts() -> ObjectStoreOptions {
    let mut options = ObjectStoreOptions::default();
    (options.part_bytes, options.loose_bytes_max) = (64 << 10, 1 << 10);
    options
}

/// So few parts in an object that everything has many of these.
fn small_spans() -> ObjectStoreOptions {
    let mut options = small_parts();
    options.parts_max = 3;
    options
}

mod default_parts {
    use super::*;

    orlop_contract::contract!(InMemoryBucket::new(ObjectStoreOptions::default()));
}

mod many_parts {
    use super::*;

    orlop_contract::contract!(InMemoryBucket::new(small_parts()));
}

mod many_spans {
    use super::*;

    orlop_contract::contract!(InMemoryBucket::new(small_spans()));
}

mod server {
    use crate::subject::ServerBucket;

    orlop_contract::contract!(match ServerBucket::find() {
        Some(bucket) => bucket,
        None => return eprintln!("skipped: ORLOP_TEST_S3 names no bucket of an S3 server"),
    });
}
