//! Lists that are older than they seem.

use std::sync::Arc;

use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use orlop_backend::{Entry, ExtentEntry, Prefix, Records, Result};

use super::Seen;

/// A walk: what there was when it began, in any order.
pub(super) fn walk<'l>(
    records: &'l Arc<dyn Records>,
    seen: &Seen,
    prefix: &Prefix,
) -> BoxStream<'l, Result<Entry>> {
    let place = prefix.clone();
    let shown = move |entry: &Entry| format!("walk {place}: {}", entry.key);
    paced(taken(records.walk(prefix)), seen, true, shown)
}

/// A list: as a walk and in order; or each entry as it is when it is its turn.
pub(super) fn list<'l>(
    records: &'l Arc<dyn Records>,
    seen: &Seen,
    prefix: &Prefix,
    after: Option<&str>,
) -> BoxStream<'l, Result<Entry>> {
    let place = prefix.clone();
    let shown = move |entry: &Entry| format!("list {place}: {}", entry.key);
    let entries = taken(records.list(prefix, after));
    if entries.as_ref().is_ok_and(Vec::is_empty) || seen.stage.dice.one_in(2) {
        return paced(entries, seen, false, shown);
    }
    let (seen, prefix, after) = (seen.clone(), prefix.clone(), after.map(str::to_owned));
    let next = move |after: Option<String>| {
        let (seen, prefix, shown) = (seen.clone(), prefix.clone(), shown.clone());
        async move {
            seen.look(|| format!("list {prefix}")).await?;
            let found = records.list(&prefix, after.as_deref()).try_next().await?;
            Ok(found.map(|entry| {
                seen.note(|| shown(&entry));
                let name = entry.key.name().to_owned();
                (entry, Some(name))
            }))
        }
    };
    stream::try_unfold(after, next).boxed()
}

/// The extents that there were when it began.
pub(super) fn extents<'l>(
    walk: BoxStream<'l, Result<ExtentEntry>>,
    seen: &Seen,
) -> BoxStream<'l, Result<ExtentEntry>> {
    let shown = |extent: &ExtentEntry| format!("walk extents: {} {:?}", extent.id, extent.state);
    paced(taken(walk), seen, true, shown)
}

/// All of it as it is now: the store itself takes no time.
fn taken<T>(list: BoxStream<'_, Result<T>>) -> Result<Vec<T>> {
    let taken = list.try_collect().now_or_never();
    taken.unwrap_or_else(|| panic!("the store itself takes time"))
}

/// Each entry at its time: meanwhile some are gone, and some have come that are not in it.
fn paced<'l, T: Send + 'l>(
    entries: Result<Vec<T>>,
    seen: &Seen,
    is_in_any_order: bool,
    shown: impl Fn(&T) -> String + Send + Sync + 'l,
) -> BoxStream<'l, Result<T>> {
    let mut entries = match entries {
        Ok(entries) if entries.is_empty() => return stream::empty().boxed(),
        Ok(entries) => entries,
        Err(error) => return stream::iter([Err(error)]).boxed(),
    };
    if is_in_any_order && seen.stage.dice.one_in(2) {
        shuffle(&mut entries, seen);
    }
    let seen = seen.clone();
    stream::iter(entries)
        .map(Ok)
        .and_then(move |entry| {
            let seen = seen.clone();
            let is_told = seen.stage.history.is_kept();
            let what = if is_told { shown(&entry) } else { String::new() };
            async move {
                seen.look(|| what.clone()).await?;
                seen.note(|| what);
                Ok(entry)
            }
        })
        .boxed()
}

fn shuffle<T>(entries: &mut [T], seen: &Seen) {
    for place in (1..entries.len()).rev() {
        entries.swap(place, seen.stage.dice.throw(place + 1));
    }
}
