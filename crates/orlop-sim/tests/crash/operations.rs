//! Everything that can be asked of the engine, as a client asks it who does not know what became
//! of his last attempt.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use orlop_engine::{
    AuditOptions, CollectOptions, Condition, Deletes, ErrorKind, MountFrom, Options, Registry,
    Repository, Result, UploadId,
};
use orlop_oci::{Algorithm, Digest};

use crate::base::{
    PAUSED_AT, Uploads, content, digest, manifest, plan, push, repository, tagged, upload,
};
use crate::place::Process;

/// Where an operation is made.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) process: Process,
    pub(crate) uploads: Uploads,
}

impl Site {
    pub(crate) fn a(&self) -> Repository {
        repository(&self.process.registry, "a")
    }

    fn b(&self) -> Repository {
        repository(&self.process.registry, "b/c")
    }

    /// The same registry with other policies.
    async fn with(&self, options: Options) -> Result<Repository> {
        let registry = Registry::open(self.process.environment.clone(), options).await?;
        Ok(repository(&registry, "a"))
    }
}

type Act = for<'s> fn(&'s Site) -> BoxFuture<'s, Result<()>>;

/// Something that a client, or an operator, asks for.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// What has happened to the store before, if that is special.
    pub(crate) before: Option<Act>,
    /// What is done, and done again if the answer did not come.
    pub(crate) act: Act,
    /// Whether there is nothing to be seen between before and after.
    pub(crate) is_atomic: bool,
    /// Items that may be gone as well when it was cut off in the middle.
    pub(crate) may_lose: &'static [&'static str],
}

const fn atomic(name: &'static str, act: Act) -> Operation {
    Operation { name, before: None, act, is_atomic: true, may_lose: &[] }
}

const fn stepwise(name: &'static str, act: Act) -> Operation {
    Operation { is_atomic: false, ..atomic(name, act) }
}

/// Whatever is not referred to at this moment is garbage.
pub(crate) const EAGER: CollectOptions = CollectOptions {
    lease: Duration::ZERO,
    upload_idle: Duration::ZERO,
    untagged: None,
    dry_run: false,
    at_once: 1,
};

/// All that there is to be repaired.
pub(crate) const REPAIR: AuditOptions =
    AuditOptions { repair: true, lease: Duration::ZERO, at_once: 1 };

pub(crate) const ALL: &[Operation] = &[
    atomic("begin an upload", |site| begin(site).boxed()),
    atomic("write the first chunk of an upload", |site| {
        chunk(site, site.uploads.fresh, "new", 40).boxed()
    }),
    atomic("write a further chunk", |site| chunk(site, site.uploads.paused, "slow", 65).boxed()),
    Operation {
        // Its session is sealed before the blob's record is swapped: in between the client is told
        // that there is no such upload, and sends the blob again.
        may_lose: &["upload paused"],
        ..atomic("commit a paused upload", |site| finish(site).boxed())
    },
    Operation {
        may_lose: &["upload paused"],
        ..atomic("commit a paused upload by a digest of another algorithm", |site| {
            other_algorithm(site).boxed()
        })
    },
    atomic("upload a blob in one go", |site| go(site.b(), "new").boxed()),
    atomic("upload a blob that is there", |site| go(site.a(), "shared").boxed()),
    atomic("upload a blob that nobody has", |site| go(site.a(), "slow").boxed()),
    Operation {
        may_lose: &["upload paused"],
        ..atomic("cancel an upload", |site| cancel(site).boxed())
    },
    atomic("mount", |site| mount(site).boxed()),
    atomic("HEAD a blob", |site| head_blob(site).boxed()),
    atomic("HEAD a manifest", |site| head_manifest(site).boxed()),
    atomic("put a manifest", |site| put(site, "New", &[]).boxed()),
    stepwise("put a manifest with a tag", |site| put(site, "New", &["t1"]).boxed()),
    stepwise("put a manifest with three tags, one of which moves", |site| {
        put(site, "New", &["t2", "v1", "t3"]).boxed()
    }),
    stepwise("put an index", |site| put(site, "NewIndex", &["t2"]).boxed()),
    atomic("put a manifest with a subject", |site| put(site, "NewSig", &[]).boxed()),
    atomic("put a manifest that is there with another tag", |site| {
        put(site, "One", &["again"]).boxed()
    }),
    atomic("put a manifest that was deleted", |site| put(site, "Gone", &[]).boxed()),
    atomic("move a tag", |site| tag(site, "latest", "Two").boxed()),
    atomic("set a new tag", |site| tag(site, "other", "Two").boxed()),
    atomic("delete a tag", |site| untag(site).boxed()),
    atomic("delete a manifest with its tags", |site| {
        delete(site, Deletes::Allowed, "Doomed").boxed()
    }),
    atomic("delete a manifest that is no child", |site| {
        delete(site, Deletes::KeepChildren, "Doomed").boxed()
    }),
    atomic("try to delete a child", |site| delete(site, Deletes::KeepChildren, "One").boxed()),
    atomic("delete a blob at its home", |site| delete_blob(site.a(), "loose").boxed()),
    atomic("delete a blob that was mounted", |site| delete_blob(site.b(), "two").boxed()),
    stepwise("collect", |site| collect(site, EAGER).boxed()),
    stepwise("collect untagged manifests", |site| collect(site, UNTAGGED).boxed()),
    Operation {
        before: Some(|site| crate::laws::damage(site).boxed()),
        ..stepwise("audit and repair", |site| audit(site).boxed())
    },
];

