//! How a process runs: as a plain function that is begun again for every step.
//!
//! A process is a function over a [`Turn`], written as the engine is: each request to the store is
//! a call that ends with `?`. To take one step the function runs from its beginning; requests that
//! were answered before give the answers that the process remembers, the next one is made, and the
//! one behind it ends the turn. So between any two requests everything else can happen, and a
//! process that is never given a turn again has crashed.
//!
//! What need not be remembered is forgotten, or there would be as many states as histories:
//! [`Turn::call`] keeps of many answers one result, [`Turn::until`] nothing of what was in vain,
//! [`Turn::each`] how far it has come, and [`Turn::fold`] a sum besides.

use crate::process::Program;
use crate::safety;
use crate::setting::{Feature, Setting};
use crate::successors::told;
use crate::word::{OPEN, Word};
use crate::world::{Memory, World};

/// A value, or why there is none (yet).
pub(crate) type Flow<T> = Result<T, Pause>;

/// Why a process does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// Its next request is another turn's.
    Turn,
    /// It has nothing to do at the moment.
    Idle,
    /// A request failed with an error, which ends what it was doing.
    Failed,
    /// Something was lost, or does not end. Found while a process runs alone.
    Violation(String),
}

/// A process at work.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) setting: &'a Setting,
    pub(crate) world: &'a mut World,
    mode: Mode<'a>,
    /// Who it is, and where to tell what it does.
    story: Option<(String, &'a mut Vec<String>)>,
}

#[derive(Debug)]
enum Mode<'a> {
    /// One step of process `me`.
    Step { me: usize, at: usize, is_spent: bool, script: &'a mut Script },
    /// To the end, with nobody else around, in so many requests at most.
    Alone { requests_left: u32 },
}

/// The choices that are not the process's own, in the order in which they come up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// What is chosen, and out of how many.
    choices: Vec<(u8, u8)>,
    at: usize,
}

impl Script {
    fn choose(&mut self, count: u8) -> u8 {
        if self.at == self.choices.len() {
            self.choices.push((0, count));
        }
        self.at += 1;
        self.choices[self.at - 1].0
    }

    /// Goes to the next combination of choices; `false` if there is none left.
    pub(crate) fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((choice, count)) = self.choices.pop() {
            if choice + 1 < count {
                self.choices.push((choice + 1, count));
                return true;
            }
        }
        false
    }
}

impl<'a> Turn<'a> {
    pub(crate) fn step(
        setting: &'a Setting,
        world: &'a mut World,
        me: usize,
        script: &'a mut Script,
    ) -> Self {
        Self {
            setting,
            world,
            mode: Mode::Step { me, at: 0, is_spent: false, script },
            story: None,
        }
    }

    pub(crate) fn alone(setting: &'a Setting, world: &'a mut World) -> Self {
        let mode = Mode::Alone { requests_left: REQUESTS_ALONE_MAX };
        Self { setting, world, mode, story: None }
    }

    /// Has it tell what it does.
    pub(crate) fn told(mut self, who: String, story: &'a mut Vec<String>) -> Self {
        self.story = Some((who, story));
        self
    }

