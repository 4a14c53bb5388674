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
//! r/<repo>/e/<manifest>/t.<tag>.<inc>.<life> marker  edge: a tag is on a manifest
//! r/<repo>/e/<manifest>/i.<index>.<inc>      marker  edge: an index names a child
//! r/<repo>/s/<subject>/<manifest>.<inc>      marker  edge: a manifest is about a subject
//! q/<0-f>/<id>                               record  candidate for collection
//! n/<0-f>/<hash>                             record  manifest that nothing kept
//! x/<0-f>/<hash>                             record  bytes of a record that could not be read
//! ```
//!
//! `<blob>`, `<manifest>`, `<index>` and `<subject>` are digests as `<alg>-<hex>`; `<aa>` are the
//! first two digits. `<repo>` is the repository's name with `!` for `/`, so that every list lies
//! on one level, a repository directly before those nested in it. `<inc>` is the incarnation of
//! the manifest that makes the edge, or for a tag of the one that it is on; `<life>` is the
//! incarnation of the tag itself. An edge counts if, and only if, those records hold these
//! incarnations now. So an edge that is left over means nothing, and deleting one late can never
//! hit a newer one. `<hash>` is the SHA-256 of repository and digest of the manifest, or of the
//! key and the bytes of the record that could not be read.

mod place;

use orlop_backend::{ExtentId, Key, Prefix, RandomId};
use orlop_oci::{Algorithm, Digest, RepositoryName, Tag};

pub(crate) use self::place::{Maker, Place};
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
    incarnation: RandomId,
    tag: &Tag,
    life: RandomId,
) -> Result<Key> {
    let name = format!("t.{tag}.{incarnation}.{life}");
    Ok(manifest_edges(repository, manifest)?.key(&name)?)
}

/// Who says that a manifest is referred to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ManifestEdge {
    Tag { tag: Tag, incarnation: RandomId, life: RandomId },
    Index { index: Digest, incarnation: RandomId },
}

/// From the name of an edge of a manifest; `None` if it is foreign.
pub(crate) fn parse_manifest_edge(name: &str) -> Option<ManifestEdge> {
    if let Some(index) = name.strip_prefix("i.") {
        let (index, incarnation) = parse_edge_name(index)?;
        return Some(ManifestEdge::Index { index, incarnation });
    }
    let (rest, life) = name.strip_prefix("t.")?.rsplit_once('.')?;
    let (tag, incarnation) = rest.rsplit_once('.')?;
    let (tag, life) = (tag.parse().ok()?, life.parse().ok()?);
    Some(ManifestEdge::Tag { tag, incarnation: incarnation.parse().ok()?, life })
}

/// The repository and the edge, from the key of a manifest's edge.
pub(crate) fn parse_manifest_edge_key(key: &Key) -> Option<(RepositoryName, ManifestEdge)> {
    let repository = unflat(key.as_str().split('/').nth(1)?)?;
    Some((repository, parse_manifest_edge(key.name())?))
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
    Some((undashed(manifest)?, incarnation.parse().ok()?))
}

/// Where a list of edges goes on behind all those of one manifest.
pub(crate) fn behind_edges_of(manifest: &Digest) -> String {
    format!("{}~", dashed(manifest)) // `~` is greater than the dot that follows
}

/// That of a push has the id of its incarnation.
pub(crate) fn candidate(id: RandomId) -> Result<Key> {
    let id = id.to_string();
    let shard = format!("{:x}", id.as_bytes()[0] & 0xf);
    Ok(Key::new([CANDIDATES, &shard, &id])?)
}

/// Where candidates are.
pub(crate) fn candidates() -> Result<Vec<Prefix>> {
    shards(CANDIDATES)
}

/// The record which says that nothing kept a manifest.
pub(crate) fn untagged(repository: &RepositoryName, manifest: &Digest) -> Result<Key> {
    let name = format!("{repository}@{manifest}");
    let hash = Digest::of(Algorithm::Sha256, name.as_bytes()).encoded();
    Ok(Key::new([UNTAGGED, &hash[..1], &hash])?)
}

/// Where the bytes of a record are kept that could not be read: the same for the same bytes.
pub(crate) fn aside(key: &Key, bytes: &[u8]) -> Result<Key> {
    let hash = Digest::of(Algorithm::Sha256, &[key.as_str().as_bytes(), b"\n", bytes].concat());
    let hash = hash.encoded();
    Ok(Key::new([ASIDE, &hash[..1], &hash])?)
}

/// Every record that could not be read.
pub(crate) fn asides() -> Result<Prefix> {
    Ok(Prefix::new([ASIDE])?)
}

