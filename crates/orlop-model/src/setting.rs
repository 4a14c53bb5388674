//! What takes part in a run: processes, what is there at the start, and what may go wrong.

use std::fmt;
use std::ops::Range;

use crate::ids::{CandidateId, Extent, Incarnation, ManifestName, Repository, TagLife};
use crate::process::{Op, Order, Program};
use crate::slip::Slip;
use crate::store::Store;

/// A run's setting.
#[derive(Clone, Debug)]
pub struct Setting {
    pub(crate) programs: Vec<Program>,
    pub(crate) start: Store,
    /// What is there at the start, in words.
    pub(crate) there: Vec<String>,
    pub(crate) slip: Option<Slip>,
    features: u16,
    /// Every incarnation that can occur, with its manifest.
    pub(crate) incarnations: Vec<(Incarnation, ManifestName)>,
    /// Every life of the tag that can occur, with its manifest.
    pub(crate) tag_lives: Vec<(TagLife, ManifestName)>,
    /// The candidates of incarnations that are announced.
    pub(crate) pushes: Vec<(Incarnation, CandidateId)>,
    /// How often a push tries with another incarnation.
    pub(crate) attempts: u8,
    /// Collectors that do the same, one behind the other.
    pub(crate) twins: Vec<Range<usize>>,
    /// Whether there can be links.
    pub(crate) is_linked: bool,
    extents: u8,
    candidates: u8,
}

/// What a run has besides processes and crashes, which every run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// Leases: they end at any time, are renewed, and are promised.
    Leases,
    /// In every state that is reached everybody crashes, and one collector cleans up.
    Recovery,
    /// A collector may look at the blob without any reason.
    Unprompted,
    /// An extent may be sealed after it was given up, as in a bucket.
    LateSeals,
    /// A change is made and its caller gets an error.
    LostAnswers,
    /// A change fails with an error and is made later, if what it expects still holds then.
    LateChanges,
    /// Edges are listed in either order.
    AnyOrder,
    /// Manifests that nothing keeps are collected; and to have less to try, no manifest refers to
    /// the blob.
    Untagged,
    /// Manifest `Two` is about `One`, which keeps it.
    Referrers,
}

impl Feature {
    const ALL: [Self; 9] = [
        Self::Leases,
        Self::Recovery,
        Self::Unprompted,
        Self::LateSeals,
        Self::LostAnswers,
        Self::LateChanges,
        Self::AnyOrder,
        Self::Untagged,
        Self::Referrers,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Leases => "leases",
            Self::Recovery => "recovery from every state",
            Self::Unprompted => "reviews without a reason",
            Self::LateSeals => "late seals",
            Self::LostAnswers => "lost answers",
            Self::LateChanges => "late changes",
            Self::AnyOrder => "lists in any order",
            Self::Untagged => "untagged manifests go",
            Self::Referrers => "Two is about One",
        }
    }
}

impl Setting {
    pub(crate) fn new() -> Self {
        Self {
            programs: Vec::new(),
            start: Store::empty(),
            there: Vec::new(),
            slip: None,
            features: 0,
            incarnations: Vec::new(),
            tag_lives: Vec::new(),
            pushes: Vec::new(),
            attempts: 1,
            twins: Vec::new(),
            is_linked: false,
            extents: 0,
            candidates: 0,
        }
    }

    /// Whether a run has it.
    pub fn has(&self, feature: Feature) -> bool {
        self.features & 1 << feature as u16 != 0
    }

    /// The same without its slip.
    #[must_use]
    pub fn sound(mut self) -> Self {
        self.slip = None;
        self
    }

    pub(crate) fn slips(&self, slip: Slip) -> bool {
        self.slip == Some(slip)
    }

    pub(crate) fn with(mut self, feature: Feature) -> Self {
        self.features |= 1 << feature as u16;
        self
    }

    pub(crate) fn slip(mut self, slip: Slip) -> Self {
        self.slip = Some(slip);
        self
    }

    pub(crate) fn attempts(mut self, attempts: u8) -> Self {
        self.attempts = attempts;
        self
    }

    pub(crate) fn program(mut self, program: Program) -> Self {
        self.programs.push(program);
        self
    }

    /// A client that does one thing after the other, until one of them fails.
    pub(crate) fn client(mut self, acts: &[Act]) -> Self {
        let ops = acts.iter().map(|act| self.op(*act)).collect();
        self.program(Program::Client(ops))
    }

    /// A collector that does as many tasks.
    pub(crate) fn collector(mut self, tasks: u8) -> Self {
        let candidate = self.new_candidates(if self.has(Feature::Untagged) { tasks } else { 0 });
        self.program(Program::Collector { tasks, candidate })
    }

    /// Some of them.
    pub(crate) fn collectors(mut self, count: usize, tasks: u8) -> Self {
        let first = self.programs.len();
        if !self.has(Feature::Untagged) {
            self.twins.push(first..first + count); // there each has candidates of its own
        }
        (0..count).fold(self, |setting, _| setting.collector(tasks))
    }

    pub(crate) fn new_extent(&mut self) -> Extent {
        assert!(self.extents < 4, "there are four extents");
        self.extents += 1;
        Extent(self.extents - 1)
    }

    /// Reserves as many incarnations as a push may need, and returns the first one.
    pub(crate) fn new_incarnations(&mut self, name: ManifestName, count: u8) -> Incarnation {
        let first = u8::try_from(self.incarnations.len()).unwrap_or(u8::MAX);
        assert!(first + count <= 8, "there are eight incarnations");
        self.incarnations.extend((first..first + count).map(|id| (Incarnation(id), name)));
        Incarnation(first)
    }

