//! Names that are never used twice.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// 128 random bits, written as 26 characters of lower-case base32.
///
/// A name made of one is written by one owner, deleted once, and never used again, so a late or
/// repeated request can only ever hit what is already dead.
///
/// ```
/// use orlop_backend::RandomId;
///
/// let id = RandomId::from_bits(7);
/// assert_eq!(id.to_string(), "aaaaaaaaaaaaaaaaaaaaaaaaah");
/// assert_eq!(id.to_string().parse::<RandomId>()?, id);
/// # Ok::<(), orlop_backend::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RandomId(u128);

impl RandomId {
    /// Length as text, in bytes.
    pub const TEXT_BYTES: usize = 26;

    /// The id with these bits; fresh ones come from [`crate::Entropy`].
    pub fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// Its bits.
    pub fn to_bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for RandomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; Self::TEXT_BYTES];
        for (place, digit) in text.iter_mut().rev().enumerate() {
            *digit = ALPHABET[(self.0 >> (5 * place)) as usize & 31];
        }
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for RandomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RandomId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || {
            let shown: String = text.chars().take(40).collect();
            let message = format!("invalid id {shown:?}: expected 26 characters of base32");
            Err(Error::new(ErrorKind::Misuse, message))
        };
        let text = text.as_bytes();
        if text.len() != Self::TEXT_BYTES {
            return refuse();
        }
        // By the word: every record that is read has some.
        match [0..2, 2..14, 14..26].map(|digits| bits(&text[digits])) {
            [Some(head @ 0..=0xff), Some(high), Some(low)] => {
                Ok(Self(u128::from(head) << 120 | u128::from(high) << 60 | u128::from(low)))
            }
            _ => refuse(), // or more than 128 bits
        }
    }
}

/// The bits of up to 12 digits.
fn bits(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |bits, digit| {
        let digit = match digit {
            b'a'..=b'z' => digit - b'a',
            b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        Some(bits << 5 | u64::from(digit))
    })
}

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_shown_parses_back(bits: u128) {
            let id = RandomId::from_bits(bits);
            prop_assert_eq!(id.to_string().parse::<RandomId>().unwrap(), id);
        }

        #[test]
        fn what_parses_is_shown_the_same(text in "[a-z2-8]{25,27}") {
            if let Ok(id) = text.parse::<RandomId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
