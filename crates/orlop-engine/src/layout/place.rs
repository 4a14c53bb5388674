//! What a key is that somebody found.

use orlop_backend::{ExtentId, Key, RandomId};
use orlop_oci::{Digest, RepositoryName, Tag};

use super::{ManifestEdge, parse_edge_name, parse_manifest_edge, undashed, unflat};

/// What is under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// What could not be read of another place.
    Aside,
    Blob(Digest),
    Candidate,
    /// The edge of a blob, a child or a subject.
    Edge(Maker),
    Link(ExtentId),
    Manifest(RepositoryName, Digest),
    Repository(RepositoryName),
    Session(ExtentId),
    Tag(RepositoryName, Tag),
    /// The edge of a tag: the manifest that it is on, the tag, and this life of it.
    TagEdge(Maker, Tag, RandomId),
    Untagged,
}

/// The manifest that made an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maker {
    pub(crate) repository: RepositoryName,
    pub(crate) manifest: Digest,
    pub(crate) incarnation: RandomId,
}

impl Place {
    /// `None` for a key that the layout does not have.
    pub(crate) fn of(key: &Key) -> Option<Self> {
        let segments: Vec<&str> = key.as_str().split('/').collect();
        Some(match *segments.as_slice() {
            ["b", algorithm, shard, hex] => {
                let is_sharded = shard.len() == 2 && hex.starts_with(shard);
                let digest = format!("{algorithm}:{hex}").parse().ok();
                Self::Blob(digest.filter(|_| is_sharded)?)
            }
            ["l", extent, repository] => {
                unflat(repository)?;
                Self::Link(extent.parse().ok()?)
            }
            ["e", blob, repository, edge] => {
                undashed(blob)?;
                Self::Edge(Maker::of(repository, edge)?)
            }
            ["u", extent] => Self::Session(extent.parse().ok()?),
            ["c", repository] => Self::Repository(unflat(repository)?),
            ["r", repository, "m", manifest] => {
                Self::Manifest(unflat(repository)?, undashed(manifest)?)
            }
            ["r", repository, "t", tag] => Self::Tag(unflat(repository)?, tag.parse().ok()?),
            ["r", repository, "e", manifest, edge] => {
                let (repository, manifest) = (unflat(repository)?, undashed(manifest)?);
                match parse_manifest_edge(edge)? {
                    ManifestEdge::Index { index, incarnation } => {
                        Self::Edge(Maker { repository, manifest: index, incarnation })
                    }
                    ManifestEdge::Tag { tag, incarnation, life } => {
                        Self::TagEdge(Maker { repository, manifest, incarnation }, tag, life)
                    }
                }
            }
            ["r", repository, "s", subject, edge] => {
                undashed(subject)?;
                Self::Edge(Maker::of(repository, edge)?)
            }
            ["q", _, id] => {
                id.parse::<RandomId>().ok()?;
                Self::Candidate
            }
            ["x", _, hash] => {
                undashed(&format!("sha256-{hash}"))?;
                Self::Aside
            }
            ["n", _, hash] => {
                undashed(&format!("sha256-{hash}"))?;
                Self::Untagged
            }
            _ => return None,
        })
    }
}

impl Maker {
    fn of(repository: &str, edge: &str) -> Option<Self> {
        let (manifest, incarnation) = parse_edge_name(edge)?;
        Some(Self { repository: unflat(repository)?, manifest, incarnation })
    }
}

#[cfg(test)]
mod tests {
    use orlop_oci::Algorithm;
    use proptest::prelude::*;

    use super::*;
    use crate::layout;

    proptest! {
        #[test]
        fn every_key_is_known_for_what_it_is(
            name in "[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?(/[a-z0-9]{1,5}){0,3}",
            tag in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}",
            bits: u128,
            life: u128,
            content: Vec<u8>,
        ) {
            let repository: RepositoryName = name.parse().unwrap();
            let tag: Tag = tag.parse().unwrap();
            let (incarnation, life) = (RandomId::from_bits(bits), RandomId::from_bits(life));
            let extent = ExtentId::from(incarnation);
            for algorithm in Algorithm::ALL {
                let digest = Digest::of(algorithm, &content);
                let maker =
                    Maker { repository: repository.clone(), manifest: digest, incarnation };
                let edge = layout::edge_name(&digest, incarnation);
                let blob_edges = layout::blob_edges(&digest, &repository).unwrap();
                let referrers = layout::referrers(&repository, &digest).unwrap();
                for (key, place) in [
                    (layout::blob(&digest), Place::Blob(digest)),
                    (layout::candidate(incarnation), Place::Candidate),
                    (layout::untagged(&repository, &digest), Place::Untagged),
                    (layout::aside(&layout::blob(&digest).unwrap(), &content), Place::Aside),
                    (Ok(blob_edges.key(&edge).unwrap()), Place::Edge(maker.clone())),
                    (Ok(referrers.key(&edge).unwrap()), Place::Edge(maker.clone())),
                    (
                        layout::child_edge(&repository, &digest, &digest, incarnation),
                        Place::Edge(maker.clone()),
                    ),
                    (layout::link(extent, &repository), Place::Link(extent)),
                    (
                        layout::manifest(&repository, &digest),
                        Place::Manifest(repository.clone(), digest),
                    ),
                    (layout::repository(&repository), Place::Repository(repository.clone())),
                    (layout::upload(extent), Place::Session(extent)),
                    (
                        layout::tag(&repository, &tag),
                        Place::Tag(repository.clone(), tag.clone()),
                    ),
                    (
                        layout::tag_edge(&repository, &digest, incarnation, &tag, life),
                        Place::TagEdge(maker, tag.clone(), life),
                    ),
                ] {
                    prop_assert_eq!(Place::of(&key.unwrap()), Some(place));
                }
            }
        }

        #[test]
        fn no_key_makes_it_panic(
            segments in proptest::collection::vec("[beluncrqmts]|[a-z0-9.!-]{1,40}", 1..6),
        ) {
            if let Ok(key) = Key::new(segments) {
                let _ = Place::of(&key);
            }
        }
    }
}
