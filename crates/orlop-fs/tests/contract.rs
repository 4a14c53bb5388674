//! The filesystem backend under the contract.

use std::fs;

use orlop_backend::{Environment, Key};
use orlop_contract::{Damage, Subject};
use orlop_fs::FsOptions;

#[derive(Debug)]
struct Directory {
    path: tempfile::TempDir,
    options: FsOptions,
}

impl Directory {
    fn new(durable: bool) -> Self {
        let path = tempfile::tempdir().expect("a directory");
        let options = FsOptions { durable };
        Self { path, options }
    }
}

#[async_trait::async_trait]
impl Subject for Directory {
    async fn open(&self) -> Environment {
        orlop_fs::open(self.path.path(), &self.options).expect("a store")
    }

    async fn damage(&self, key: &Key, change: Damage) {
        let path = self.path.path().join("records").join(key.as_str());
        let mut bytes = fs::read(&path).expect("a record");
        change(&mut bytes);
        fs::write(&path, bytes).expect("changed");
    }
}

mod durable {
    use super::*;

    orlop_contract::contract!(Directory::new(true));
}

mod not_durable {
    use super::*;

    orlop_contract::contract!(Directory::new(false));
}