const UNTAGGED: CollectOptions = CollectOptions { untagged: Some(Duration::ZERO), ..EAGER };

async fn begin(site: &Site) -> Result<()> {
    site.a().begin_upload(Algorithm::Sha256).await.map(drop)
}

/// Goes on with an upload up to some offset, if it is not there yet.
async fn chunk(site: &Site, id: UploadId, blob: &str, to: usize) -> Result<()> {
    let Some(mut upload) = site.a().resume_upload(&id, None).await? else {
        return go(site.a(), blob).await; // it was given up: all of it once more
    };
    let from = usize::try_from(upload.offset()).unwrap();
    if from < to {
        upload.write(content(blob).slice(from..from + 10)).await?;
        upload.write(content(blob).slice(from + 10..to)).await?;
        upload.pause().await?;
    }
    Ok(())
}

async fn finish(site: &Site) -> Result<()> {
    end(site, &digest("slow")).await
}

async fn other_algorithm(site: &Site) -> Result<()> {
    end(site, &Digest::of(Algorithm::Sha512, &content("slow"))).await
}

/// Ends the paused upload, or sends it all again if it is gone.
async fn end(site: &Site, digest: &Digest) -> Result<()> {
    let (a, id) = (site.a(), site.uploads.paused);
    let mut upload = match a.resume_upload(&id, None).await? {
        Some(upload) => upload,
        None if a.finished_upload(&id).await?.is_some() => return Ok(()),
        None => a.begin_upload(Algorithm::Sha256).await?,
    };
    let from = usize::try_from(upload.offset()).unwrap();
    assert!([0, PAUSED_AT, 65].contains(&from), "{from}");
    upload.write(content("slow").slice(from..)).await?;
    upload.commit(digest).await.map(drop)
}

async fn go(repository: Repository, blob: &str) -> Result<()> {
    upload(&repository, blob).await
}

async fn cancel(site: &Site) -> Result<()> {
    match site.a().resume_upload(&site.uploads.paused, None).await? {
        Some(upload) => upload.cancel().await,
        None => Ok(()),
    }
}

async fn mount(site: &Site) -> Result<()> {
    let (a, b) = (site.a(), site.b());
    if b.mount(&digest("one"), MountFrom::Repository(a.name())).await?.is_none() {
        upload(&b, "one").await?;
    }
    Ok(())
}

/// With a lease that is always over, so that each look renews it.
async fn head_blob(site: &Site) -> Result<()> {
    let a = site.with(Options { lease: Duration::ZERO, ..site.process.options.clone() }).await?;
    a.hold_blob(&digest("loose")).await.map(drop)
}

async fn head_manifest(site: &Site) -> Result<()> {
    let a = site.with(Options { lease: Duration::ZERO, ..site.process.options.clone() }).await?;
    let reference = manifest("Two").digest().to_string().parse().unwrap();
    a.hold_manifest(&reference).await.map(drop)
}

/// Pushes what is missing, and the manifest.
async fn put(site: &Site, name: &str, tags: &[&str]) -> Result<()> {
    let a = site.a();
    match a.put_manifest(&manifest(name), &tagged(tags)).await {
        Err(error) if error.kind() == ErrorKind::ManifestBlobUnknown => push(&a, name, tags).await,
        result => result.map(drop),
    }
}

async fn tag(site: &Site, tag: &str, on: &str) -> Result<()> {
    let a = site.a();
    let is_there = a.set_tag(&tag.parse().unwrap(), manifest(on).digest(), Condition::Any).await?;
    if is_there { Ok(()) } else { push(&a, plan(on).name, &[tag]).await }
}

async fn untag(site: &Site) -> Result<()> {
    site.a().delete_tag(&"v1".parse().unwrap(), Condition::Any).await.map(drop)
}

async fn delete(site: &Site, deletes: Deletes, name: &str) -> Result<()> {
    let a = site.with(Options { deletes, ..site.process.options.clone() }).await?;
    match a.delete_manifest(manifest(name).digest()).await {
        Err(error) if error.kind() == ErrorKind::Denied => Ok(()),
        result => result.map(drop),
    }
}

async fn delete_blob(repository: Repository, blob: &str) -> Result<()> {
    match repository.delete_blob(&digest(blob)).await {
        Err(error) if error.kind() == ErrorKind::Denied => Ok(()),
        result => result.map(drop),
    }
}

async fn collect(site: &Site, options: CollectOptions) -> Result<()> {
    site.process.registry.collect(&options, &()).await.map(drop)
}

async fn audit(site: &Site) -> Result<()> {
    site.process.registry.audit(&REPAIR, &()).await.map(drop)
}