    pub(crate) fn new_tag_lives(&mut self, name: ManifestName, count: u8) -> TagLife {
        let first = u8::try_from(self.tag_lives.len()).unwrap_or(u8::MAX);
        assert!(first + count <= 8, "there are eight lives of the tag");
        self.tag_lives.extend((first..first + count).map(|life| (TagLife(life), name)));
        TagLife(first)
    }

    fn new_candidates(&mut self, count: u8) -> CandidateId {
        self.candidates += count;
        assert!(self.candidates <= 8, "there are eight candidates");
        CandidateId(self.candidates - count)
    }

    fn announce(&mut self, incarnation: Incarnation, candidate: CandidateId, count: u8) {
        let pairs =
            (0..count).map(|n| (Incarnation(incarnation.0 + n), CandidateId(candidate.0 + n)));
        self.pushes.extend(pairs);
    }

    pub(crate) fn refers_to_blob(&self, name: ManifestName) -> bool {
        name != ManifestName::Index && !self.has(Feature::Untagged)
    }

    /// Whether a client deletes a manifest.
    pub(crate) fn is_deleted(&self, manifest: ManifestName) -> bool {
        let deletes = |op: &Op| {
            matches!(op, Op::DeleteManifest { name, .. } | Op::DeleteUnlessChild { name, .. }
                if *name == manifest)
        };
        self.programs.iter().any(|program| match program {
            Program::Client(ops) => ops.iter().any(deletes),
            _ => false,
        })
    }

    /// What a manifest is about.
    pub(crate) fn subject(&self, name: ManifestName) -> Option<ManifestName> {
        let is_about = name == ManifestName::Two && self.has(Feature::Referrers);
        is_about.then_some(ManifestName::One)
    }

    /// Where the bytes of an extent are.
    pub(crate) fn place(&self, extent: Extent) -> Extent {
        if self.slips(Slip::ExtentsByDigest) { Extent(0) } else { extent }
    }

    /// Whether bytes may be sealed after somebody gave them up: then only an audit finds them.
    pub(crate) fn can_leave_bytes(&self) -> bool {
        let is_sealed_at_once =
            |op: &Op| matches!(op, Op::Upload { order: Order::SealedFromTheStart, .. });
        self.has(Feature::LateSeals)
            || self.programs.iter().any(|program| match program {
                Program::Client(ops) => ops.iter().any(is_sealed_at_once),
                _ => false,
            })
    }

    fn op(&mut self, act: Act) -> Op {
        let attempts = self.attempts;
        // Where a manifest goes that nothing keeps, pushes and tags are announced too.
        let announced = if self.has(Feature::Untagged) { attempts } else { 0 };
        self.is_linked |=
            matches!(act, Act::Upload(Repository::B, _) | Act::Mount(..) | Act::DeleteBlob(_));
        match act {
            Act::Upload(repository, order) => {
                Op::Upload { extent: self.new_extent(), repository, order }
            }
            Act::Cancel => Op::Cancel { extent: self.new_extent() },
            Act::Head(repository) => Op::Head { repository },
            Act::Mount(from, to) => Op::Mount { from, to },
            Act::Push(name) => {
                let incarnation = self.new_incarnations(name, attempts);
                let candidate = self.new_candidates(announced);
                self.announce(incarnation, candidate, announced);
                Op::Push { name, incarnation, tag: None, candidate }
            }
            Act::PushTagged(name) => {
                let incarnation = self.new_incarnations(name, attempts);
                let tag = Some(self.new_tag_lives(name, attempts));
                let candidate = self.new_candidates(2 * announced);
                self.announce(incarnation, candidate, announced);
                Op::Push { name, incarnation, tag, candidate }
            }
            Act::SetTag(name) => {
                let life = self.new_tag_lives(name, attempts);
                Op::SetTag { name, life, candidate: self.new_candidates(announced) }
            }
            Act::DeleteTag => {
                Op::DeleteTag { candidate: self.new_candidates(2 * announced.min(1)) }
            }
            Act::DeleteManifest(name) => {
                Op::DeleteManifest { name, candidate: self.new_candidates(2) }
            }
            Act::DeleteUnlessChild(name) => {
                Op::DeleteUnlessChild { name, candidate: self.new_candidates(2) }
            }
            Act::DeleteBlob(repository) => Op::DeleteBlob { repository },
        }
    }
}

/// Processes beside each other, and what the run has besides.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.there.is_empty() {
            write!(f, "there: {}; ", self.there.join(", "))?;
        }
        let programs: Vec<String> = self.programs.iter().map(ToString::to_string).collect();
        f.write_str(&programs.join(" ∥ "))?;
        if self.attempts > 1 {
            write!(f, "; {} attempts", self.attempts)?;
        }
        let features = Feature::ALL.iter().filter(|feature| self.has(**feature));
        let features: Vec<&str> = features.map(|feature| feature.name()).collect();
        if features.is_empty() { Ok(()) } else { write!(f, "; {}", features.join(", ")) }
    }
}

/// What a client does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Upload(Repository, Order),
    /// Begins an upload and gives it up.
    Cancel,
    /// Asks whether the blob is there, to skip its upload.
    Head(Repository),
    /// Makes the blob of one repository visible in another one.
    Mount(Repository, Repository),
    Push(ManifestName),
    PushTagged(ManifestName),
    /// Sets the tag on a manifest that is there.
    SetTag(ManifestName),
    DeleteTag,
    DeleteManifest(ManifestName),
    /// The same if no index refers to it.
    DeleteUnlessChild(ManifestName),
    DeleteBlob(Repository),
}
