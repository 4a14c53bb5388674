//! A backend whose answers get lost: the call fails, and has done its work or not.
//!
//! Whatever the caller was told, nothing dangles, and trying again succeeds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use orlop_backend::{
    Entry, Environment, Error, Expected, Key, Prefix, Record, Records, Removal, Result, Swap,
    Version,
};
use orlop_engine::{CollectOptions, Condition, ErrorKind};
use orlop_oci::Algorithm;

use crate::fixture::{
    extents, image_of, keys, new_store, open, pulls, push_blob, push_image, read_blob, repository,
    sha256, tagged,
};

/// Fails the n-th change, before or after it is done, or the n-th read.
#[derive(Debug)]
struct Lossy {
    inner: Arc<dyn Records>,
    until: AtomicU64,
    reads_until: AtomicU64,
    after: bool,
}

impl Lossy {
    async fn lose<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let lost = self.until.fetch_sub(1, Ordering::Relaxed) == 1;
        if lost && !self.after {
            return Err(Error::new(orlop_backend::ErrorKind::Unavailable, "the request got lost"));
        }
        let answer = work.await;
        if lost {
            return Err(Error::new(orlop_backend::ErrorKind::Unavailable, "the answer got lost"));
        }
        answer
    }
}

#[async_trait]
impl Records for Lossy {
    async fn get(&self, key: &Key) -> Result<Option<Record>> {
        if self.reads_until.fetch_sub(1, Ordering::Relaxed) == 1 {
            return Err(Error::new(orlop_backend::ErrorKind::Unavailable, "the request got lost"));
        }
        self.inner.get(key).await
    }

    async fn raw(&self, key: &Key) -> Result<Option<Bytes>> {
        self.inner.raw(key).await
    }

    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap> {
        self.lose(self.inner.swap_raw(key, found, value)).await
    }

    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap> {
        self.lose(self.inner.swap(key, expected, value)).await
    }

    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        self.lose(self.inner.remove(key, version)).await
    }

    async fn mark(&self, keys: &[Key]) -> Result<()> {
        self.lose(self.inner.mark(keys)).await
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        self.lose(self.inner.clear(keys)).await
    }

    fn list(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>> {
        self.inner.list(prefix, after)
    }

    fn walk(&self, prefix: &Prefix) -> BoxStream<'_, Result<Entry>> {
        self.inner.walk(prefix)
    }
}

impl Lossy {
    /// A store, and the same one with a loss that is not armed yet.
    async fn new_store(after: bool) -> (Environment, Environment, Arc<Self>) {
        let sound = new_store().await;
        let [until, reads_until] = [(); 2].map(|()| AtomicU64::new(u64::MAX));
        let lossy = Arc::new(Self { inner: sound.records.clone(), until, reads_until, after });
        (sound.clone(), Environment { records: lossy.clone(), ..sound }, lossy)
    }
}

#[tokio::test]
async fn any_one_lost_answer_leaves_nothing_dangling_and_a_retry_succeeds() {
    for after in [false, true] {
        let mut lost = 0;
        loop {
            lost += 1;
            let (sound, faulty, lossy) = Lossy::new_store(after).await;
            let faulty = open(faulty).await;
            lossy.until.store(lost, Ordering::Relaxed);
            let outcome = story(&repository(&faulty, "a")).await;
            let was_lost = lossy.until.load(Ordering::Relaxed) > u64::MAX / 2
                || lossy.until.load(Ordering::Relaxed) == 0;
            check(&sound).await;
            let again = open(sound.clone()).await;
            story(&repository(&again, "a")).await.unwrap();
            check(&sound).await;
            if outcome.is_ok() && !was_lost {
                break; // the story has fewer changes than that
            }
        }
        assert!(lost > 20, "{lost} changes");
    }
}

#[tokio::test]
async fn an_abort_that_was_cut_off_is_finished_by_the_next_one() {
    for after in [false, true] {
        for lost in 1..=2 {
            let (sound, faulty, lossy) = Lossy::new_store(after).await;
            let faulty = open(faulty).await;
            let mut upload =
                repository(&faulty, "a").begin_upload(Algorithm::Sha256).await.unwrap();
            upload.write("abandoned".into()).await.unwrap();
            upload.pause().await.unwrap();
            lossy.until.store(lost, Ordering::Relaxed);
            faulty.collect(&IDLE, &()).await.unwrap_err();

            let again = open(sound.clone()).await;
            again.collect(&IDLE, &()).await.unwrap();
            assert_eq!(extents(&sound).await, []);
            assert_eq!(keys(&sound, "u").await, []);
        }
    }
}

#[tokio::test]
async fn a_tag_stays_whose_manifest_could_not_be_looked_at() {
    for read in 1.. {
        let (sound, faulty, lossy) = Lossy::new_store(false).await;
        let a = repository(&open(sound).await, "a");
        push_image(&a, "one", &["latest"]).await;
        let two = push_image(&a, "two", &[]).await.digest;
        let unsure = repository(&open(faulty).await, "a");
        lossy.reads_until.store(read, Ordering::Relaxed);
        let outcome = unsure.set_tag(&"latest".parse().unwrap(), &two, Condition::Any).await;
        let found = pulls(&a, "latest").await;
        assert!(found.is_some(), "it is gone when read {read} gets lost");
        if outcome.is_ok() {
            assert!(read > 3 && found == Some(two));
            break; // there are fewer reads than that
        }
    }
}

/// Everything that changes something, in a row.
async fn story(a: &orlop_engine::Repository) -> orlop_engine::Result<()> {
    let one = push_blob(a, "one").await?;
    let two = push_blob(a, "two").await?;
    a.put_manifest(&image_of(&one, None), &tagged(&["v1", "latest"])).await?;
    a.put_manifest(&image_of(&two, None), &tagged(&["v2", "latest"])).await?;
    a.delete_tag(&"v2".parse()?, Condition::Any).await?;
    a.delete_manifest(image_of(&one, None).digest()).await?;
    match a.delete_blob(&one).await {
        // The edge of a push whose answer got lost counts until it is collected.
        Err(error) if error.kind() == ErrorKind::Denied => Ok(()),
        other => other.map(drop),
    }
}

/// Whatever is visible is whole.
async fn check(store: &Environment) {
    let registry = open(store.clone()).await;
    let a = repository(&registry, "a");
    for content in ["one", "two"] {
        let digest = sha256(content.as_bytes());
        let image = image_of(&digest, None);
        let blob = read_blob(&a, &digest).await;
        assert!(blob.is_none_or(|blob| blob == content));
        if pulls(&a, &image.digest().to_string()).await.is_some() {
            assert!(a.blob(&digest).await.unwrap().is_some());
        }
    }
    for tag in ["v1", "v2", "latest"] {
        if let Some(digest) = pulls(&a, tag).await {
            assert_eq!(pulls(&a, &digest.to_string()).await, Some(digest));
        }
    }
}

const IDLE: CollectOptions = CollectOptions {
    lease: Duration::from_hours(1),
    upload_idle: Duration::ZERO,
    untagged: None,
    dry_run: false,
    at_once: 1,
};
