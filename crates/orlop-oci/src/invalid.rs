//! The one way in which parsing a word fails.

use std::fmt;

/// A value that is not what it claims to be.
///
/// The message names the kind of thing, the value (cut after 80 characters) and the rule that it
/// breaks, so that it can be shown to a client as it is.
///
/// ```
/// let error = "UPPER".parse::<orlop_oci::RepositoryName>().unwrap_err();
/// assert_eq!(error.noun(), "repository name");
/// assert!(error.to_string().starts_with("invalid repository name \"UPPER\": "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {noun} {value}: {reason}")]
pub struct Invalid {
    noun: &'static str,
    value: Shown,
    reason: String,
}

impl Invalid {
    /// Says that `value` is no `noun`, because of `reason` (lower case, no full stop).
    pub fn new(noun: &'static str, value: impl AsRef<str>, reason: impl Into<String>) -> Self {
        Self { noun, value: Shown::new(value.as_ref()), reason: reason.into() }
    }

    /// The kind of thing that the value was taken for: `"digest"`, `"tag"`, `"manifest"` …
    pub fn noun(&self) -> &'static str {
        self.noun
    }

    /// The rule that the value breaks.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// A value as it appears in a message: quoted, escaped and of bounded length.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    head: String,
    length: usize,
}

impl Shown {
    fn new(value: &str) -> Self {
        Self { head: value.chars().take(SHOWN_CHARS_MAX).collect(), length: value.chars().count() }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.head)?;
        if self.length > SHOWN_CHARS_MAX {
            write!(f, "… ({} characters)", self.length)?;
        }
        Ok(())
    }
}

const SHOWN_CHARS_MAX: usize = 80;
