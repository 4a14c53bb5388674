//! What a schedule is about: a part of the catalog, so that everybody is at the same things.

use crate::catalog::CATALOG;
use crate::dice::Dice;

/// A part of the catalog, by places.
#[derive(Debug)]
pub(crate) struct Scope {
    repositories: Vec<usize>,
    tags: Vec<usize>,
    items: Vec<usize>,
}

impl Scope {
    pub(crate) fn new(dice: &Dice) -> Self {
        Self {
            repositories: some_of(CATALOG.repositories.len(), dice),
            tags: some_of(CATALOG.tags.len(), dice),
            items: some_of(CATALOG.items.len(), dice),
        }
    }

    pub(crate) fn repository(&self, dice: &Dice) -> usize {
        self.repositories[dice.throw(self.repositories.len())]
    }

    pub(crate) fn tag(&self, dice: &Dice) -> usize {
        self.tags[dice.throw(self.tags.len())]
    }

    pub(crate) fn item(&self, dice: &Dice) -> usize {
        self.items[dice.throw(self.items.len())]
    }

    /// Some of the tags, or none.
    pub(crate) fn tags(&self, dice: &Dice) -> Vec<usize> {
        self.tags.iter().copied().filter(|_| !dice.one_in(3)).collect()
    }
}

/// One at least.
fn some_of(count: usize, dice: &Dice) -> Vec<usize> {
    let kept = 1 + dice.throw(count);
    let mut places: Vec<usize> = (0..count).collect();
    while places.len() > kept {
        places.remove(dice.throw(places.len()));
    }
    places
}
