//! What clients were told and may rely on. No process can see it.

use crate::ids::{ManifestName, Repository, Set, TagLife};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Promises {
    /// Which processes have seen or written the blob's record since its lease ended.
    pub(crate) witnesses: u8,
    /// Where the blob is there, until its lease ends or it is deleted there.
    pub(crate) blob: Set<Repository>,
    /// Which manifests are there, until they are deleted.
    pub(crate) manifests: Set<ManifestName>,
    /// Which life of the tag is there, until another one is set, or it or its manifest is deleted.
    pub(crate) tag: Option<TagLife>,
    /// Whether a client has deleted the child of the index, who may do that.
    pub(crate) is_orphaned: bool,
}

impl Promises {
    pub(crate) const NONE: Self = Self {
        witnesses: 0,
        blob: Set::EMPTY,
        manifests: Set::EMPTY,
        tag: None,
        is_orphaned: false,
    };

    /// The blob is deleted from a repository. Whoever is just about to be told that it is there
    /// was faster, but not by much.
    pub(crate) fn hide_blob(&mut self, repository: Repository) {
        self.witnesses = 0;
        self.blob = self.blob.without(repository);
    }

    /// The blob's lease ends: nobody may rely on it any more.
    pub(crate) fn end_lease(&mut self) {
        self.witnesses = 0;
        self.blob = Set::EMPTY;
    }
}
