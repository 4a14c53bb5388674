//! The name of an upload session.

use std::fmt;
use std::str::FromStr;

use orlop_backend::ExtentId;
use orlop_oci::Invalid;

/// The name of an upload session. Whoever knows it can write to it, so it is random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(pub(crate) ExtentId);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let id = text.parse().map_err(|_| {
            Invalid::new("upload id", text, "expected 26 characters of lower-case base32")
        })?;
        Ok(Self(id))
    }
}
