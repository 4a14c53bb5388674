//! Where a record or a marker is.

use std::borrow::Borrow;
use std::fmt;

use crate::{Error, ErrorKind, Result};

/// The key of a record or a marker: segments joined by `/`.
///
/// A segment has 1 to 255 of the characters `A-Z a-z 0-9 . _ ! -` and does not begin with a dot,
/// so that it can be a file name and an object name as it stands. Case matters. No key may
/// lead another (`a` and `a/b`); the engine's layout never does that.
///
/// ```
/// use orlop_backend::Key;
///
/// let key = Key::new(["r", "library!nginx", "t", "latest"])?;
/// assert_eq!(key.as_str(), "r/library!nginx/t/latest");
/// assert_eq!(key.name(), "latest");
/// assert!(Key::new(["..", "etc"]).is_err());
/// # Ok::<(), orlop_backend::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Box<str>);

impl Key {
    /// Joins segments. Fails if there are none or one of them has a forbidden character.
    pub fn new<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> Result<Self> {
        join(segments).map(|text| Self(text.into()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// The segments in front of the last one; `None` for a key of one segment.
    pub fn parent(&self) -> Option<Prefix> {
        let (parent, _) = self.0.rsplit_once('/')?;
        Some(Prefix(parent.into()))
    }
}

/// The leading segments that keys have in common.
///
/// ```
/// use orlop_backend::Prefix;
///
/// let tags = Prefix::new(["r", "library!nginx", "t"])?;
/// assert_eq!(tags.key("latest")?.as_str(), "r/library!nginx/t/latest");
/// # Ok::<(), orlop_backend::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(Box<str>);

impl Prefix {
    /// Joins segments. Fails if there are none or one of them has a forbidden character.
    pub fn new<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> Result<Self> {
        join(segments).map(|text| Self(text.into()))
    }

    /// The key that adds one segment.
    pub fn key(&self, name: &str) -> Result<Key> {
        join_behind(&self.0, [name]).map(|text| Key(text.into()))
    }

    /// The prefix as text, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What `key` has behind this prefix, or `None` if it lies elsewhere.
    pub fn strip<'k>(&self, key: &'k Key) -> Option<&'k str> {
        key.as_str().strip_prefix(self.as_str())?.strip_prefix('/')
    }
}

fn join<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> Result<String> {
    join_behind("", segments)
}

/// Joins segments behind those that were joined before.
fn join_behind<S: AsRef<str>>(
    before: &str,
    segments: impl IntoIterator<Item = S>,
) -> Result<String> {
    let mut text = String::with_capacity(KEY_BYTES_USUAL);
    text.push_str(before);
    for segment in segments {
        let segment = segment.as_ref();
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"._!-".contains(&b);
        if segment.is_empty()
            || segment.len() > SEGMENT_BYTES_MAX
            || segment.starts_with('.')
            || !segment.bytes().all(is_allowed)
        {
            let shown: String = segment.chars().take(80).collect();
            let message = format!("invalid key segment {shown:?} behind {text:?}");
            return Err(Error::new(ErrorKind::Misuse, message));
        }
        if !text.is_empty() {
            text.push('/');
        }
        text.push_str(segment);
    }
    if text.is_empty() {
        return Err(Error::new(ErrorKind::Misuse, "a key needs a segment"));
    }
    Ok(text)
}

/// Orders and compares like its text.
impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.0)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const SEGMENT_BYTES_MAX: usize = 255;

/// Most keys have no more.
const KEY_BYTES_USUAL: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_is_its_prefix_and_its_name(
            segments in proptest::collection::vec("[a-zA-Z0-9_!-][a-zA-Z0-9._!-]{0,20}", 2..6),
        ) {
            let key = Key::new(&segments).unwrap();
            let parent = key.parent().unwrap();
            prop_assert_eq!(parent.strip(&key), Some(key.name()));
            prop_assert_eq!(parent.key(key.name()).unwrap(), key);
        }

        #[test]
        fn nothing_escapes_the_store(segment: String) {
            if Key::new(["r", &segment]).is_ok() {
                prop_assert!(!segment.contains(['/', '\\', '\0', '~', '%']));
                prop_assert!(!segment.starts_with('.') && !segment.is_empty());
            }
        }
    }
}
