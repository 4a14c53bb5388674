//! What a run remembers.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use orlop_backend::{ExtentId, Key};
use orlop_oci::{Digest, RepositoryName};

/// What a run has seen so far. Takes some tens of bytes for each extent, edge, session and blob.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Extents, as long as no record is known that names them.
    pub(super) extents: HashMap<ExtentId, Found>,
    /// Extents of which something is open.
    pub(super) open: Vec<ExtentId>,
    pub(super) sessions: HashSet<ExtentId>,
    /// Bytes that are durable of uploads which are not ended.
    pub(super) open_bytes: u64,
    /// How many of the sessions have become a blob.
    pub(super) installed: u64,
    pub(super) repositories: HashSet<RepositoryName>,
    /// Links whose extent was not there, as long as no blob is known that has its bytes inline.
    pub(super) dangling: HashMap<ExtentId, Vec<Key>>,
    /// Extents that a blob has and that are not there.
    pub(super) broken: HashSet<ExtentId>,
    pub(super) suspects: BTreeSet<Suspect>,
    /// Hashes of the keys of edges that no manifest and no tag was seen to make.
    edges: HashSet<u64>,
    /// Hashes of the digests of blobs that a manifest refers to.
    referenced: HashSet<u64>,
    hasher: RandomState,
}

/// A sealed extent as the walk found it, or what is inline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Length in bytes.
    pub(super) len: u64,
    pub(super) links: u64,
}

/// What a collection should look at, and perhaps never will.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Suspect {
    Blob(Digest),
    Manifest(RepositoryName, Digest),
    /// A manifest that lives, and that nothing seems to keep.
    Untagged(RepositoryName, Digest),
}

impl Known {
    /// An edge is marked.
    pub(super) fn edge(&mut self, key: &Key) {
        let hash = self.hash(key);
        self.edges.insert(hash);
    }

    /// Somebody stands behind an edge; `false` if it is not known to be marked.
    pub(super) fn account_for(&mut self, key: &Key) -> bool {
        let hash = self.hash(key);
        self.edges.remove(&hash)
    }

    /// Whether nobody was seen to stand behind an edge. In doubt, if two hashes are the same, or
    /// if the edge is a late one, nobody was.
    pub(super) fn is_unaccounted(&self, key: &Key) -> bool {
        self.edges.contains(&self.hash(key))
    }

    pub(super) fn refer_to(&mut self, blob: &Digest) {
        let hash = self.hash(blob);
        self.referenced.insert(hash);
    }

    pub(super) fn is_referred_to(&self, blob: &Digest) -> bool {
        self.referenced.contains(&self.hash(blob))
    }

    /// A blob has this extent, or has had it, and has its bytes inline if they are so many; says
    /// how it was found, and whether its session is still there.
    pub(super) fn claim(&mut self, extent: ExtentId, inline: Option<u64>) -> (Option<Found>, bool) {
        let has_session = self.sessions.contains(&extent);
        self.installed += u64::from(has_session);
        let found = match inline {
            Some(len) => {
                let links = self.dangling.remove(&extent).map_or(0, |links| links.len() as u64);
                Some(Found { len, links })
            }
            None => self.extents.remove(&extent),
        };
        (found, has_session)
    }

    fn hash(&self, what: &impl Hash) -> u64 {
        self.hasher.hash_one(what)
    }
}
