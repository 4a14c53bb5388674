//! Lists that are older than they seem.

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use orlop_backend::{Entry, ExtentEntry, Prefix, Result};

use super::Seen;

/// What there was when the list began, each entry at its time: meanwhile some are gone, and some
/// have come that are not in it. A walk comes in any order.
pub(super) fn entries<'l>(
    list: BoxStream<'l, Result<Entry>>,
    seen: &Seen,
    prefix: &Prefix,
    is_walk: bool,
) -> BoxStream<'l, Result<Entry>> {
    let place = prefix.to_string();
    paced(list, seen, is_walk, move |entry: &Entry| format!("list {place}: {}", entry.key))
}

/// The same for extents.
pub(super) fn extents<'l>(
    walk: BoxStream<'l, Result<ExtentEntry>>,
    seen: &Seen,
) -> BoxStream<'l, Result<ExtentEntry>> {
    paced(walk, seen, true, |extent| format!("walk extents: {} {:?}", extent.id, extent.state))
}

fn paced<'l, T: Send + 'l>(
    list: BoxStream<'l, Result<T>>,
    seen: &Seen,
    is_in_any_order: bool,
    shown: impl Fn(&T) -> String + Send + Sync + 'l,
) -> BoxStream<'l, Result<T>> {
    let (seen, first) = (seen.clone(), seen.clone());
    let taken = async move {
        let mut entries: Vec<T> = list.try_collect().await?;
        if is_in_any_order && first.stage.dice.one_in(2) {
            shuffle(&mut entries, &first);
        }
        Ok(stream::iter(entries).map(Ok))
    };
    let entries = stream::once(taken).try_flatten();
    entries
        .and_then(move |entry| {
            let (seen, what) = (seen.clone(), shown(&entry));
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