    /// Whether everybody else has crashed and every lease and every patience is over.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(self.mode, Mode::Alone { .. })
    }

    pub(crate) fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some((who, story)) = &mut self.story {
            story.push(told(who, &what()));
        }
    }

    /// One request to the store: what `act` does happens at once.
    pub(crate) fn request<W: Word>(&mut self, act: impl FnOnce(&mut Self) -> Flow<W>) -> Flow<W> {
        match &mut self.mode {
            Mode::Alone { requests_left } => {
                *requests_left = requests_left
                    .checked_sub(1)
                    .ok_or_else(|| Pause::Violation("collection does not end".to_owned()))?;
                let answer = act(self)?;
                safety::check(self.setting, self.world).map_err(Pause::Violation)?;
                Ok(answer)
            }
            Mode::Step { is_spent, .. } => {
                let was_spent = *is_spent;
                if let Some(word) = self.recall() {
                    return Ok(W::from_word(word));
                }
                if was_spent {
                    return Err(Pause::Turn);
                }
                if let Mode::Step { is_spent, .. } = &mut self.mode {
                    *is_spent = true;
                }
                let answer = act(self)?;
                self.remember(answer.word());
                Ok(answer)
            }
        }
    }

    /// What nobody decides: one of `count` things; `alone` if everybody else has crashed.
    pub(crate) fn choose(&mut self, count: u8, alone: u8) -> u8 {
        if self.is_alone() {
            return alone;
        }
        if let Some(word) = self.recall() {
            return u8::from_word(word);
        }
        let choice = self.fate(count);
        self.remember(choice.word());
        choice
    }

    /// As [`Turn::choose`] inside of a request, whose answer tells what was chosen.
    pub(crate) fn fate(&mut self, count: u8) -> u8 {
        match &mut self.mode {
            Mode::Step { script, .. } if count > 1 => script.choose(count),
            _ => 0,
        }
    }

    /// This process sees, or writes, that the blob has a lease.
    pub(crate) fn witness(&mut self) {
        if let Mode::Step { me, .. } = self.mode
            && self.setting.has(Feature::Leases)
            && matches!(self.setting.programs[me], Program::Client(_))
        {
            self.world.promises.witnesses |= 1 << me;
        }
    }

    /// Whether the lease that this process saw runs still.
    pub(crate) fn forget_witness(&mut self) -> bool {
        let Mode::Step { me, .. } = self.mode else { return false };
        let before = self.world.promises.witnesses;
        self.world.promises.witnesses &= !(1 << me);
        self.world.promises.witnesses != before
    }

    /// Remembers of all that happens in `body` only the result.
    pub(crate) fn call<W: Word>(&mut self, body: impl FnOnce(&mut Self) -> Flow<W>) -> Flow<W> {
        let start = match self.enter(0) {
            Frame::Over(word) => return Ok(W::from_word(word)),
            Frame::Open(start, _) => start,
        };
        let result = body(self)?;
        self.leave(start, result.word());
        Ok(result)
    }

    /// Does `body` again, with nothing remembered, until it has a result.
    pub(crate) fn until<W: Word>(
        &mut self,
        mut body: impl FnMut(&mut Self) -> Flow<Option<W>>,
    ) -> Flow<W> {
        let start = match self.enter(0) {
            Frame::Over(word) => return Ok(W::from_word(word)),
            Frame::Open(start, _) => start,
        };
        loop {
            if let Some(result) = body(self)? {
                self.leave(start, result.word());
                return Ok(result);
            }
            self.leave(start, OPEN);
        }
    }

    /// Does `body` for each of `items`, until one of them gives a result.
    pub(crate) fn each<T: Copy, W: Word>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut body: impl FnMut(&mut Self, T) -> Flow<Option<W>>,
    ) -> Flow<Option<W>> {
        let (start, done) = match self.enter(0) {
            Frame::Over(word) => return Ok(<Option<W>>::from_word(word)),
            Frame::Open(start, done) => (start, done),
        };
        for (done, item) in (done..).zip(items.into_iter().skip(usize::from(u8::from_word(done)))) {
            if let Some(result) = body(self, item)? {
                self.leave(start, Some(result).word());
                return Ok(Some(result));
            }
            self.leave(start, OPEN | (done + 1));
        }
        self.leave(start, <Option<W>>::None.word());
        Ok(None)
    }

    /// Does `body` for each of `items`, which adds to a sum and says whether to go on.
    pub(crate) fn fold<T: Copy, S: Word>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        zero: S,
        mut body: impl FnMut(&mut Self, T, S) -> Flow<(S, bool)>,
    ) -> Flow<S> {
        let (start, kept) = match self.enter(zero.word() << 8) {
            Frame::Over(word) => return Ok(S::from_word(word)),
            Frame::Open(start, kept) => (start, kept),
        };
        let (done, mut sum) = (u8::from_word(kept), S::from_word(kept >> 8));
        for (done, item) in (done..).zip(items.into_iter().skip(usize::from(done))) {
            let goes_on;
            (sum, goes_on) = body(self, item, sum)?;
            if !goes_on {
                break;
            }
            self.leave(start, OPEN | sum.word() << 8 | u32::from(done + 1));
        }
        self.leave(start, sum.word());
        Ok(sum)
    }

    fn recall(&mut self) -> Option<u32> {
        let Mode::Step { me, at, .. } = &mut self.mode else { return None };
        let word = self.world.memories[*me].used().get(*at).copied();
        *at += usize::from(word.is_some());
        word
    }

    fn remember(&mut self, word: u32) {
        if let Mode::Step { me, at, .. } = &mut self.mode {
            self.world.memories[*me].push(word);
            *at += 1;
        }
    }

    fn enter(&mut self, begin: u32) -> Frame {
        let Mode::Step { at, .. } = &self.mode else { return Frame::Open(0, begin) };
        let start = *at;
        match self.recall() {
            Some(word) if word & OPEN == 0 => Frame::Over(word),
            Some(word) => Frame::Open(start, word & !OPEN),
            None => {
                self.remember(OPEN | begin);
                Frame::Open(start, begin)
            }
        }
    }

    fn leave(&mut self, start: usize, word: u32) {
        if let Mode::Step { me, at, .. } = &mut self.mode {
            self.world.memories[*me].truncate(start);
            *at = start;
        }
        self.remember(word);
    }
}

enum Frame {
    /// The call has ended, with this result.
    Over(u32),
    /// It goes on; this is where its memory begins, and how far it has come.
    Open(usize, u32),
}

/// What is left of a process when its turn is over; `None` if it could do nothing.
pub(crate) fn memory_after<T>(turn: &Flow<T>, memory: Memory) -> Option<Memory> {
    match turn {
        Err(Pause::Turn) => Some(memory),
        Err(Pause::Idle) => None,
        Ok(_) | Err(Pause::Failed | Pause::Violation(_)) => Some(Memory::ENDED),
    }
}

const REQUESTS_ALONE_MAX: u32 = 2000;
