//! The digest algorithms that Orlop computes.

use std::fmt;
use std::str::FromStr;

use crate::Invalid;

/// A digest algorithm: the two that the OCI image-spec registers.
///
/// ```
/// use orlop_oci::Algorithm;
///
/// assert_eq!("sha512".parse::<Algorithm>()?, Algorithm::Sha512);
/// assert_eq!(Algorithm::default().to_string(), "sha256");
/// assert!("md5".parse::<Algorithm>().is_err());
/// # Ok::<(), orlop_oci::Invalid>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-256, which every registry must support.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Every algorithm that there is.
    pub const ALL: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512];

    /// The name as it stands before the colon of a digest.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// Length of the hash in bytes.
    pub fn hash_bytes(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or_else(|| {
            Invalid::new("digest algorithm", text, "expected \"sha256\" or \"sha512\"")
        })
    }
}
