//! A bucket, as the rest of this crate talks to it: every request in one place, absence and
//! conflict as answers, errors that name the object.

use std::fmt::{self, Debug};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{
    Error as StoreError, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutPayload, PutResult, UpdateVersion,
};
use orlop_backend::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::signed::{Marker, OpenUpload, Signed};

/// A store with multipart uploads whose parts any process can add.
pub trait Objects: ObjectStore + MultipartStore {}

impl<S: ObjectStore + MultipartStore> Objects for S {}

/// A bucket, or a prefix in one, that keeps a store.
///
/// [`open`](crate::open) makes one from a URL; build it by hand for anything else that
/// `object_store` can reach.
#[derive(Clone)]
pub struct Bucket {
    objects: Arc<dyn Objects>,
    once: Arc<dyn ObjectStore>,
    presigner: Option<Arc<dyn Signer>>,
    signed: Option<Signed>,
    pub(crate) layout: Layout,
    pub(crate) habits: Habits,
}

/// What was found out about a store when it was opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Habits {
    /// It finds no object whose entity tag is quoted as HTTP wants it.
    pub(crate) unquoted: bool,
    /// It deletes on a condition, and not if the condition does not hold.
    pub(crate) deletes_if: bool,
}

/// Which of the objects that a key had it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectVersion {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e_tag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

/// An object, read.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) bytes: Bytes,
    pub(crate) version: ObjectVersion,
    pub(crate) modified: SystemTime,
}

/// What a conditional write came to.
#[derive(Debug)]
pub(crate) enum Put {
    Stored(ObjectVersion),
    /// The object was not as expected, at the moment when this request was looked at.
    Refused,
    /// It may have happened, or may still happen.
    Unknown(Error),
}

/// What a read begins with.
pub(crate) struct Reading {
    /// The bytes of the whole object.
    pub(crate) size: u64,
    pub(crate) bytes: BoxStream<'static, Result<Bytes>>,
}

impl Bucket {
    /// All of a bucket. `objects` may repeat requests on its own.
    ///
    /// It should repeat no conditional write, or say so by [`Bucket::with_once`]: a write that was
    /// repeated can be refused because of itself.
    pub fn new<S: Objects>(objects: Arc<S>) -> Self {
        Self {
            once: objects.clone(),
            objects,
            presigner: None,
            signed: None,
            layout: Layout::default(),
            habits: Habits::default(),
        }
    }

    /// Keeps everything under `prefix`. Fails if it is not a path of object names.
    pub fn with_prefix(mut self, prefix: &str) -> Result<Self> {
        let prefix = Path::parse(prefix).map_err(|error| {
            let message = format!("cannot keep a store under prefix {prefix:?}");
            Error::new(ErrorKind::Misuse, message).with_source(error)
        })?;
        self.layout = Layout::new(prefix);
        Ok(self)
    }

    /// The same bucket through a client that sends each request once, for conditional writes.
    #[must_use]
    pub fn with_once(mut self, once: Arc<dyn ObjectStore>) -> Self {
        self.once = once;
        self
    }

    /// Who signs the URLs that clients are sent to.
    #[must_use]
    pub fn with_presigner(mut self, presigner: Arc<dyn Signer>) -> Self {
        self.presigner = Some(presigner);
        self
    }

    pub(crate) fn with_signed(mut self, signed: Signed) -> Self {
        self.signed = Some(signed);
        self
    }

    /// A URL that gives the object to whoever has it; `None` if nobody signs for this bucket.
    pub(crate) async fn presign(&self, path: &Path, ttl: Duration) -> Result<Option<String>> {
        let Some(presigner) = &self.presigner else {
            return Ok(None);
        };
        let url = presigner.signed_url(http::Method::GET, path, ttl).await;
        url.map(|url| Some(url.into())).map_err(|error| failed("sign a URL for", path, error))
    }

