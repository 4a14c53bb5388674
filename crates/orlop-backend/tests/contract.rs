//! The memory backend under the contract.

use std::sync::Arc;

use orlop_backend::memory::MemoryRecords;
use orlop_backend::{Environment, Key, SystemClock, SystemEntropy};
use orlop_contract::{Damage, Subject};

#[derive(Debug)]
struct Memory {
    records: MemoryRecords,
    environment: Environment,
}

impl Memory {
    fn new() -> Self {
        let records = MemoryRecords::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
        let environment =
            Environment { records: Arc::new(records.clone()), ..Environment::memory() };
        Self { records, environment }
    }
}

#[async_trait::async_trait]
impl Subject for Memory {
    async fn open(&self) -> Environment {
        self.environment.clone()
    }

    async fn damage(&self, key: &Key, change: Damage) {
        self.records.damage(key, change);
    }
}

orlop_contract::contract!(Memory::new());
