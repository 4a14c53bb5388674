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
        if text.len() != Self::TEXT_BYTES {
            return refuse();
        }
        let mut bits = 0u128;
        for byte in text.bytes() {
            let digit = match byte {
                b'a'..=b'z' => byte - b'a',
                b'2'..=b'7' => byte - b'2' + 26,
                _ => return refuse(),
            };
            if bits >> 123 != 0 {
                return refuse(); // more than 128 bits
            }
            bits = bits << 5 | u128::from(digit);
        }
        Ok(Self(bits))
    }
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
