//! Numbers that depend on nothing but a seed.

use std::sync::atomic::{AtomicU64, Ordering};

use orlop_backend::{Entropy, RandomId, Result};

/// Everything that could be otherwise is thrown with these, and they fall as the seed says.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(mixed(seed)))
    }

    /// The next number, of all that there are (`SplitMix64`).
    pub(crate) fn number(&self) -> u64 {
        mixed(self.0.fetch_add(STRIDE, Ordering::Relaxed).wrapping_add(STRIDE))
    }

    /// A number below `sides`, of which there must be one at least.
    pub(crate) fn below(&self, sides: u64) -> u64 {
        let product = u128::from(self.number()) * u128::from(sides);
        u64::try_from(product >> 64).unwrap_or_default()
    }

    /// The same, to choose one of several things by its place.
    pub(crate) fn throw(&self, sides: usize) -> usize {
        usize::try_from(self.below(sides as u64)).unwrap_or_default()
    }

    /// Whether one in so many times has come; never for 0.
    pub(crate) fn one_in(&self, times: u64) -> bool {
        times > 0 && self.below(times) == 0
    }

    /// A number from `low` to `high`, small ones as likely as large ones: first the magnitude is
    /// chosen, and then the number.
    pub(crate) fn spread(&self, low: u64, high: u64) -> u64 {
        let (low, high) = (low.max(1), high.max(low + 1));
        let magnitudes = u64::from((high / low).ilog2()) + 1;
        let from = low << self.below(magnitudes);
        (from + self.below(from)).min(high)
    }
}

impl Entropy for Dice {
    fn random_id(&self) -> Result<RandomId> {
        let half = || u128::from(self.number());
        Ok(RandomId::from_bits(half() << 64 | half()))
    }
}

fn mixed(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_and_another_one_decides_otherwise() {
        let thrown = |seed| {
            let dice = Dice::new(seed);
            (0..20).map(|_| dice.number()).collect::<Vec<_>>()
        };
        assert_eq!(thrown(7), thrown(7));
        assert_ne!(thrown(7), thrown(8));
    }

    #[test]
    fn what_is_thrown_is_in_its_bounds() {
        let dice = Dice::new(1);
        let mut seen = [0; 6];
        for _ in 0..6000 {
            seen[dice.throw(6)] += 1;
            assert!((20..=700).contains(&dice.spread(20, 700)));
            assert!(!dice.one_in(0) && dice.one_in(1));
        }
        assert!(seen.iter().all(|times| (800..1200).contains(times)), "{seen:?}");
    }
}
