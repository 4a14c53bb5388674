//! The protocol as it is, in settings that together have everything that can happen.

use crate::ids::ManifestName::{Index, One, Other, Two};
use crate::ids::Repository::{A, B};
use crate::process::Order::{RecordThenSeal, SealThenRecord, SealedFromTheStart};
use crate::process::Program;
use crate::setting::Act::{
    Cancel, DeleteBlob, DeleteManifest, DeleteTag, DeleteUnlessChild, Head, Mount, Push,
    PushTagged, SetTag, Upload,
};
use crate::setting::Feature::{
    AnyOrder, LateChanges, LateSeals, Leases, LostAnswers, Recovery, Referrers, Unprompted,
    Untagged,
};
use crate::setting::{Act, Setting};

/// A setting with a name.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its name on the command line.
    pub name: &'static str,
    /// What takes part.
    pub setting: Setting,
}

/// Every run.
pub fn runs() -> Vec<Run> {
    [blobs(), failures(), visibility(), tags(), untagged()].concat()
}

fn run(name: &'static str, setting: Setting) -> Run {
    Run { name, setting }
}

/// Uploads, pushes, deletes, and what becomes of the blob.
fn blobs() -> Vec<Run> {
    let empty = Setting::new;
    let with_blob = || Setting::new().with_blob();
    let with_image = || Setting::new().with_image(One);
    vec![
        run("two-images", {
            let setting = empty().client(&IMAGE).client(&IMAGE);
            setting.collectors(2, 1).with(Unprompted)
        }),
        run("two-images-end", {
            empty().client(&IMAGE).client(&IMAGE).collector(1).with(Recovery)
        }),
        run("two-images-and-delete", {
            let setting = empty().client(&IMAGE).client(&IMAGE).client(&[DeleteManifest(One)]);
            setting.collectors(2, 1).with(Recovery)
        }),
        run("push-and-delete", {
            let setting = with_image().client(&[Push(Two)]).client(&[Push(One)]);
            setting.client(&[DeleteManifest(One)]).collectors(2, 1).with(Unprompted)
        }),
        run("push-and-delete-end", {
            let setting = with_image().client(&[Push(Two)]).client(&[Push(One)]);
            setting.client(&[DeleteManifest(One)]).collector(2).with(Recovery)
        }),
        run("delete-push-delete-end", {
            let setting = with_image().client(&[DeleteManifest(One)]);
            setting.client(&[Push(One), DeleteManifest(One)]).collector(2).with(Recovery)
        }),
        run("all-three-end", {
            let setting = with_image().client(&IMAGE).client(&[Push(Two)]);
            setting.client(&[DeleteManifest(One)]).collector(2).with(AnyOrder).with(Recovery)
        }),
        run("dying-blob", {
            let setting = with_blob().client(&IMAGE).client(&[Push(Two)]);
            setting.collectors(2, 2).with(Recovery)
        }),
        run("push-again", {
            let setting = with_blob().attempts(2).client(&[Push(One)]).client(&[Push(One)]);
            setting.client(&[DeleteManifest(One)]).collector(2).with(Recovery)
        }),
        run("orders-of-uploads", {
            let setting = empty().client(&[Upload(A, SealThenRecord)]);
            let setting = setting.client(&[Upload(A, SealedFromTheStart)]);
            setting.client(&[UPLOAD]).collectors(2, 1).with(Recovery)
        }),
        run("bucket", {
            let setting = empty().client(&IMAGE).client(&[Upload(A, SealedFromTheStart)]);
            setting.collectors(2, 1).with(LateSeals).with(Recovery)
        }),
        run("aborts", {
            let setting = empty().client(&IMAGE).client(&[Cancel]).client(&[UPLOAD]);
            setting.collectors(2, 1).with(Recovery)
        }),
        run("audits", {
            let setting = empty().client(&IMAGE).client(&[Upload(A, SealedFromTheStart)]);
            let setting = setting.program(Program::Auditor { tasks: 2 });
            setting.collector(1).with(Recovery)
        }),
        run("audits-of-tags", {
            let setting = Setting::new().with_tagged(One).client(&[PushTagged(Two)]);
            let setting = setting.client(&[DeleteManifest(One)]);
            let setting = setting.program(Program::Auditor { tasks: 3 });
            setting.collector(1).with(Recovery)
        }),
        run("audits-of-links", {
            let setting = with_blob().client(&[Mount(A, B), Push(Other)]);
            let setting = setting.program(Program::Auditor { tasks: 3 });
            setting.collectors(2, 1).with(Recovery)
        }),
        run("leases", {
            let setting = empty().client(&IMAGE).client(&[UPLOAD]).client(&[Head(A), Push(Two)]);
            setting.collector(2).with(Leases)
        }),
    ]
}

