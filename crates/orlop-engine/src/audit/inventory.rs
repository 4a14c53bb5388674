//! What a store holds.

use std::ops::AddAssign;

/// What a store holds, and where its bytes are, at the beginning of an audit.
///
/// Every extent that was there then, and every blob that is in its record, is in exactly one of
/// [`referenced`](Self::referenced), [`unreferenced`](Self::unreferenced),
/// [`quarantined`](Self::quarantined), [`trash`](Self::trash), [`uploads`](Self::uploads) and
/// [`orphans`](Self::orphans), so they add up to [`extents`](Self::extents) and
/// [`inline`](Self::inline). Extents that were sealed later are in none of them. What a store holds
/// in all are these extents, the bytes of [`open_uploads`](Self::open_uploads), and
/// [`records`](Self::records).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inventory {
    /// Repositories that exist.
    pub repositories: u64,
    /// Tags that are on a manifest.
    pub tags: u64,
    /// Manifests. Their bytes are in records, not in extents.
    pub manifests: Amount,
    /// Those of them that neither a tag nor an index nor a subject keeps.
    pub untagged: u64,
    /// All extents that can be read.
    pub extents: Amount,
    /// Blobs that are in their records, and whose bytes are counted with these as well.
    pub inline: Amount,
    /// Blobs that a manifest refers to.
    pub referenced: Amount,
    /// Those of them that more than one repository has.
    pub shared: Amount,
    /// Blobs that no manifest refers to: their lease is not over, or they wait for a collection.
    pub unreferenced: Amount,
    /// What a blob has and what is not as it should be, as a scrub has found; without
    /// those of which the bytes are gone.
    pub quarantined: Amount,
    /// Records that could not be read, and that a scrub has put aside.
    pub asides: u64,
    /// Extents that left service and are still to be deleted.
    pub trash: Amount,
    /// Uploads that have all their bytes, and have not become a blob.
    pub uploads: Amount,
    /// Uploads that take bytes, and how many of these are durable and not in the session's record;
    /// they are in no extent that can be read.
    pub open_uploads: Amount,
    /// Extents that nothing names.
    pub orphans: Amount,
    /// Candidates that wait for a collection.
    pub candidates: u64,
    /// All records and markers, with the bytes that they take: those of manifests and of inline
    /// blobs are among them.
    pub records: Amount,
}

/// How many, and how many bytes they have together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// Bytes in all of them.
    pub bytes: u64,
}

impl Amount {
    /// One more, of so many bytes.
    pub(super) fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.bytes += other.bytes;
    }
}

impl AddAssign for Inventory {
    fn add_assign(&mut self, other: Self) {
        self.repositories += other.repositories;
        self.tags += other.tags;
        self.manifests += other.manifests;
        self.untagged += other.untagged;
        self.extents += other.extents;
        self.inline += other.inline;
        self.referenced += other.referenced;
        self.shared += other.shared;
        self.unreferenced += other.unreferenced;
        self.quarantined += other.quarantined;
        self.asides += other.asides;
        self.trash += other.trash;
        self.uploads += other.uploads;
        self.open_uploads += other.open_uploads;
        self.orphans += other.orphans;
        self.candidates += other.candidates;
        self.records += other.records;
    }
}
