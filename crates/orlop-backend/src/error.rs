//! How a backend fails.

use std::error::Error as StdError;
use std::fmt;

/// A failure of a backend. Absence and conflict are answers, not errors.
///
/// The message names the thing and, where two values disagree, both. [`Error::kind`] is what a
/// caller may branch on; the source is the failure underneath, if there is one.
///
/// ```
/// use orlop_backend::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Full, "cannot write record b/x");
/// assert_eq!(error.kind(), ErrorKind::Full);
/// assert_eq!(error.to_string(), "cannot write record b/x");
/// ```
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What is stored is torn, foreign or of an unknown format. Nothing of it was used.
    Corrupt,
    /// The medium has no room. Free some and try again.
    Full,
    /// The call breaks a rule of the contract.
    Misuse,
    /// A sync failed earlier, so nothing that was written since can be trusted to be durable.
    /// The backend refuses every write until it is opened anew.
    Stopped,
    /// The medium could not be reached or did not answer. Trying again may help.
    Unavailable,
}

/// A result whose failure is a backend's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure with a message: lower case, no full stop, naming the thing.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// A failure that came from another one underneath.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