/// Answers that get lost, and changes that are made when nobody expects them any more.
fn failures() -> Vec<Run> {
    let empty = Setting::new;
    let with_blob = || Setting::new().with_blob();
    vec![
        run("lost-answers", {
            let setting = empty().client(&IMAGE).client(&[Push(Two)]);
            let setting = setting.client(&[DeleteManifest(One)]).collector(1);
            setting.with(LostAnswers).with(Recovery)
        }),
        run("late-changes", {
            let setting = empty().client(&IMAGE).client(&[Push(Two)]);
            let setting = setting.client(&[DeleteManifest(One)]).collector(1);
            setting.with(LostAnswers).with(LateChanges).with(Recovery)
        }),
        run("late-collectors", {
            let setting = with_blob().client(&IMAGE).client(&[Push(Two)]);
            let setting = setting.collectors(2, 1);
            setting.with(LostAnswers).with(LateChanges).with(Recovery)
        }),
        run("late-uploads", {
            let setting = empty().client(&[UPLOAD]).client(&[UPLOAD]).collector(2);
            setting.with(LostAnswers).with(LateChanges).with(Recovery)
        }),
        run("late-pushes", {
            let setting = with_blob().client(&[Push(One)]).client(&[Push(One)]);
            let setting = setting.client(&[DeleteManifest(One)]).collector(2);
            setting.with(LateChanges).with(Recovery)
        }),
        run("late-blob-deletes", {
            let setting = with_blob().with_link().client(&[DeleteBlob(A)]);
            let setting = setting.client(&[Mount(B, A), Push(One)]).collector(1);
            setting.with(LostAnswers).with(LateChanges).with(Recovery)
        }),
        run("late-tags", {
            let setting = Setting::new().with_tagged(One).with_image(Two);
            let setting = setting.client(&[SetTag(Two)]).client(&[DeleteManifest(One)]);
            let setting = setting.client(&[SetTag(One)]).collector(1);
            setting.with(LostAnswers).with(LateChanges).with(Recovery)
        }),
    ]
}

/// Homes, links, mounts, and blobs that are taken out of a repository.
fn visibility() -> Vec<Run> {
    let with_blob = || Setting::new().with_blob();
    vec![
        run("blob-delete", {
            let setting = with_blob().client(&[Push(One)]).client(&[DeleteBlob(A)]);
            setting.collectors(2, 2).with(Recovery)
        }),
        run("blob-deletes", {
            let setting = with_blob().with_link().client(&[Push(One)]).client(&[Push(Other)]);
            let setting = setting.client(&[DeleteBlob(A)]).client(&[DeleteBlob(B)]);
            setting.collector(1).with(Recovery)
        }),
        run("blob-delete-and-mount", {
            let setting = with_blob().with_link().client(&[DeleteBlob(A)]);
            let setting = setting.client(&[Mount(B, A), Push(One)]).client(&[DeleteBlob(A)]);
            setting.collector(1).with(Leases).with(Recovery)
        }),
        run("mount", {
            let setting = with_blob().client(&[Mount(A, B), Push(Other)]);
            setting.client(&[DeleteBlob(A)]).collectors(2, 1).with(Leases).with(Recovery)
        }),
        run("upload-elsewhere", {
            let setting = with_blob().with_image(One);
            let setting = setting.client(&[Upload(B, RecordThenSeal), Push(Other)]);
            let setting = setting.client(&[DeleteManifest(One)]).client(&[DeleteBlob(B)]);
            setting.collector(2).with(Recovery)
        }),
    ]
}

/// The tag, and the index.
fn tags() -> Vec<Run> {
    let with_tagged = || Setting::new().with_tagged(One);
    vec![
        run("tag-and-delete", {
            let setting = with_tagged().client(&[PushTagged(One)]);
            setting.client(&[DeleteManifest(One)]).collectors(2, 1).with(Recovery)
        }),
        run("tag-again", {
            let setting = with_tagged().attempts(2).client(&[SetTag(One)]);
            let setting = setting.client(&[DeleteTag]).client(&[DeleteManifest(One)]);
            setting.collector(1).with(Recovery)
        }),
        run("tag-moves", {
            let setting = with_tagged().with_image(Two).client(&[SetTag(Two)]);
            let setting = setting.client(&[PushTagged(One)]).client(&[DeleteManifest(One)]);
            setting.collector(1).with(Recovery)
        }),
        run("push-tagged-again", {
            let setting = with_tagged().attempts(2).client(&[PushTagged(One)]);
            let setting = setting.client(&[PushTagged(One)]).client(&[DeleteManifest(One)]);
            setting.collector(1)
        }),
        run("index", {
            let setting = Setting::new().with_image(One).client(&[Push(Index)]);
            let setting = setting.client(&[DeleteManifest(One)]).client(&[DeleteManifest(Index)]);
            setting.collectors(2, 1).with(Recovery)
        }),
    ]
}

