//! For each slip a small setting in which it loses something.

use crate::ids::ManifestName::{Index, One, Other};
use crate::ids::Repository::{A, B};
use crate::process::Order::SealedFromTheStart;
use crate::runs::{IMAGE, UPLOAD};
use crate::setting::Act::{DeleteBlob, DeleteManifest, Head, Push, PushTagged, SetTag, Upload};
use crate::setting::Feature::{LateChanges, Leases, LostAnswers, Recovery, Unprompted, Untagged};
use crate::setting::Setting;
use crate::slip::Slip;

/// The setting in which a slip shows.
pub fn variant(slip: Slip) -> Setting {
    let empty = Setting::new().slip(slip);
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
            empty.with_image(One).client(&[SetTag(One)]).collectors(2, 1).with(Untagged)
        }
        Slip::UntaggedChildUnfenced => {
            empty.with_image(One).client(&[Push(Index)]).collector(1).with(Untagged)
        }
    }
}
