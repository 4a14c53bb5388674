//! Records and markers as a process sees them.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use orlop_backend::{
    Entry, Expected, Key, Prefix, Record, Records, Removal, Result, Swap, Version,
};

use super::{Seen, listing};
use crate::stage::Fate;

#[derive(Debug)]
pub(super) struct View {
    pub(super) inner: Arc<dyn Records>,
    pub(super) seen: Seen,
}

#[async_trait]
impl Records for View {
    async fn get(&self, key: &Key) -> Result<Option<Record>> {
        self.seen.look(|| format!("get {key}")).await?;
        let found = self.inner.get(key).await;
        self.seen.note(|| format!("get {key}: {}", outcome(&found, Option::is_some)));
        found
    }

    async fn raw(&self, key: &Key) -> Result<Option<Bytes>> {
        self.seen.look(|| format!("raw {key}")).await?;
        let found = self.inner.raw(key).await;
        self.seen.note(|| format!("raw {key}: {}", outcome(&found, Option::is_some)));
        found
    }

    async fn swap_raw(&self, key: &Key, found: &Bytes, value: Bytes) -> Result<Swap> {
        let what = || format!("swap raw {key}");
        let Seen { stage, process } = &self.seen;
        stage.arrive(process, true, what).await?;
        let fate = stage.fate();
        if fate == Fate::Late {
            let (inner, key, found) = (self.inner.clone(), key.clone(), found.clone());
            return self.seen.send_late(what, async move {
                inner.swap_raw(&key, &found, value).await.map(|swap| format!("{key}: {swap:?}"))
            });
        }
        let swapped = self.inner.swap_raw(key, found, value).await;
        self.seen.note(|| {
            format!("swap raw {key}: {}", outcome(&swapped, |swap| *swap != Swap::Conflict))
        });
        stage.answer(process, fate, swapped, what)
    }

    async fn swap(&self, key: &Key, expected: Expected<'_>, value: Bytes) -> Result<Swap> {
        let what = || format!("swap {key}");
        let Seen { stage, process } = &self.seen;
        stage.arrive(process, true, what).await?;
        let fate = stage.fate();
        if fate == Fate::Late {
            let (inner, key) = (self.inner.clone(), key.clone());
            let expected = match expected {
                Expected::Absent => None,
                Expected::Version(version) => Some(version.clone()),
            };
            return self.seen.send_late(what, async move {
                let expected = expected.as_ref().map_or(Expected::Absent, Expected::Version);
                inner.swap(&key, expected, value).await.map(|swap| format!("{key}: {swap:?}"))
            });
        }
        let shown = stage.history.is_kept().then(|| shown(&value));
        let swapped = self.inner.swap(key, expected, value).await;
        self.seen.note(|| {
            let is_stored = outcome(&swapped, |swap| *swap != Swap::Conflict);
            format!("swap {key}: {is_stored}, {}", shown.unwrap_or_default())
        });
        stage.answer(process, fate, swapped, what)
    }

    async fn remove(&self, key: &Key, version: &Version) -> Result<Removal> {
        let what = || format!("remove {key}");
        let Seen { stage, process } = &self.seen;
        stage.arrive(process, false, what).await?;
        let fate = stage.fate();
        if fate == Fate::Late {
            let (inner, key, version) = (self.inner.clone(), key.clone(), version.clone());
            return self.seen.send_late(what, async move {
                inner.remove(&key, &version).await.map(|done| format!("remove {key}: {done:?}"))
            });
        }
        let removed = self.inner.remove(key, version).await;
        self.seen.note(|| {
            format!("remove {key}: {}", outcome(&removed, |done| *done == Removal::Removed))
        });
        stage.answer(process, fate, removed, what)
    }

    /// One after the other, so that a death in between leaves some.
    async fn mark(&self, keys: &[Key]) -> Result<()> {
        for key in keys {
            self.change_marker(key, true).await?;
        }
        Ok(())
    }

    async fn clear(&self, keys: &[Key]) -> Result<()> {
        for key in keys {
            self.change_marker(key, false).await?;
        }
        Ok(())
    }

    /// Gone; or there again, as after a crash, which whoever forgets something must bear.
    async fn forget(&self, keys: &[Key]) -> Result<()> {
        for key in keys {
            let Seen { stage, process } = &self.seen;
            if stage.dice.one_in(BACK_AGAIN) {
                stage.arrive(process, false, || format!("forget {key}")).await?;
                self.seen.note(|| format!("forget {key}: it is there again"));
            } else {
                self.change_marker(key, false).await?;
            }
        }
        Ok(())
    }

    fn list(&self, prefix: &Prefix, after: Option<&str>) -> BoxStream<'_, Result<Entry>> {
        listing::list(&self.inner, &self.seen, prefix, after)
    }

    fn walk(&self, prefix: &Prefix) -> BoxStream<'_, Result<Entry>> {
        listing::walk(&self.inner, &self.seen, prefix)
    }
}

impl View {
    async fn change_marker(&self, key: &Key, is_marked: bool) -> Result<()> {
        let verb = if is_marked { "mark" } else { "clear" };
        let what = || format!("{verb} {key}");
        let Seen { stage, process } = &self.seen;
        stage.arrive(process, is_marked, what).await?;
        let fate = stage.fate();
        if fate == Fate::Late {
            let (inner, key) = (self.inner.clone(), key.clone());
            return self.seen.send_late(what, async move {
                change(&*inner, &key, is_marked).await.map(|()| format!("{verb} {key}"))
            });
        }
        let changed = change(&*self.inner, key, is_marked).await;
        self.seen.note(what);
        stage.answer(process, fate, changed, what)
    }
}

/// One of so many.
const BACK_AGAIN: u64 = 4;

async fn change(records: &dyn Records, key: &Key, is_marked: bool) -> Result<()> {
    let keys = std::slice::from_ref(key);
    if is_marked { records.mark(keys).await } else { records.clear(keys).await }
}

fn outcome<T>(answer: &Result<T>, is_yes: impl FnOnce(&T) -> bool) -> String {
    match answer {
        Ok(answer) => if is_yes(answer) { "yes" } else { "no" }.into(),
        Err(error) => error.to_string(),
    }
}

/// The first line of a value.
fn shown(value: &Bytes) -> String {
    let line = value.split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}
