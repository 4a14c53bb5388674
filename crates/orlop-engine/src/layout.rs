//! The key space: which record or marker is where.
//!
//! ```text
//! store                                      record  what this store is
//! b/<alg>/<aa>/<hex>                         record  blob
//! l/<extent>/<repo>                          record  link: this extent is visible in that repository
//! e/<blob>/<repo>/<manifest>.<inc>           marker  edge: a manifest refers to a blob
//! u/<upload>                                 record  upload session; its id is that of its extent
//! c/<repo>                                   record  repository: it exists
//! r/<repo>/m/<manifest>                      record  manifest, with its bytes
//! r/<repo>/t/<tag>                           record  tag
//! r/<repo>/e/<manifest>/t.<tag>.<inc>        marker  edge: a tag is on a manifest
//! r/<repo>/e/<manifest>/i.<index>.<inc>      marker  edge: an index names a child
//! r/<repo>/s/<subject>/<manifest>.<inc>      marker  edge: a manifest is about a subject
//! q/<0-f>/<seconds>-<id>                     record  candidate for collection
//! ```
//!
//! `<blob>`, `<manifest>`, `<index>` and `<subject>` are digests as `<alg>-<hex>`; `<aa>` are the
//! first two digits. `<repo>` is the repository's name with `!` for `/`, so that every list lies
//! on one level, a repository directly before those nested in it. `<inc>` is the incarnation of
//! the manifest or tag that makes the edge: an edge counts if, and only if, that record holds
//! that incarnation now. So an edge that is left over means nothing, and deleting one late can
//! never hit a newer one.

use orlop_backend::{ExtentId, Key, Prefix, RandomId};
use orlop_oci::{Digest, RepositoryName, Tag};

use crate::Result;

pub(crate) fn store() -> Result<Key> {
    Ok(Key::new(["store"])?)
}

pub(crate) fn blob(digest: &Digest) -> Result<Key> {
    let hex = digest.encoded();
    Ok(Key::new(["b", digest.algorithm().as_str(), &hex[..2], &hex])?)
}

pub(crate) fn links(extent: ExtentId) -> Result<Prefix> {
    Ok(Prefix::new(["l", &extent.to_string()])?)
}

pub(crate) fn link(extent: ExtentId, repository: &RepositoryName) -> Result<Key> {
    Ok(links(extent)?.key(&flat(repository))?)
}

pub(crate) fn blob_edges(blob: &Digest, repository: &RepositoryName) -> Result<Prefix> {
    Ok(Prefix::new(["e", &dashed(blob), &flat(repository)])?)
}

pub(crate) fn uploads() -> Result<Prefix> {
    Ok(Prefix::new(["u"])?)
}

/// The edges of a blob in all repositories.
pub(crate) fn all_blob_edges(blob: &Digest) -> Result<Prefix> {
    Ok(Prefix::new(["e", &dashed(blob)])?)
}

/// The repository, the manifest and its incarnation, from the key of a blob's edge.
pub(crate) fn parse_blob_edge(key: &Key) -> Option<(RepositoryName, Digest, RandomId)> {
    let mut segments = key.as_str().split('/').skip(2);
    let repository = unflat(segments.next()?)?;
    let (manifest, incarnation) = parse_edge_name(segments.next()?)?;
    Some((repository, manifest, incarnation))
}

pub(crate) fn upload(extent: ExtentId) -> Result<Key> {
    Ok(uploads()?.key(&extent.to_string())?)
}

pub(crate) fn repositories() -> Result<Prefix> {
    Ok(Prefix::new(["c"])?)
}

pub(crate) fn repository(name: &RepositoryName) -> Result<Key> {
    Ok(repositories()?.key(&flat(name))?)
}

pub(crate) fn manifest(repository: &RepositoryName, digest: &Digest) -> Result<Key> {
    Ok(Key::new(["r", &flat(repository), "m", &dashed(digest)])?)
}

pub(crate) fn tags(repository: &RepositoryName) -> Result<Prefix> {
    Ok(Prefix::new(["r", &flat(repository), "t"])?)
}

pub(crate) fn tag(repository: &RepositoryName, tag: &Tag) -> Result<Key> {
    Ok(tags(repository)?.key(tag.as_str())?)
}

pub(crate) fn manifest_edges(repository: &RepositoryName, manifest: &Digest) -> Result<Prefix> {
    Ok(Prefix::new(["r", &flat(repository), "e", &dashed(manifest)])?)
}

pub(crate) fn tag_edge(
    repository: &RepositoryName,
    manifest: &Digest,
    tag: &Tag,
    incarnation: RandomId,
) -> Result<Key> {
    Ok(manifest_edges(repository, manifest)?.key(&format!("t.{tag}.{incarnation}"))?)
}