    pub(crate) async fn get(&self, path: &Path) -> Result<Option<Object>> {
        let result = match self.objects.get(path).await {
            Ok(result) => result,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed("read", path, error)),
        };
        let modified = result.meta.last_modified.into();
        let version = ObjectVersion::new(result.meta.e_tag.clone(), result.meta.version.clone());
        let bytes = result.bytes().await.map_err(|error| failed("read", path, error))?;
        Ok(Some(Object { bytes, version, modified }))
    }

    /// Reads a range that is cut at the end of the object; `None` if there is none.
    pub(crate) async fn read(&self, path: &Path, range: Range<u64>) -> Result<Option<Reading>> {
        if range.is_empty() {
            return self.nothing_of(path).await;
        }
        let mut options = GetOptions::default();
        if range != (0..u64::MAX) {
            // To some stores a number that is no signed one is no number.
            let is_open = i64::try_from(range.end).is_err();
            let bounded = GetRange::Bounded(range.clone());
            options.range = Some(if is_open { GetRange::Offset(range.start) } else { bounded });
        }
        match self.objects.get_opts(path, options).await {
            Ok(result) => Ok(Some(reading(path.clone(), result))),
            Err(StoreError::NotFound { .. }) => Ok(None),
            // Stores have several ways to say that a range lies behind the end.
            Err(error) => match self.nothing_of(path).await? {
                Some(reading) if reading.size > range.start => Err(failed("read", path, error)),
                nothing => Ok(nothing),
            },
        }
    }

    async fn nothing_of(&self, path: &Path) -> Result<Option<Reading>> {
        let size = self.size(path).await?;
        Ok(size.map(|size| Reading { size, bytes: stream::empty().boxed() }))
    }

    pub(crate) async fn size(&self, path: &Path) -> Result<Option<u64>> {
        match self.objects.head(path).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("look at", path, error)),
        }
    }

    /// Stores an object whatever was there.
    pub(crate) async fn put(&self, path: &Path, bytes: PutPayload) -> Result<()> {
        let put = self.objects.put(path, bytes).await;
        put.map(drop).map_err(|error| failed("write", path, error))
    }

    /// Stores an object in place of the one that is expected, `None` for none. Sent once: the
    /// caller finds out what became of it.
    pub(crate) async fn put_if(
        &self,
        path: &Path,
        expected: Option<&ObjectVersion>,
        bytes: Bytes,
    ) -> Result<Put> {
        let mode = match expected {
            None => PutMode::Create,
            Some(version) => PutMode::Update(UpdateVersion {
                e_tag: self.e_tag(version),
                version: version.version.clone(),
            }),
        };
        match self.once.put_opts(path, bytes.into(), mode.into()).await {
            Ok(PutResult { e_tag, version, .. }) => {
                Ok(Put::Stored(ObjectVersion::new(e_tag, version)))
            }
            Err(
                StoreError::AlreadyExists { .. }
                | StoreError::Precondition { .. }
                | StoreError::NotModified { .. }
                | StoreError::NotFound { .. },
            ) => Ok(Put::Refused),
            Err(
                error @ (StoreError::PermissionDenied { .. }
                | StoreError::Unauthenticated { .. }
                | StoreError::NotSupported { .. }
                | StoreError::NotImplemented { .. }
                | StoreError::InvalidPath { .. }),
            ) => Err(failed("write", path, error)),
            Err(error) if is_lost_race(&error) => Ok(Put::Refused),
            Err(error) => Ok(Put::Unknown(failed("write", path, error))),
        }
    }

    /// The entity tag as this store wants to be asked for it.
    fn e_tag(&self, version: &ObjectVersion) -> Option<String> {
        let e_tag = version.e_tag.as_deref()?;
        Some(if self.habits.unquoted { e_tag.trim_matches('"') } else { e_tag }.to_owned())
    }

    /// Deletes an object if it is still this one; `false` if it is not, or if this store has no
    /// such request.
    pub(crate) async fn delete_if(&self, path: &Path, version: &ObjectVersion) -> Result<bool> {
        match (&self.signed, self.e_tag(version)) {
            (Some(signed), Some(e_tag)) => signed.delete_if(path, &e_tag).await,
            _ => Ok(false),
        }
    }

    /// Multipart uploads below `prefix` that were neither completed nor aborted, as far as the
    /// store can list them.
    pub(crate) fn open_uploads(&self, prefix: &Path) -> BoxStream<'_, Result<OpenUpload>> {
        let Some(signed) = &self.signed else {
            return stream::empty().boxed();
        };
        let prefix = prefix.to_string();
        let pages = stream::try_unfold(Some(None), move |from: Option<Option<Marker>>| {
            let prefix = prefix.clone();
            async move {
                let Some(from) = from else {
                    return Ok::<_, Error>(None);
                };
                let (uploads, next) = signed.open_uploads(&prefix, from.as_ref()).await?;
                Ok(Some((stream::iter(uploads).map(Ok), next.map(Some))))
            }
        });
        pages.try_flatten().boxed()
    }

    /// Deletes objects, as many as the store takes in one request. Absent means done already.
    pub(crate) async fn delete(&self, paths: Vec<Path>) -> Result<()> {
        let Some(first) = paths.first().cloned() else {
            return Ok(());
        };
        let paths = stream::iter(paths).map(Ok).boxed();
        let mut deleted = self.objects.delete_stream(paths);
        loop {
            match deleted.try_next().await {
                Ok(Some(_)) | Err(StoreError::NotFound { .. }) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(failed("delete", &first, error)),
            }
        }
    }

    /// The objects below `prefix`.
    pub(crate) fn list(&self, prefix: Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let list = self.objects.list(Some(&prefix));
        list.map_err(move |error| failed("list", &prefix, error)).boxed()
    }

    /// The objects below `prefix` whose path is greater than `after`.
    pub(crate) fn list_after(
        &self,
        prefix: Path,
        after: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let list = self.objects.list_with_offset(Some(&prefix), after);
        list.map_err(move |error| failed("list", &prefix, error)).boxed()
    }

    pub(crate) async fn begin_multipart(&self, path: &Path) -> Result<String> {
        let begun = self.objects.create_multipart(path).await;
        begun.map_err(|error| failed("begin", path, error))
    }

    pub(crate) async fn put_part(
        &self,
        path: &Path,
        upload: &String,
        index: usize,
        bytes: PutPayload,
    ) -> Result<String> {
        let part = self.objects.put_part(path, upload, index, bytes).await;
        part.map(|part| part.content_id)
            .map_err(|error| failed(&format!("write part {index} of"), path, error))
    }

    /// Makes an object of `len` bytes out of parts. If somebody has done it already, that is as
    /// good: the object may then have more bytes, that come after these.
    pub(crate) async fn complete(
        &self,
        path: &Path,
        upload: &String,
        parts: &[String],
        len: u64,
    ) -> Result<()> {
        let parts = parts.iter().map(|id| PartId { content_id: id.clone() }).collect();
        match self.objects.complete_multipart(path, upload, parts).await {
            Ok(_) => Ok(()),
            // The answer to the request that did it may have got lost.
            Err(error) => match self.size(path).await? {
                Some(size) if size >= len => Ok(()),
                _ => Err(failed("complete", path, error)),
            },
        }
    }

    /// Gives a multipart upload up, if it was neither completed nor aborted yet.
    pub(crate) async fn abort(&self, path: &Path, upload: &String) -> Result<()> {
        match self.objects.abort_multipart(path, upload).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            // Not every store says in the same way that there is no such upload.
            Err(_) if self.size(path).await?.is_some() => Ok(()),
            Err(error) => Err(failed("abort", path, error)),
        }
    }
}

impl Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Says which bucket it is, and no secret.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.objects, self.layout.root())
    }
}

impl ObjectVersion {
    fn new(e_tag: Option<String>, version: Option<String>) -> Self {
        Self { e_tag, version }
    }
}

fn reading(path: Path, result: GetResult) -> Reading {
    let size = result.meta.size;
    let bytes = result.into_stream();
    Reading { size, bytes: bytes.map_err(move |error| failed("read", &path, error)).boxed() }
}

/// Ceph's gateway (16) says `500 UnknownError` to a conditional write that was cancelled because
/// another one was faster, where others say 412.
fn is_lost_race(error: &StoreError) -> bool {
    error.to_string().contains("<Code>UnknownError</Code>")
}

fn failed(act: &str, path: &Path, error: StoreError) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot {act} object {path}")).with_source(error)
}
