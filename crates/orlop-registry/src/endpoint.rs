//! Which endpoint of the spec a path is.

use orlop::{Invalid, RepositoryName};
use percent_encoding::percent_decode_str;

/// An endpoint, with the parts of the path that it needs still as text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/v2/` (end-1)
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/<name>/blobs/<digest>` (end-2, end-10)
    Blob(RepositoryName, String),
    /// `/v2/<name>/manifests/<reference>` (end-3, end-7, end-9)
    Manifest(RepositoryName, String),
    /// `/v2/<name>/blobs/uploads/` (end-4, end-11)
    Uploads(RepositoryName),
    /// `/v2/<name>/blobs/uploads/<id>` (end-5, end-6, end-13, end-14)
    Upload(RepositoryName, String),
    /// `/v2/<name>/tags/list` (end-8)
    Tags(RepositoryName),
    /// `/v2/<name>/referrers/<digest>` (end-12)
    Referrers(RepositoryName, String),
}

impl Endpoint {
    /// Reads a raw path; `None` if no endpoint has that form.
    ///
    /// The name is taken as it stands: no valid name needs percent-encoding, so a `%2f` cannot
    /// become a slash. The last part is decoded, because clients write a digest's colon as `%3A`.
    pub(crate) fn parse(path: &str) -> Option<Result<Self, Invalid>> {
        let rest = path.strip_prefix("/v2")?;
        let rest = match rest {
            "" | "/" => return Some(Ok(Self::Base)),
            "/_catalog" => return Some(Ok(Self::Catalog)),
            rest => rest.strip_prefix('/')?,
        };
        if let Some(name) = rest.strip_suffix("/blobs/uploads/") {
            return Some(name.parse().map(Self::Uploads));
        }
        let (rest, last) = rest.rsplit_once('/')?;
        let decoded = || percent_decode_str(last).decode_utf8_lossy().into_owned();
        let endpoint = |name: &str, of: fn(RepositoryName, String) -> Self| {
            Some(name.parse().map(|name| of(name, decoded())))
        };
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            endpoint(name, Self::Upload)
        } else if let Some(name) = rest.strip_suffix("/blobs") {
            match last {
                "uploads" => Some(name.parse().map(Self::Uploads)),
                _ => endpoint(name, Self::Blob),
            }
        } else if let Some(name) = rest.strip_suffix("/manifests") {
            endpoint(name, Self::Manifest)
        } else if let Some(name) = rest.strip_suffix("/referrers") {
            endpoint(name, Self::Referrers)
        } else {
            let name = rest.strip_suffix("/tags").filter(|_| last == "list")?;
            Some(name.parse().map(Self::Tags))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(path: &str) -> Endpoint {
        Endpoint::parse(path).unwrap().unwrap()
    }

    #[test]
    fn every_endpoint_has_its_form() {
        let name = || "a/b".parse().unwrap();
        assert_eq!(parse("/v2"), Endpoint::Base);
        assert_eq!(parse("/v2/_catalog"), Endpoint::Catalog);
        assert_eq!(parse("/v2/a/b/blobs/x%3Ay"), Endpoint::Blob(name(), "x:y".into()));
        assert_eq!(parse("/v2/a/b/manifests/x"), Endpoint::Manifest(name(), "x".into()));
        assert_eq!(parse("/v2/a/b/blobs/uploads/"), Endpoint::Uploads(name()));
        assert_eq!(parse("/v2/a/b/blobs/uploads"), Endpoint::Uploads(name()));
        assert_eq!(parse("/v2/a/b/blobs/uploads/i"), Endpoint::Upload(name(), "i".into()));
        assert_eq!(parse("/v2/a/b/tags/list"), Endpoint::Tags(name()));
        assert_eq!(parse("/v2/a/b/referrers/x"), Endpoint::Referrers(name(), "x".into()));
    }

    #[test]
    fn names_that_look_like_endpoints_are_names() {
        let name = "tags/list/blobs/uploads".parse().unwrap();
        assert_eq!(parse("/v2/tags/list/blobs/uploads/tags/list"), Endpoint::Tags(name));
    }

    #[test]
    fn no_encoding_gets_a_bad_name_through() {
        for name in ["..", "a%2fb", "a%2Fb", "a%00b", "A", "a//b", "", "a/../b", "%2e%2e"] {
            let path = format!("/v2/{name}/manifests/x");
            assert!(Endpoint::parse(&path).is_none_or(|endpoint| endpoint.is_err()), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_it_panic(path: String) {
            let _ = Endpoint::parse(&path);
            let _ = Endpoint::parse(&format!("/v2/{path}"));
        }
    }
}
