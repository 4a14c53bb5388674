//! The words of the OCI distribution-spec as types that cannot hold an invalid value.
//!
//! Names, tags, digests, media types, descriptors and manifests are *parsed* here, once, at the
//! edge; behind it nobody checks them again. This crate does no I/O and knows no backend.
//!
//! Two ideas carry the rest of Orlop:
//!
//! * **Only hashing makes a digest trusted.** A [`Digest`] that came out of a request is a claim.
//!   A [`Verified`] can be made by a [`Hasher`] alone, from the bytes it has seen.
//! * **One function knows every edge.** [`Manifest::edges`] yields each descriptor that a manifest
//!   refers to together with its [`Role`]; reachability, deletion and checks all use it.
//!
//! ```
//! use orlop_oci::{Algorithm, Digest, Hasher, RepositoryName};
//!
//! let name: RepositoryName = "library/nginx".parse()?;
//! let claim: Digest =
//!     "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".parse()?;
//! let mut hasher = Hasher::new(Algorithm::Sha256);
//! hasher.update(b"hello");
//! assert_eq!(hasher.finish().digest(), &claim);
//! assert_eq!(name.as_str(), "library/nginx");
//! # Ok::<(), orlop_oci::Invalid>(())
//! ```

mod algorithm;
mod descriptor;
mod digest;
mod edge;
mod hasher;
mod invalid;
mod manifest;
mod media_type;
mod reference;
mod repository_name;
mod tag;
mod word;

pub use algorithm::Algorithm;
pub use descriptor::Descriptor;
pub use digest::Digest;
pub use edge::{Edge, Role};
pub use hasher::{HashState, Hasher, Verified};
pub use invalid::Invalid;
pub use manifest::Manifest;
pub use media_type::MediaType;
pub use reference::Reference;
pub use repository_name::RepositoryName;
pub use tag::Tag;
