//! How the engine fails.

use std::error::Error as StdError;
use std::fmt;

use orlop_oci::Invalid;

/// A failure, or a request that cannot be met. Absence is not an error: it is a `None`.
///
/// The message names the thing and, where two values disagree, both; it can be shown to a client.
/// [`Error::kind`] says what to do about it and which code of the spec it is.
///
/// ```
/// use orlop_engine::{Error, ErrorKind};
///
/// let error = Error::from("a//b".parse::<orlop_oci::RepositoryName>().unwrap_err());
/// assert_eq!(error.kind(), ErrorKind::NameInvalid);
/// assert_eq!(error.kind().code(), "NAME_INVALID");
/// ```
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// A result whose failure is the engine's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A record cannot be read; it was not used. The store needs a scrub.
    Corrupt,
    /// Policy forbids it.
    Denied,
    /// The bytes do not have the digest that they were said to have, or it is no digest.
    DigestInvalid,
    /// The store has no room.
    Full,
    /// A manifest refers to something that the repository does not have. Push that first.
    ManifestBlobUnknown,
    /// It is no manifest, or one that is not accepted.
    ManifestInvalid,
    /// A manifest is larger than the limit.
    ManifestTooLarge,
    /// A manifest that the call needs is not there.
    ManifestUnknown,
    /// It is no repository name.
    NameInvalid,
    /// The store's state is not what the caller asked for as a condition.
    Precondition,
    /// A chunk does not begin where the upload ends. Ask for the status and go on from there.
    RangeInvalid,
    /// The store could not be reached, or others got in the way too often. Try again.
    Unavailable,
    /// Somebody else is writing to the upload, or has gone on with it.
    UploadConflict,
    /// The upload ended while it was being written.
    UploadUnknown,
    /// This store or this configuration does not do that.
    Unsupported,
}

impl ErrorKind {
    /// The error code of the distribution-spec (section "Error Codes"); failures of the store
    /// have a code of their own, `UNKNOWN`.
    pub fn code(self) -> &'static str {
        match self {
            ErrorKind::Denied => "DENIED",
            ErrorKind::DigestInvalid => "DIGEST_INVALID",
            ErrorKind::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            ErrorKind::ManifestInvalid | ErrorKind::Precondition => "MANIFEST_INVALID",
            ErrorKind::ManifestUnknown => "MANIFEST_UNKNOWN",
            ErrorKind::NameInvalid => "NAME_INVALID",
            ErrorKind::ManifestTooLarge => "SIZE_INVALID",
            ErrorKind::RangeInvalid | ErrorKind::UploadConflict => "BLOB_UPLOAD_INVALID",
            ErrorKind::UploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            ErrorKind::Unsupported => "UNSUPPORTED",
            ErrorKind::Corrupt | ErrorKind::Full | ErrorKind::Unavailable => "UNKNOWN",
        }
    }
}

impl Error {
    /// An error with a message: lower case, no full stop, naming the thing.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<orlop_backend::Error> for Error {
    fn from(error: orlop_backend::Error) -> Self {
        let kind = match error.kind() {
            orlop_backend::ErrorKind::Corrupt => ErrorKind::Corrupt,
            orlop_backend::ErrorKind::Full => ErrorKind::Full,
            _ => ErrorKind::Unavailable,
        };
        Self { kind, message: "the store failed".into(), source: Some(error.into()) }
    }
}

impl From<Invalid> for Error {
    fn from(error: Invalid) -> Self {
        let kind = match error.noun() {
            "digest" | "digest algorithm" | "hash state" => ErrorKind::DigestInvalid,
            "repository name" => ErrorKind::NameInvalid,
            _ => ErrorKind::ManifestInvalid,
        };
        Self::new(kind, error.to_string())
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