/// Manifests that nothing keeps.
fn untagged() -> Vec<Run> {
    let policy = || Setting::new().with(Untagged);
    vec![
        run("untagged-tag", {
            let setting = policy().with_image(One).client(&[SetTag(One)]);
            setting.client(&[PushTagged(One)]).collectors(2, 1).with(Recovery)
        }),
        run("untagged-push", {
            let setting = policy().client(&[PushTagged(One)]).client(&[Push(One)]);
            setting.collectors(2, 2).with(Recovery)
        }),
        run("untagged-moves", {
            let setting = policy().with_tagged(One).with_image(Two).client(&[SetTag(Two)]);
            setting.client(&[SetTag(One)]).collectors(2, 1).with(Recovery)
        }),
        run("untagged-deletes", {
            let setting = policy().with_tagged(One).client(&[SetTag(One)]);
            let setting = setting.client(&[DeleteTag]).client(&[DeleteManifest(One)]);
            setting.collectors(2, 1).with(Recovery)
        }),
        run("untagged-again", {
            let setting = policy().attempts(2).with_tagged(Two).client(&[PushTagged(One)]);
            setting.client(&[DeleteTag]).collectors(2, 1).with(Recovery)
        }),
        run("untagged-index", {
            let setting = policy().with_image(One).client(&[Push(Index)]);
            let setting = setting.client(&[SetTag(One)]).client(&[DeleteManifest(Index)]);
            setting.collectors(2, 1).with(Recovery)
        }),
        run("untagged-index-dies", {
            let setting = policy().with_image(One).with_image(Index).client(&[Push(Index)]);
            setting.client(&[Push(One)]).collectors(2, 2).with(Recovery)
        }),
        run("untagged-child-delete", {
            let setting = policy().with_image(One).client(&[Push(Index)]);
            let setting = setting.client(&[DeleteUnlessChild(One)]).client(&[SetTag(One)]);
            setting.collectors(2, 1).with(Recovery)
        }),
        run("untagged-referrers", {
            let setting = policy().with(Referrers).with_tagged(One).client(&[Push(Two)]);
            let setting = setting.client(&[DeleteTag]).client(&[Push(One)]);
            setting.collectors(2, 1).with(Recovery)
        }),
        run("untagged-late", {
            let setting = policy().with_tagged(Two).client(&[PushTagged(One)]);
            let setting = setting.client(&[DeleteTag]).collectors(2, 1);
            setting.with(LostAnswers).with(LateChanges).with(Recovery)
        }),
        run("untagged-late-index", {
            let setting = policy().with_image(One).client(&[Push(Index)]).client(&[Push(Index)]);
            let setting = setting.collectors(2, 1);
            setting.with(LostAnswers).with(LateChanges).with(Recovery)
        }),
    ]
}

/// Settings for random walks.
pub fn crowds() -> Vec<Run> {
    let crowd = || {
        let setting = Setting::new().with_blob().attempts(2);
        let setting = setting.client(&[UPLOAD, PushTagged(One)]);
        let setting = setting.client(&[
            Upload(B, SealedFromTheStart),
            Push(Other),
            DeleteBlob(A),
            DeleteManifest(Other),
        ]);
        let setting = setting.client(&[Head(A), PushTagged(Two), DeleteManifest(Two), DeleteTag]);
        let setting = setting.client(&[DeleteManifest(One), UPLOAD, Push(One), DeleteBlob(A)]);
        setting.collectors(2, 8).with(Recovery)
    };
    vec![
        run("crowd", crowd()),
        run("crowd-leases", crowd().with(Leases)),
        run("crowd-bucket", crowd().with(LostAnswers).with(LateChanges).with(LateSeals)),
    ]
}

pub(crate) const UPLOAD: Act = Upload(A, RecordThenSeal);

/// An upload and then a push, as clients do.
pub(crate) const IMAGE: [Act; 2] = [UPLOAD, Push(One)];
