//! All that clients can see of a store, item by item.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use orlop_engine::{Repository, UploadId};

use crate::base::{
    BLOBS, MANIFESTS, Plan, REPOSITORIES, TAGS, Uploads, content, digest, manifest, repository,
};
use crate::place::Process;

/// What is there, in words, by what it is.
pub(crate) type View = BTreeMap<String, String>;

/// What the second repository can have.
const HERE: [&str; 6] = ["one", "two", "shared", "new", "Shared", "s"];

pub(crate) const ABSENT: &str = "absent";
const PRESENT: &str = "present";

/// Looks at everything. Whatever is there must be whole: a manifest with its blobs, a tag with its
/// manifest, bytes as they were sent.
pub(crate) async fn view(process: &Process, uploads: &Uploads) -> View {
    let mut view = View::new();
    for name in REPOSITORIES {
        let repository = repository(&process.registry, name);
        let may_have = |what: &str| name == "a" || HERE.contains(&what);
        for blob in BLOBS.into_iter().filter(|blob| may_have(blob)) {
            view.insert(format!("blob {name} {blob}"), see_blob(&repository, blob).await);
        }
        for plan in MANIFESTS.iter().filter(|plan| may_have(plan.name)) {
            let seen = see_manifest(&repository, plan, &view).await;
            view.insert(format!("manifest {name} {}", plan.name), seen);
        }
        let listed = repository.tags(None, 100).await.unwrap().items;
        for tag in TAGS.into_iter().filter(|tag| may_have(tag)) {
            let seen = see_tag(&repository, tag, &view).await;
            let is_listed = listed.iter().any(|listed| listed.to_string() == tag);
            assert!(is_listed || seen == ABSENT, "tag {tag} of {name} is there, and in no list");
            view.insert(format!("tag {name} {tag}"), seen);
        }
        let page = repository.referrers(manifest("One").digest(), None, None, 100).await;
        let mut referrers: Vec<_> =
            page.unwrap().items.iter().map(|referrer| name_of(&referrer.digest)).collect();
        referrers.sort_unstable();
        for plan in MANIFESTS.iter().filter(|plan| plan.subject.is_some() && may_have(plan.name)) {
            let seen = &view[&format!("manifest {name} {}", plan.name)];
            let is_there = seen == PRESENT;
            assert_eq!(referrers.contains(&plan.name), is_there, "{} of {name}", plan.name);
        }
    }
    for (name, id) in [("fresh", &uploads.fresh), ("paused", &uploads.paused)] {
        let seen = see_upload(&repository(&process.registry, "a"), id).await;
        view.insert(format!("upload {name}"), seen);
    }
    view
}

async fn see_blob(repository: &Repository, blob: &str) -> String {
    let Some(found) = repository.blob(&digest(blob)).await.unwrap() else {
        return ABSENT.to_owned();
    };
    let stream = found.read(0..u64::MAX).await.unwrap();
    let bytes = stream.try_collect::<Vec<_>>().await.unwrap().concat();
    assert!(bytes == content(blob), "blob {blob} is {:?}", String::from_utf8_lossy(&bytes));
    PRESENT.to_owned()
}

async fn see_manifest(repository: &Repository, plan: &Plan, view: &View) -> String {
    let expected = manifest(plan.name);
    let reference = expected.digest().to_string().parse().unwrap();
    let Some(found) = repository.manifest(&reference).await.unwrap() else {
        return ABSENT.to_owned();
    };
    assert_eq!(found.bytes, expected.bytes());
    for blob in plan.blobs {
        let seen = &view[&format!("blob {} {blob}", repository.name())];
        assert_eq!(seen, PRESENT, "{} refers to {blob}", plan.name);
    }
    PRESENT.to_owned()
}

async fn see_tag(repository: &Repository, tag: &str, view: &View) -> String {
    let found = repository.manifest(&tag.parse().unwrap()).await.unwrap();
    let Some(found) = found else {
        return ABSENT.to_owned();
    };
    let name = name_of(&found.descriptor.digest);
    let seen = &view[&format!("manifest {} {name}", repository.name())];
    assert_eq!(seen, PRESENT, "tag {tag} is on {name}");
    name.to_owned()
}

fn name_of(digest: &orlop_oci::Digest) -> &'static str {
    MANIFESTS.iter().find(|plan| manifest(plan.name).digest() == digest).unwrap().name
}

async fn see_upload(repository: &Repository, id: &UploadId) -> String {
    match repository.resume_upload(id, None).await.unwrap() {
        Some(upload) => format!("at {}", upload.offset()),
        None => match repository.finished_upload(id).await.unwrap() {
            Some(blob) => format!("finished with {} bytes", blob.size),
            None => ABSENT.to_owned(),
        },
    }
}