/// The tag and its incarnation, from the name of a tag's edge.
pub(crate) fn parse_tag_edge(name: &str) -> Option<(Tag, RandomId)> {
    let (tag, incarnation) = name.strip_prefix("t.")?.rsplit_once('.')?;
    Some((tag.parse().ok()?, incarnation.parse().ok()?))
}

pub(crate) fn child_edge(
    repository: &RepositoryName,
    child: &Digest,
    index: &Digest,
    incarnation: RandomId,
) -> Result<Key> {
    let name = format!("i.{}.{incarnation}", dashed(index));
    Ok(manifest_edges(repository, child)?.key(&name)?)
}

pub(crate) fn referrers(repository: &RepositoryName, subject: &Digest) -> Result<Prefix> {
    Ok(Prefix::new(["r", &flat(repository), "s", &dashed(subject)])?)
}

/// The name of an edge that a manifest makes, in the directory of its target.
pub(crate) fn edge_name(manifest: &Digest, incarnation: RandomId) -> String {
    format!("{}.{incarnation}", dashed(manifest))
}

/// The manifest and its incarnation, from the name of an edge.
pub(crate) fn parse_edge_name(name: &str) -> Option<(Digest, RandomId)> {
    let (manifest, incarnation) = name.split_once('.')?;
    let manifest = manifest.replacen('-', ":", 1);
    Some((manifest.parse().ok()?, incarnation.parse().ok()?))
}

/// Where a list of edges goes on behind all those of one manifest.
pub(crate) fn behind_edges_of(manifest: &Digest) -> String {
    format!("{}~", dashed(manifest)) // `~` is greater than the dot that follows
}

pub(crate) fn candidate(announced_secs: u64, id: RandomId) -> Result<Key> {
    let id = id.to_string();
    let shard = format!("{:x}", id.as_bytes()[0] & 0xf);
    Ok(Key::new([CANDIDATES, &shard, &format!("{announced_secs:010}-{id}")])?)
}

/// Where everything is that a collector looks at. It begins somewhere else each time, so that
/// several collectors meet seldom.
pub(crate) fn collected(random: RandomId) -> Result<Vec<Prefix>> {
    let mut places = vec![uploads()?];
    for shard in 0..16 {
        places.push(Prefix::new([CANDIDATES, &format!("{shard:x}")])?);
    }
    let first = random.to_string().bytes().map(usize::from).sum::<usize>() % places.len();
    places.rotate_left(first);
    Ok(places)
}

pub(crate) fn is_candidate(key: &Key) -> bool {
    key.as_str().split('/').next() == Some(CANDIDATES)
}

/// A repository's name as one segment. `!` sorts before all characters of a name.
pub(crate) fn flat(repository: &RepositoryName) -> String {
    repository.as_str().replace('/', "!")
}

/// The inverse of [`flat`].
pub(crate) fn unflat(segment: &str) -> Option<RepositoryName> {
    segment.replace('!', "/").parse().ok()
}

const CANDIDATES: &str = "q";

fn dashed(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm(), digest.encoded())
}

#[cfg(test)]
mod tests {
    use orlop_oci::Algorithm;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_come_back_from_keys(
            name in "[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?(/[a-z0-9]{1,5}){0,3}",
            tag in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}",
            bits: u128,
            content: Vec<u8>,
        ) {
            let name: RepositoryName = name.parse().unwrap();
            let tag_: Tag = tag.parse().unwrap();
            let id = RandomId::from_bits(bits);
            prop_assert_eq!(unflat(repository(&name).unwrap().name()), Some(name.clone()));
            for algorithm in Algorithm::ALL {
                let digest = Digest::of(algorithm, &content);
                let edge = tag_edge(&name, &digest, &tag_, id).unwrap();
                prop_assert_eq!(parse_tag_edge(edge.name()), Some((tag_.clone(), id)));
                let edge = edge_name(&digest, id);
                prop_assert_eq!(parse_edge_name(&edge), Some((digest, id)));
                prop_assert!(edge < behind_edges_of(&digest));
                prop_assert!(child_edge(&name, &digest, &digest, id).is_ok());
            }
        }
    }

    #[test]
    fn the_longest_names_fit() {
        let name: RepositoryName = "a".repeat(RepositoryName::BYTES_MAX).parse().unwrap();
        let tag: Tag = "t".repeat(Tag::BYTES_MAX).parse().unwrap();
        let digest = Digest::of(Algorithm::Sha512, b"");
        let id = RandomId::from_bits(u128::MAX);
        assert!(tag_edge(&name, &digest, &tag, id).is_ok());
        assert!(child_edge(&name, &digest, &digest, id).is_ok());
        assert!(link(id.into(), &name).is_ok());
        assert!(blob_edges(&digest, &name).unwrap().key(&edge_name(&digest, id)).is_ok());
    }
}
