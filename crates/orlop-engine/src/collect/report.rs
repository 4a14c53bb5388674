//! What a collection did.

use std::ops::AddAssign;

use orlop_backend::Key;

use crate::{Error, ErrorKind, Result};

/// What a collection did, or would do if it is a dry run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// Things that a run looks at, as far as it knows: upload sessions, candidates, and untagged
    /// manifests if they are to be deleted.
    pub items: u64,
    /// How many of them it has looked at.
    pub looked_at: u64,
    /// Blobs that were deleted.
    pub blobs: u64,
    /// The bytes that they had.
    pub bytes: u64,
    /// Uploads that were given up, because nobody went on with them.
    pub uploads: u64,
    /// What was left of uploads that were overtaken or cut off.
    pub leftovers: u64,
    /// Manifests that were deleted because nothing kept them.
    pub untagged: u64,
    /// Edges that nothing stands behind any more.
    pub edges: u64,
    /// Deleted manifests whose deleter had not tidied up.
    pub manifests: u64,
    /// Calls to the backend, which on a bucket are about as many requests; what was listed counts
    /// once for each thousand names.
    pub calls: u64,
    /// What is kept, for the time being, and why.
    pub kept: Kept,
    /// Records that could not be read. What they may refer to is kept.
    pub unreadable: Vec<Unreadable>,
}

/// What a collection keeps, and why. Something counts each time that it is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kept {
    /// Blobs that a manifest refers to.
    pub referenced: u64,
    /// Blobs and untagged manifests whose lease is not over.
    pub leased: u64,
    /// Blobs to which a push that is under way may be about to refer.
    pub in_flight: u64,
    /// Uploads that somebody went on with lately.
    pub uploads: u64,
    /// Manifests that nothing keeps but their time, which is not over.
    pub untagged: u64,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// Where it is.
    pub key: Key,
    /// What is wrong with it.
    pub reason: String,
}

impl Collected {
    /// Notes that a record could not be read because of what is stored there; a failure of the way
    /// to it is the run's.
    pub(super) fn set_aside(&mut self, key: &Key, error: Error) -> Result<()> {
        if error.kind() != ErrorKind::Corrupt {
            return Err(error);
        }
        self.unreadable.push(Unreadable { key: key.clone(), reason: error.to_string() });
        Ok(())
    }
}

impl AddAssign for Collected {
    fn add_assign(&mut self, other: Self) {
        self.items += other.items;
        self.looked_at += other.looked_at;
        self.blobs += other.blobs;
        self.bytes += other.bytes;
        self.uploads += other.uploads;
        self.leftovers += other.leftovers;
        self.untagged += other.untagged;
        self.edges += other.edges;
        self.manifests += other.manifests;
        self.calls += other.calls;
        self.kept.referenced += other.kept.referenced;
        self.kept.leased += other.kept.leased;
        self.kept.in_flight += other.kept.in_flight;
        self.kept.uploads += other.kept.uploads;
        self.kept.untagged += other.kept.untagged;
        self.unreadable.extend(other.unreadable);
    }
}