/// Where the manifests are named that nothing kept.
pub(crate) fn all_untagged() -> Result<Vec<Prefix>> {
    shards(UNTAGGED)
}

fn shards(place: &str) -> Result<Vec<Prefix>> {
    (0..16).map(|shard| Ok(Prefix::new([place, &format!("{shard:x}")])?)).collect()
}

/// Where the records of blobs are, so that each place is listed on one level.
pub(crate) fn blob_shards() -> Result<Vec<Prefix>> {
    let shards = Algorithm::ALL
        .into_iter()
        .flat_map(|algorithm| (0..=u8::MAX).map(move |shard| (algorithm, format!("{shard:02x}"))));
    shards.map(|(algorithm, shard)| Ok(Prefix::new(["b", algorithm.as_str(), &shard])?)).collect()
}

/// Everything of a repository but that it exists.
pub(crate) fn contents_of(repository: &RepositoryName) -> Result<Prefix> {
    Ok(Prefix::new(["r", &flat(repository)])?)
}

/// The inverse of [`Key::as_str`].
pub(crate) fn parse(key: &str) -> Result<Key> {
    Ok(Key::new(key.split('/'))?)
}

/// Every record of a blob.
pub(crate) fn blobs() -> Result<Prefix> {
    Ok(Prefix::new(["b"])?)
}

/// Every link.
pub(crate) fn all_links() -> Result<Prefix> {
    Ok(Prefix::new(["l"])?)
}

/// Every edge of a blob.
pub(crate) fn edges_of_all_blobs() -> Result<Prefix> {
    Ok(Prefix::new(["e"])?)
}

/// Manifests, tags, and their edges, of all repositories.
pub(crate) fn contents() -> Result<Prefix> {
    Ok(Prefix::new(["r"])?)
}

/// What collections look at besides sessions: candidates, and manifests that nothing kept.
pub(crate) fn notes() -> Result<Vec<Prefix>> {
    Ok(vec![Prefix::new([CANDIDATES])?, Prefix::new([UNTAGGED])?])
}

/// A repository's name as one segment. `!` sorts before all characters of a name.
pub(crate) fn flat(repository: &RepositoryName) -> String {
    repository.as_str().replace('/', "!")
}

/// The inverse of [`flat`].
pub(crate) fn unflat(segment: &str) -> Option<RepositoryName> {
    segment.replace('!', "/").parse().ok()
}

const ASIDE: &str = "x";
const CANDIDATES: &str = "q";
const UNTAGGED: &str = "n";

fn dashed(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm(), digest.encoded())
}

/// The inverse of [`dashed`].
fn undashed(segment: &str) -> Option<Digest> {
    segment.replacen('-', ":", 1).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_come_back_from_keys(
            name in "[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?(/[a-z0-9]{1,5}){0,3}",
            tag in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}",
            bits: u128,
            life: u128,
            content: Vec<u8>,
        ) {
            let name: RepositoryName = name.parse().unwrap();
            let tag_: Tag = tag.parse().unwrap();
            let (id, life) = (RandomId::from_bits(bits), RandomId::from_bits(life));
            prop_assert_eq!(unflat(repository(&name).unwrap().name()), Some(name.clone()));
            for algorithm in Algorithm::ALL {
                let digest = Digest::of(algorithm, &content);
                let edge = tag_edge(&name, &digest, id, &tag_, life).unwrap();
                let parsed = ManifestEdge::Tag { tag: tag_.clone(), incarnation: id, life };
                prop_assert_eq!(parse_manifest_edge(edge.name()), Some(parsed));
                let edge = edge_name(&digest, id);
                prop_assert_eq!(parse_edge_name(&edge), Some((digest, id)));
                prop_assert!(edge < behind_edges_of(&digest));
                let edge = child_edge(&name, &digest, &digest, id).unwrap();
                let parsed = ManifestEdge::Index { index: digest, incarnation: id };
                prop_assert_eq!(parse_manifest_edge(edge.name()), Some(parsed));
            }
        }
    }

    #[test]
    fn the_longest_names_fit() {
        let name: RepositoryName = "a".repeat(RepositoryName::BYTES_MAX).parse().unwrap();
        let tag: Tag = "t".repeat(Tag::BYTES_MAX).parse().unwrap();
        let digest = Digest::of(Algorithm::Sha512, b"");
        let id = RandomId::from_bits(u128::MAX);
        assert!(tag_edge(&name, &digest, id, &tag, id).is_ok());
        assert!(child_edge(&name, &digest, &digest, id).is_ok());
        assert!(link(id.into(), &name).is_ok());
        assert!(blob_edges(&digest, &name).unwrap().key(&edge_name(&digest, id)).is_ok());
    }
}
