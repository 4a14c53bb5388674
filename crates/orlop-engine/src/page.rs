//! A part of a long list.

/// Items in ascending order, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// What to pass as `after` for the next page; `None` at the end of the list.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The first `limit` of `items`; one more than that says that the list goes on.
    pub(crate) fn cut(mut items: Vec<T>, limit: usize, name: impl Fn(&T) -> String) -> Self {
        let goes_on = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| goes_on).map(name);
        Self { items, next }
    }
}
