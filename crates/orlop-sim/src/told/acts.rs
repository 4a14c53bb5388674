//! Acts of clients on one thing, and whether one of them was alone with it.

/// The acts on a thing: those that are under way, and those whose end nobody knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acts {
    begun: u64,
    running: u64,
    /// Who was not told what became of his act. A request of his that comes late may still do it.
    unsure: Vec<usize>,
}

/// What an act found when it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Began {
    begun: u64,
    was_quiet: bool,
}

impl Acts {
    /// An act begins.
    pub(crate) fn begin(&mut self, late_of: impl Fn(usize) -> usize) -> Began {
        let was_quiet = self.is_quiet(late_of);
        self.begun += 1;
        self.running += 1;
        Began { begun: self.begun, was_quiet }
    }

    /// It ended, and its author was told what became of it; or he was not.
    pub(crate) fn end(&mut self, actor: usize, is_sure: bool) {
        self.running -= 1;
        if !is_sure {
            self.unsure.push(actor);
        }
    }

    /// What somebody finds who does something else to the thing.
    pub(crate) fn look(&mut self, late_of: impl Fn(usize) -> usize) -> Began {
        let was_quiet = self.is_quiet(late_of);
        Began { begun: self.begun, was_quiet }
    }

    /// Whether no act has been under way since then, but for that one.
    pub(crate) fn is_undisturbed(&self, since: Began) -> bool {
        since.was_quiet && self.begun == since.begun
    }

    /// Whether none is under way, and none can happen any more.
    pub(crate) fn is_quiet(&mut self, late_of: impl Fn(usize) -> usize) -> bool {
        self.unsure.retain(|actor| late_of(*actor) > 0);
        self.running == 0 && self.unsure.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_is_alone_if_no_other_one_overlaps() {
        let mut acts = Acts::default();
        let first = acts.begin(|_| 0);
        let second = acts.begin(|_| 0);
        acts.end(0, true);
        assert!(!acts.is_undisturbed(first)); // the second one began
        acts.end(1, true);
        assert!(!acts.is_undisturbed(second)); // the first one was under way
        let third = acts.begin(|_| 0);
        acts.end(0, true);
        assert!(acts.is_undisturbed(third));
    }

    #[test]
    fn an_act_without_an_answer_is_over_when_nothing_of_it_is_on_its_way() {
        let mut acts = Acts::default();
        acts.begin(|_| 0);
        acts.end(4, false);
        assert!(!acts.is_quiet(|actor| usize::from(actor == 4)));
        assert!(acts.is_quiet(|_| 0));
        assert!(acts.is_quiet(|_| 1)); // what comes now is of something else
    }
}
