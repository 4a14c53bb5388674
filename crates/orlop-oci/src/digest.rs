//! What a blob or a manifest is called by its content.

use std::fmt;
use std::str::FromStr;

use crate::word::serde_as_text;
use crate::{Algorithm, Invalid};

/// A content digest, `algorithm ":" lower-case hex` (distribution-spec, "Definitions").
///
/// A digest that was parsed is a claim about some bytes; [`crate::Verified`] is the proof.
///
/// ```
/// use orlop_oci::{Algorithm, Digest};
///
/// let digest = Digest::of(Algorithm::Sha256, b"");
/// assert_eq!(
///     digest.to_string(),
///     "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
/// );
/// assert_eq!(digest.to_string().parse::<Digest>()?, digest);
/// assert!("sha256:E3B0".parse::<Digest>().is_err());
/// # Ok::<(), orlop_oci::Invalid>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    /// The hash, followed by zeroes up to the longest algorithm.
    hash: [u8; 64],
}

impl Digest {
    /// Hashes `bytes` at once. For bytes that arrive in pieces there is [`crate::Hasher`].
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = crate::Hasher::new(algorithm);
        hasher.update(bytes);
        *hasher.finish().digest()
    }

    /// The algorithm that made it.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hash itself.
    pub fn hash(&self) -> &[u8] {
        &self.hash[..self.algorithm.hash_bytes()]
    }

    /// The part behind the colon: lower-case hex.
    pub fn encoded(&self) -> String {
        self.hash().iter().fold(
            String::with_capacity(2 * self.algorithm.hash_bytes()),
            |mut hex, byte| {
                hex.push(char::from(HEX[usize::from(byte >> 4)]));
                hex.push(char::from(HEX[usize::from(byte & 0xf)]));
                hex
            },
        )
    }

    pub(crate) fn from_hash(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hash = [0; 64];
        hash[..algorithm.hash_bytes()].copy_from_slice(bytes);
        Self { algorithm, hash }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.encoded())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

serde_as_text!(Digest);

impl FromStr for Digest {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (algorithm, encoded) = text.split_once(':').ok_or_else(|| {
            Invalid::new("digest", text, "expected \"algorithm:hex\", found no colon")
        })?;
        let algorithm: Algorithm = algorithm
            .parse()
            .map_err(|error: Invalid| Invalid::new("digest", text, error.to_string()))?;
        let expected = 2 * algorithm.hash_bytes();
        if encoded.len() != expected {
            let found = encoded.len();
            return Err(Invalid::new(
                "digest",
                text,
                format!("expected {expected} hex digits behind {algorithm}, found {found}"),
            ));
        }
        let mut hash = [0; 64];
        for (byte, pair) in hash.iter_mut().zip(encoded.as_bytes().chunks_exact(2)) {
            let (Some(high), Some(low)) = (nibble(pair[0]), nibble(pair[1])) else {
                return Err(Invalid::new("digest", text, "expected lower-case hex digits"));
            };
            *byte = high << 4 | low;
        }
        Ok(Self { algorithm, hash })
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_shown_parses_back(bytes: Vec<u8>) {
            for algorithm in Algorithm::ALL {
                let digest = Digest::of(algorithm, &bytes);
                prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            }
        }

        #[test]
        fn what_parses_is_shown_the_same(text in "(sha256|sha512|md5)?:?[0-9a-fA-F]{60,130}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = text.parse::<Digest>();
        }
    }

    #[test]
    fn a_message_names_both_lengths() {
        let error = "sha256:abc".parse::<Digest>().unwrap_err();
        assert!(error.to_string().contains("expected 64 hex digits behind sha256, found 3"));
    }
}
