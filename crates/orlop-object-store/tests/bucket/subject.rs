//! Buckets to try the contract on.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use orlop_backend::{Entropy, Environment, Key, SystemEntropy};
use orlop_contract::{Damage, Subject};
use orlop_object_store::{Bucket, ObjectStoreOptions, open, open_on};

use crate::strict::StrictBucket;

/// A bucket in this process's memory.
#[derive(Debug)]
pub(crate) struct InMemoryBucket {
    objects: Arc<StrictBucket>,
    options: ObjectStoreOptions,
}

impl InMemoryBucket {
    pub(crate) fn new(options: ObjectStoreOptions) -> Self {
        Self { objects: Arc::default(), options }
    }
}

#[async_trait::async_trait]
impl Subject for InMemoryBucket {
    async fn open(&self) -> Environment {
        let bucket = Bucket::new(self.objects.clone()).with_prefix("some/where");
        open_on(bucket.expect("a prefix"), &self.options).await.expect("a store")
    }

    async fn damage(&self, key: &Key, change: Damage) {
        damage(&*self.objects, &format!("some/where/records/{key}"), change).await;
    }
}

/// A prefix of its own in a bucket of a server.
#[derive(Debug)]
pub(crate) struct ServerBucket {
    url: String,
}

impl ServerBucket {
    /// The server that the environment names.
    pub(crate) fn find() -> Option<Self> {
        let bucket = std::env::var("ORLOP_TEST_S3").ok()?;
        let id = SystemEntropy.random_id().expect("randomness");
        Some(Self { url: format!("{}/contract/{id}", bucket.trim_end_matches('/')) })
    }
}

#[async_trait::async_trait]
impl Subject for ServerBucket {
    async fn open(&self) -> Environment {
        open(&self.url, &ObjectStoreOptions::default()).await.expect("a store")
    }

    async fn damage(&self, key: &Key, change: Damage) {
        let url = self.url.parse().expect("a URL");
        let variables = std::env::vars().filter(|(name, _)| name.contains('_'));
        let (objects, prefix) =
            object_store::parse_url_opts(&url, variables).expect("a configured bucket");
        damage(&*objects, &format!("{prefix}/records/{key}"), change).await;
    }
}

async fn damage(objects: &dyn ObjectStore, path: &str, change: Damage) {
    let path = Path::from(path);
    let stored = objects.get(&path).await.expect("a record").bytes().await.expect("its bytes");
    let mut stored = stored.to_vec();
    change(&mut stored);
    objects.put(&path, stored.into()).await.expect("changed");
}
