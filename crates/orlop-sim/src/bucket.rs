//! A bucket in memory whose clients die at any of their requests.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

use crate::life::{Life, part_of, parts_of};

/// A bucket as one of its clients sees it.
///
/// Objects are kept by `object_store`'s own store in memory, but that one completes a multipart
/// upload of the parts that it has, where real stores complete it of those that are named.
#[derive(Clone, Debug)]
pub struct SimBucket {
    server: Arc<Server>,
    life: Arc<Life>,
}

#[derive(Debug)]
struct Server {
    objects: InMemory,
    uploads: Mutex<Uploads>,
}

#[derive(Clone, Debug, Default)]
struct Uploads {
    begun: u64,
    open: BTreeMap<String, Upload>,
}

#[derive(Clone, Debug, Default)]
struct Upload {
    path: Path,
    parts: BTreeMap<usize, (String, Bytes)>,
}

impl SimBucket {
    /// An empty bucket, and its first client.
    pub fn new() -> Self {
        let server = Server { objects: InMemory::new(), uploads: Mutex::default() };
        Self { server: Arc::new(server), life: Arc::default() }
    }

    /// The same bucket as another process sees it, whose life this is.
    #[must_use]
    pub fn process(&self, life: Arc<Life>) -> Self {
        Self { server: self.server.clone(), life }
    }

    /// A copy of the bucket as it is.
    #[must_use]
    pub fn copied(&self) -> Self {
        let objects = self.server.objects.fork();
        let uploads = Mutex::new(self.uploads().clone());
        Self { server: Arc::new(Server { objects, uploads }), life: Arc::default() }
    }

    /// How many multipart uploads are neither completed nor aborted.
    pub fn open_uploads(&self) -> usize {
        self.uploads().open.len()
    }

    fn uploads(&self) -> MutexGuard<'_, Uploads> {
        self.server.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn of a request that changes something. One that happens in part is one
    /// that does not happen: requests are atomic.
    async fn act(&self, what: &str, path: &Path) {
        self.life.act(format!("{what} {path}"), 0).await;
    }
}

impl Default for SimBucket {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for SimBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated bucket")
    }
}

fn refused(reason: String) -> Error {
    Error::Generic { store: "simulated bucket", source: reason.into() }
}

fn no_upload(path: &Path, id: &MultipartId) -> Error {
    Error::NotFound { path: path.to_string(), source: id.clone().into() }
}

#[async_trait::async_trait]
impl MultipartStore for SimBucket {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.act("begin", path).await;
        let mut uploads = self.uploads();
        uploads.begun += 1;
        let id = format!("upload-{}", uploads.begun);
        uploads.open.insert(id.clone(), Upload { path: path.clone(), ..Upload::default() });
        Ok(id)
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        index: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        self.act("write part of", path).await;
        let bytes: Bytes = data.into();
        let mut uploads = self.uploads();
        let number = uploads.begun;
        let upload = uploads.open.get_mut(id).filter(|upload| upload.path == *path);
        let upload = upload.ok_or_else(|| no_upload(path, id))?;
        let tag = format!("{number}-{index}-{}", bytes.len());
        upload.parts.insert(index, (tag.clone(), bytes));
        Ok(PartId { content_id: tag })
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.act("complete", path).await;
        let mut content = Vec::new();
        {
            let uploads = self.uploads();
            let upload = uploads.open.get(id).ok_or_else(|| no_upload(path, id))?;
            for (index, part) in parts.iter().enumerate() {
                let stored = upload.parts.get(&index).filter(|(tag, _)| *tag == part.content_id);
                let Some((_, bytes)) = stored else {
                    return Err(refused(format!("part {index} was replaced or never stored")));
                };
                content.extend_from_slice(bytes);
            }
        }
        let result = self.server.objects.put(path, content.into()).await;
        self.uploads().open.remove(id);
        result
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.act("abort", path).await;
        self.uploads().open.remove(id).map(drop).ok_or_else(|| no_upload(path, id))
    }
}

#[async_trait::async_trait]
impl ObjectStore for SimBucket {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.act("put", location).await;
        self.server.objects.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        _location: &Path,
        _opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(refused("an upload that ends with its process".into()))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.life.turn().await;
        self.server.objects.get_opts(location, options).await
    }

    /// One request for all of them, which can be obeyed in part.
    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let bucket = self.clone();
        let deleted = async move {
            let paths: Vec<Path> =
                locations.filter_map(async |path| path.ok()).collect::<Vec<_>>().await;
            let what =
                format!("delete {}", paths.iter().map(Path::as_ref).collect::<Vec<_>>().join(" "));
            let part = bucket.life.act(what, parts_of(paths.len())).await;
            let reached = part.map_or(&paths[..], |part| part_of(&paths, part));
            for path in reached {
                let _ = bucket.server.objects.delete(path).await; // absent means done already
            }
            match part {
                Some(_) => bucket.life.gone().await,
                None => stream::iter(paths.into_iter().map(Ok)),
            }
        };
        stream::once(deleted).flatten().boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (bucket, prefix) = (self.clone(), prefix.cloned());
        let list = async move {
            bucket.life.turn().await;
            bucket.server.objects.list(prefix.as_ref())
        };
        stream::once(list).flatten().boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (bucket, prefix, offset) = (self.clone(), prefix.cloned(), offset.clone());
        let list = async move {
            bucket.life.turn().await;
            bucket.server.objects.list_with_offset(prefix.as_ref(), &offset)
        };
        stream::once(list).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.life.turn().await;
        self.server.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(refused("a copy: bytes never move".into()))
    }
}
