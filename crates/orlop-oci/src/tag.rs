//! A name that is given to a manifest.

use std::str::FromStr;

use crate::Invalid;
use crate::word::text_word;

/// A tag, `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (distribution-spec, "Pulling manifests").
///
/// Case matters, and tags are ordered by their bytes.
///
/// ```
/// use orlop_oci::Tag;
///
/// assert!("v1.2.3-rc_4".parse::<Tag>().is_ok());
/// assert!(".hidden".parse::<Tag>().is_err());
/// assert!("x".repeat(129).parse::<Tag>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Box<str>);

impl Tag {
    /// Longest tag, in bytes.
    pub const BYTES_MAX: usize = 128;
}

text_word!(Tag);

impl FromStr for Tag {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |reason: &str| Err(Invalid::new("tag", text, reason));
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        match text.as_bytes() {
            [] => refuse("it is empty"),
            bytes if bytes.len() > Self::BYTES_MAX => {
                let (length, max) = (bytes.len(), Self::BYTES_MAX);
                refuse(&format!("{length} bytes long, at most {max} are allowed"))
            }
            [first, ..] if !is_word(*first) => refuse("must begin with a letter, a digit or \"_\""),
            [_, rest @ ..] if !rest.iter().all(|b| is_word(*b) || matches!(b, b'.' | b'-')) => {
                refuse("may have only letters, digits, \"_\", \".\" and \"-\"")
            }
            _ => Ok(Self(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_tag_of_the_grammar_is_accepted(text in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}") {
            let parsed: Tag = text.parse().unwrap();
            prop_assert_eq!(parsed.as_str(), text);
        }

        #[test]
        fn a_foreign_character_is_refused(head in "[a-z]{0,3}", foreign in "[^a-zA-Z0-9._-]") {
            let text = format!("{head}{foreign}");
            prop_assert!(text.parse::<Tag>().is_err());
        }
    }
}
