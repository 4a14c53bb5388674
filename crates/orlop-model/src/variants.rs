//! For each slip a small setting in which it loses something.

use crate::ids::ManifestName::{Index, One, Other, Two};
use crate::ids::Repository::{A, B};
use crate::process::Order::SealedFromTheStart;
use crate::runs::{IMAGE, UPLOAD};
use crate::setting::Act::{
    DeleteBlob, DeleteManifest, DeleteTag, DeleteUnlessChild, Head, Push, PushTagged, SetTag,
    Upload,
};
use crate::setting::Feature::{
    LateChanges, Leases, LostAnswers, Recovery, Referrers, Unprompted, Untagged,
};
use crate::setting::Setting;
use crate::slip::Slip;

/// The setting in which a slip shows.
#[allow(clippy::too_many_lines)] // an arm for each slip
pub fn variant(slip: Slip) -> Setting {
    let empty = Setting::new().slip(slip);
    let policy = Setting::new().slip(slip).with(Untagged);
    match slip {
        Slip::WithoutCondemning
        | Slip::WithoutRescue
        | Slip::ChecksBeforeEdges
        | Slip::BytesBeforeDead
        | Slip::IgnoresEdgesUnfenced => empty.with_blob().client(&[Push(One)]).collector(1),
        Slip::VersionsFromContent => empty.with_blob().client(&[Push(One)]).collectors(2, 1),
        Slip::EdgesWithoutIncarnation => {
            let setting = empty.with_image(One).client(&[DeleteManifest(One)]);
            setting.client(&[Push(One)]).collector(1)
        }
        Slip::RemovesUnconditionally | Slip::ExtentsByDigest => {
            empty.with_blob().client(&IMAGE).collectors(2, 1)
        }
        Slip::AbandonsByAge
        | Slip::GivesUpUnfenced
        | Slip::FencesAfterDeleting
        | Slip::CreatesTwice => empty.client(&[UPLOAD]).collector(1),
        Slip::DeletesBeforeAbandoning | Slip::SessionBeforeBytes => {
            empty.client(&[UPLOAD]).collector(1).with(Recovery)
        }
        Slip::IgnoresOwnFence => empty.client(&[Upload(A, SealedFromTheStart)]).collector(1),
        Slip::RemovesFencedBlob => empty.client(&[UPLOAD]).collector(2).with(Unprompted),
        Slip::BumpsInsteadOfFencing | Slip::RemovesFencedManifest => {
            let setting = empty.with_blob().client(&[Push(One)]).client(&[Push(One)]);
            setting.client(&[DeleteManifest(One)]).collector(2)
        }
        Slip::InstallsAgain => empty.client(&[UPLOAD]).collector(1).with(LostAnswers),
        Slip::CommitsAgain => {
            let setting = empty.with_blob().client(&[Push(One)]).client(&[DeleteManifest(One)]);
            setting.collector(1).with(LostAnswers)
        }
        Slip::ClearsEdgesAfterError => {
            empty.with_blob().client(&[Push(One)]).collector(1).with(LateChanges)
        }
        Slip::ClearsEdgesIfChanged => {
            let setting = empty.with_blob().client(&[Push(One)]).client(&[Push(One)]);
            setting.client(&[DeleteManifest(One)]).collector(1).with(LateChanges)
        }
        Slip::DiscardsAfterError => {
            empty.client(&[UPLOAD]).client(&[UPLOAD]).collector(2).with(LateChanges)
        }
        Slip::ConsumesEarly
        | Slip::ClearsReasonFirst
        | Slip::CandidateAfterAct
        | Slip::CandidateNameReused
        | Slip::TellsConflictsThatWereNone
        | Slip::TrashEntryFirst => {
            empty.with_image(One).client(&[DeleteManifest(One)]).collector(1).with(Recovery)
        }
        Slip::EmptiesTrashOfDeadOnly => {
            empty.with_blob().client(&IMAGE).collector(1).with(Recovery)
        }
        Slip::KeepsByOldRecord => empty.with_blob().client(&IMAGE).collectors(2, 1).with(Recovery),
        Slip::SessionClearedFirst => empty.with_blob().client(&[Push(One)]).with(Recovery),
        Slip::TidiesOneByOne => {
            let setting = empty.with_image(One).client(&[DeleteManifest(One)]);
            setting.client(&[Push(One), DeleteManifest(One)]).with(Recovery)
        }
        Slip::TagsNameDigest => {
            empty.with_tagged(One).client(&[DeleteManifest(One)]).client(&[PushTagged(One)])
        }
        Slip::HidesBeforeLooking => empty.with_blob().client(&[Push(One)]).client(&[DeleteBlob(A)]),
        Slip::LinksUnconditionally => {
            empty.with_blob().with_link().client(&[Push(Other)]).client(&[DeleteBlob(B)])
        }
        Slip::LeaseNotRenewed => empty.with_blob().client(&[Head(A)]).collector(1).with(Leases),
        Slip::TagWithoutSecondLook
        | Slip::UntaggedWithoutCondemning
        | Slip::UntaggedEdgeLast
        | Slip::UntaggedClearsEdges => {
            policy.with_image(One).client(&[SetTag(One)]).collectors(2, 1)
        }
        Slip::ChildNotCondemned => {
            policy.with_image(One).client(&[Push(Index)]).client(&[DeleteUnlessChild(One)])
        }
        Slip::UntaggedChildUnfenced => policy.with_image(One).client(&[Push(Index)]).collector(1),
        Slip::TagReadAfterLook | Slip::TagUnbumped => {
            let setting = policy.with_image(One).with_image(Two);
            setting.client(&[SetTag(Two)]).client(&[SetTag(One)]).collector(1)
        }
        Slip::PushAnnouncedLate | Slip::PushClearedBeforeTag => {
            policy.client(&[PushTagged(One)]).with(Recovery)
        }
        Slip::PushUnfenced => policy.client(&[Push(One)]).collector(1).with(Recovery),
        Slip::UntagAnnouncedLate => policy.with_tagged(One).client(&[DeleteTag]).with(Recovery),
        Slip::UntagUnbumped => {
            policy.with_tagged(One).client(&[DeleteTag]).collector(1).with(Recovery)
        }
        Slip::EntersByLooking | Slip::RemovesEntryUnconditionally => {
            let setting = policy.with_tagged(One).entered(One).client(&[DeleteTag]);
            setting.collectors(2, 1).with(Recovery)
        }
        Slip::CollectorAnnouncesLate => policy.with_image(One).collector(1).with(Recovery),
        Slip::DeleteForgetsChildren => {
            let setting = policy.with_image(One).with_tagged(Index).kept(One);
            setting.client(&[DeleteManifest(Index)]).with(Recovery)
        }
        Slip::DeleteForgetsReferrers => {
            let setting = policy.with(Referrers).with_tagged(One).with_image(Two).kept(Two);
            setting.client(&[DeleteManifest(One)]).with(Recovery)
        }
    }
}
