//! Where a store is, as a person writes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use orlop::Environment;
use orlop::backend;
use orlop::object_store::ObjectStoreOptions;

/// A store's place: a path, `file:///path`, `s3://bucket/prefix`, `gs://bucket/prefix`,
/// `az://container/prefix`, or `memory:`.
///
/// ```
/// use orlop_registry::StoreUrl;
///
/// assert_eq!("./data".parse::<StoreUrl>()?.to_string(), "./data");
/// assert_eq!("file:///srv/data".parse::<StoreUrl>()?.to_string(), "/srv/data");
/// assert_eq!("s3://bucket/a/b".parse::<StoreUrl>()?.to_string(), "s3://bucket/a/b");
/// assert!("ftp://host/".parse::<StoreUrl>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreUrl {
    /// A directory, which is made if it is not there.
    Directory(PathBuf),
    /// A bucket, or a prefix in one, by its URL. How to reach it is in the environment.
    Bucket(String),
    /// This process's memory.
    Memory,
}

impl StoreUrl {
    /// Opens the place. Must be called within a tokio runtime.
    pub async fn open(&self) -> backend::Result<Environment> {
        match self {
            StoreUrl::Directory(path) => orlop::fs::open(path, &orlop::fs::FsOptions::default()),
            StoreUrl::Bucket(url) => {
                orlop::object_store::open(url, &ObjectStoreOptions::default()).await
            }
            StoreUrl::Memory => Ok(Environment::memory()),
        }
    }
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            _ if text.is_empty() => Err("a store needs a path or URL".into()),
            Some(("memory", "" | "//")) => Ok(Self::Memory),
            Some(("file", path)) => match path.strip_prefix("//").unwrap_or(path) {
                path if path.starts_with('/') => Ok(Self::Directory(path.into())),
                _ => Err(format!("{text:?} names no local directory, expected file:///path")),
            },
            Some((scheme, rest)) if BUCKETS.contains(&scheme) && rest.starts_with("//") => {
                Ok(Self::Bucket(text.into()))
            }
            Some((scheme, rest)) if rest.starts_with("//") => Err(format!(
                "{scheme:?} is no store that this version knows, expected a path, file:///path, \
                 s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or memory:"
            )),
            _ => Ok(Self::Directory(text.into())),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Directory(path) => path.display().fmt(f),
            StoreUrl::Bucket(url) => url.fmt(f),
            StoreUrl::Memory => f.write_str("memory"),
        }
    }
}

/// The schemes of buckets.
const BUCKETS: [&str; 7] = ["s3", "s3a", "gs", "az", "azure", "abfs", "abfss"];
