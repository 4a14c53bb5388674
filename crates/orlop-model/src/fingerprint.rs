//! 64 bits that tell states apart, and maps that take them as they are.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// Mixes words into 64 bits. Of a hundred million states, two are taken for one with a probability
/// of one in four thousand.
pub(crate) fn fingerprint(words: &[u32]) -> u64 {
    let (pairs, rest) = words.as_chunks::<2>();
    let mixed = pairs.iter().fold(words.len() as u64, |mixed, [low, high]| {
        mix(mixed ^ (u64::from(*low) | u64::from(*high) << 32))
    });
    let mixed = rest.iter().fold(mixed, |mixed, word| mix(mixed ^ u64::from(*word)));
    mix(mixed)
}

fn mix(bits: u64) -> u64 {
    let product = u128::from(bits ^ 0x9e37_79b9_7f4a_7c15) * 0xa3b1_95c5_4a32_d193;
    let (high, low) = (product >> 64, product & u128::from(u64::MAX));
    u64::try_from(high ^ low).unwrap_or_default()
}

/// Takes a fingerprint for its own hash.
#[derive(Clone, Debug, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub(crate) type Map = HashMap<u64, u64, BuildHasherDefault<AsItIs>>;
pub(crate) type Set = HashSet<u64, BuildHasherDefault<AsItIs>>;
