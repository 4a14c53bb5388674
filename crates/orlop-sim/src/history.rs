//! What happened, one line for each step, for people.

use std::fmt::Write as _;
use std::sync::Mutex;

use crate::lock;

/// The lines of a schedule; empty unless they were asked for, because they cost more than what
/// they tell of.
#[derive(Debug, Default)]
pub(crate) struct History(Option<Mutex<Vec<String>>>);

impl History {
    pub(crate) fn new(is_kept: bool) -> Self {
        Self(is_kept.then(Mutex::default))
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Adds a line: when, where, who, what.
    pub(crate) fn line(&self, now: u64, process: &str, actor: &str, what: &str) {
        if let Some(lines) = &self.0 {
            let line = format!("{} {process:<6} {actor:<12} {}", clock_time(now), brief(what));
            lock(lines).push(line);
        }
    }

    pub(crate) fn take(&self) -> Vec<String> {
        self.0.as_ref().map(|lines| std::mem::take(&mut *lock(lines))).unwrap_or_default()
    }
}

/// Days, hours, minutes, seconds and thousandths since the beginning.
fn clock_time(millis: u64) -> String {
    let seconds = millis / 1000;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    format!("{days}d{hours:02}:{minutes:02}:{rest:02}.{:03}", millis % 1000)
}

/// The same text with the first letters of digests and ids in place of all of them.
fn brief(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let mut word = String::new();
    for letter in text.chars().chain([' ']) {
        if letter.is_ascii_lowercase() || letter.is_ascii_digit() {
            word.push(letter);
            continue;
        }
        if word.len() >= LONG_WORD {
            let _ = write!(short, "{}~", &word[..6]); // a string takes everything
        } else {
            short.push_str(&word);
        }
        word.clear();
        short.push(letter);
    }
    short.pop();
    short
}

/// As long as the text of a random id.
const LONG_WORD: usize = 26;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_short_and_says_when() {
        let history = History::new(true);
        let key = format!("b/sha256/ab/{}", "ab".repeat(32));
        history.line(90_061_007, "p1.2", "pusher 3", &format!("get {key}: nothing"));
        let expected = "1d01:01:01.007 p1.2   pusher 3     get b/sha256/ab/ababab~: nothing";
        assert_eq!(history.take(), [expected]);
    }
}
