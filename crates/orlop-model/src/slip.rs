//! The protocol with one step left out, or done at the wrong time. Each of them loses something.

macro_rules! slips {
    ($($slip:ident $name:literal $what:literal)*) => {
        /// One step left out, or done at the wrong time.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Slip {
            $(#[doc = $what] $slip,)*
        }

        impl Slip {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$slip),*];

            /// Its name on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$slip => $name,)*
                }
            }

            /// What is done wrong.
            pub fn what(self) -> &'static str {
                match self {
                    $(Self::$slip => $what,)*
                }
            }
        }
    };
}

slips! {
    WithoutCondemning "without-condemning"
        "The collector looks for edges and then swaps the live blob to dead."
    WithoutRescue "without-rescue"
        "A push takes a condemned blob for a live one and does not swap it back."
    ChecksBeforeEdges "checks-before-edges"
        "A push checks its blobs and then marks its edges."
    VersionsFromContent "versions-from-content"
        "A record that holds the same value again has the same version again."
    EdgesWithoutIncarnation "edges-without-incarnation"
        "All lives of a manifest have the same edges."
    RemovesUnconditionally "removes-unconditionally"
        "The record of a dead blob is removed whatever it holds by then."
    ExtentsByDigest "extents-by-digest"
        "All uploads of a blob write to the same extent."
    AbandonsByAge "abandons-by-age"
        "An upload's session is not swapped before its bytes are deleted or installed."
    GivesUpUnfenced "gives-up-unfenced"
        "The bytes of a sealed session are deleted without fencing them."
    FencesAfterDeleting "fences-after-deleting"
        "The bytes of a sealed session are deleted and then fenced."
    DeletesBeforeAbandoning "deletes-before-abandoning"
        "What is sealed of an upload that is given up is deleted before what is not."
    SessionBeforeBytes "session-before-bytes"
        "The session of an upload that is given up is cleared and then its bytes are deleted."
    IgnoresEdgesUnfenced "ignores-edges-unfenced"
        "An old edge whose manifest is not there is cleared without fencing it."
    BumpsInsteadOfFencing "bumps-instead-of-fencing"
        "For an old edge its manifest's record is replaced by the same value, without a fence."
    IgnoresOwnFence "ignores-own-fence"
        "An upload reads the record after its session is sealed, and does not look for its fence."
    RemovesFencedBlob "removes-fenced-blob"
        "A dead blob's record is removed although it has fences."
    RemovesFencedManifest "removes-fenced-manifest"
        "An empty manifest's record is removed although it has fences."
    TellsConflictsThatWereNone "tells-conflicts-that-were-none"
        "The store makes a change and tells its caller that there was a conflict."
    CreatesTwice "creates-twice"
        "The store's client sends a request that creates a record once more."
    InstallsAgain "installs-again"
        "An upload whose swap failed with an error tries the same extent again."
    CommitsAgain "commits-again"
        "A push whose swap failed with an error tries the same incarnation again."
    ClearsEdgesAfterError "clears-edges-after-error"
        "A push whose swap failed with an error clears its edges."
    ClearsEdgesIfChanged "clears-edges-if-changed"
        "A push whose swap failed with an error clears its edges if the record has changed."
    DiscardsAfterError "discards-after-error"
        "An upload whose swap failed with an error deletes its extent if there is another one."
    ConsumesEarly "consumes-early"
        "A candidate is cleared although what it announces may still happen."
    ClearsReasonFirst "clears-reason-first"
        "A session or candidate is cleared and then the blob is looked at."
    CandidateAfterAct "candidate-after-act"
        "A manifest is deleted and then the candidate is stored."
    CandidateNameReused "candidate-name-reused"
        "A delete that is tried again stores its candidate under the same name."
    EmptiesTrashOfDeadOnly "empties-trash-of-dead-only"
        "The trash of a blob that is live again is left alone."
    TrashEntryFirst "trash-entry-first"
        "The trash entry is taken out of the record before the bytes are deleted."
    KeepsByOldRecord "keeps-by-old-record"
        "The collector keeps a live blob by edges, and does not look whether the record changed."
    BytesBeforeDead "bytes-before-dead"
        "The bytes of a condemned blob are deleted before its record is dead."
    SessionClearedFirst "session-cleared-first"
        "A push clears its blob's session before it swaps the manifest."
    TidiesOneByOne "tidies-one-by-one"
        "The bytes of a manifest are dropped although edges of an older life are still there."
    TagsNameDigest "tags-name-digest"
        "A tag names a manifest, whichever life of it."
    TagWithoutSecondLook "tag-without-second-look"
        "A tag is acknowledged without looking at its manifest after it was set."
    HidesBeforeLooking "hides-before-looking"
        "A blob is taken out of its repository before edges are looked for."
    LinksUnconditionally "links-unconditionally"
        "A link is removed whatever it holds by then."
    LeaseNotRenewed "lease-not-renewed"
        "Whoever relies on a live blob does not look at its age."
    TagReadAfterLook "tag-read-after-look"
        "The manifest is looked at, and then the tag is read that is to be moved to it."
    TagUnbumped "tag-unbumped"
        "A tag that is not set yet is not waited for, and its record is left as it is."
    PushAnnouncedLate "push-announced-late"
        "A manifest is pushed and then the candidate is stored."
    PushUnfenced "push-unfenced"
        "The candidate of a push that did not happen is cleared without fencing it."
    PushClearedBeforeTag "push-cleared-before-tag"
        "The candidate of a push is cleared and then its tag is set."
    UntagAnnouncedLate "untag-announced-late"
        "A tag is moved or deleted and then the candidate is stored."
    UntagUnbumped "untag-unbumped"
        "The candidate of a tag that did not go is cleared without storing the tag once more."
    CollectorAnnouncesLate "collector-announces-late"
        "The collector deletes a manifest and then stores the candidate."
    EntersByLooking "enters-by-looking"
        "A manifest that is entered already is not entered again."
    RemovesEntryUnconditionally "removes-entry-unconditionally"
        "The entry of a manifest that is kept is removed whatever it holds by then."
    DeleteForgetsChildren "delete-forgets-children"
        "The children of a deleted index are not entered."
    DeleteForgetsReferrers "delete-forgets-referrers"
        "What is about a deleted manifest is not entered."
    ChildNotCondemned "child-not-condemned"
        "A delete that spares children looks for indexes, and does not condemn the manifest first."
    UntaggedWithoutCondemning "untagged-without-condemning"
        "The collector looks for a manifest's edges and then swaps the live manifest to deleted."
    UntaggedEdgeLast "untagged-edge-last"
        "A tag is set, its manifest is looked at, and then the tag's edge is marked."
    UntaggedClearsEdges "untagged-clears-edges"
        "The edge of a tag that is not set yet is cleared while its manifest lives."
    UntaggedChildUnfenced "untagged-child-unfenced"
        "The edge of an index that is not there yet is ignored without fencing it."
}
