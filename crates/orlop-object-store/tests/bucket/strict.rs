//! A bucket in memory that is as strict as the strictest store, and counts what is asked of it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::mem;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

/// Objects are kept by `object_store`'s own store in memory, but that one completes a multipart
/// upload of the parts that it has, where real stores complete it of those that are named.
#[derive(Debug, Default)]
pub(crate) struct StrictBucket {
    objects: InMemory,
    uploads: Mutex<HashMap<String, Upload>>,
    uploads_begun: AtomicU64,
    counts: Counts,
    after_part: AtomicU64,
    /// What happens to the next conditional writes.
    troubles: Mutex<VecDeque<Trouble>>,
    late: Mutex<Vec<(Path, PutPayload, PutOptions)>>,
    /// Whether conditions are ignored, as some servers do.
    pub(crate) ignores: AtomicBool,
    /// Whether an entity tag is understood only without its quotes.
    pub(crate) wants_unquoted: AtomicBool,
}

/// What can happen to a request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It gets through, and so does its answer.
    None,
    /// It never arrives.
    LostRequest,
    /// It arrives, and its answer does not.
    LostAnswer,
    /// It arrives when [`StrictBucket::deliver_late`] is called.
    Late,
}

/// How often each kind of request was made, and the bytes that came in.
#[derive(Debug, Default)]
struct Counts {
    puts: AtomicU64,
    gets: AtomicU64,
    lists: AtomicU64,
    deletes: AtomicU64,
    bytes: AtomicU64,
}

/// Requests since the last time: those that are priced like a PUT, like a GET, LISTs, and
/// deletes, which are free; and the bytes that were stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    pub(crate) puts: u64,
    pub(crate) gets: u64,
    pub(crate) lists: u64,
    pub(crate) deletes: u64,
    pub(crate) bytes: u64,
}

impl Requests {
    pub(crate) fn all(&self) -> u64 {
        self.puts + self.gets + self.lists + self.deletes
    }
}

#[derive(Debug, Default)]
struct Upload {
    path: Path,
    parts: BTreeMap<usize, (String, Bytes)>,
}

impl StrictBucket {
    pub(crate) fn take_requests(&self) -> Requests {
        let Counts { puts, gets, lists, deletes, bytes } = &self.counts;
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        Requests {
            puts: take(puts),
            gets: take(gets),
            lists: take(lists),
            deletes: take(deletes),
            bytes: take(bytes),
        }
    }

    /// How many multipart uploads are neither completed nor aborted.
    pub(crate) fn open_uploads(&self) -> usize {
        self.uploads.lock().expect("no panic").len()
    }

    /// Requests of any kind since the last part of an upload came in.
    pub(crate) fn requests_after_last_part(&self) -> u64 {
        self.after_part.load(Ordering::Relaxed)
    }

    /// What is to happen to the next conditional writes, one after the other.
    pub(crate) fn prepare(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.troubles.lock().expect("no panic").extend(troubles);
    }

    /// Nothing happens to requests any more.
    pub(crate) fn calm(&self) {
        self.troubles.lock().expect("no panic").clear();
    }

    /// The requests that were held up arrive now.
    pub(crate) async fn deliver_late(&self) {
        let late = mem::take(&mut *self.late.lock().expect("no panic"));
        for (path, payload, options) in late {
            let _ = self.objects.put_opts(&path, payload, options).await; // refused or not
        }
    }

    fn count(&self, counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
        self.after_part.fetch_add(1, Ordering::Relaxed);
    }

    fn count_put(&self, payload: &PutPayload) {
        self.count(&self.counts.puts);
        self.counts.bytes.fetch_add(payload.content_length() as u64, Ordering::Relaxed);
    }
}

impl fmt::Display for StrictBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("strict bucket")
    }
}

fn refused(reason: String) -> Error {
    Error::Generic { store: "strict bucket", source: reason.into() }
}

#[async_trait::async_trait]
impl MultipartStore for StrictBucket {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.count(&self.counts.puts);
        let mut uploads = self.uploads.lock().expect("no panic");
        let id = format!("upload-{}", self.uploads_begun.fetch_add(1, Ordering::Relaxed));
        uploads.insert(id.clone(), Upload { path: path.clone(), ..Upload::default() });
        Ok(id)
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        self.count_put(&data);
        self.after_part.store(0, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let bytes: Bytes = data.into();
        let mut uploads = self.uploads.lock().expect("no panic");
        let upload = uploads.get_mut(id).filter(|upload| upload.path == *path);
        let Some(upload) = upload else {
            return Err(Error::NotFound { path: path.to_string(), source: id.clone().into() });
        };
        let tag = format!("{part_idx}-{:08x}", crc32fast::hash(&bytes));
        upload.parts.insert(part_idx, (tag.clone(), bytes));
        Ok(PartId { content_id: tag })
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.count(&self.counts.puts);
        let mut content = Vec::new();
        {
            let uploads = self.uploads.lock().expect("no panic");
            let Some(upload) = uploads.get(id) else {
                return Err(Error::NotFound { path: path.to_string(), source: id.clone().into() });
            };
            let mut size = None;
            for (index, part) in parts.iter().enumerate() {
                let stored = upload.parts.get(&index).filter(|(tag, _)| *tag == part.content_id);
                let Some((_, bytes)) = stored else {
                    return Err(refused(format!("part {index} was replaced or never stored")));
                };
                let is_last = index + 1 == parts.len();
                let expected = *size.get_or_insert(bytes.len());
                if bytes.len() > expected || !is_last && bytes.len() != expected {
                    return Err(refused(format!("part {index} has another size than the first")));
                }
                content.extend_from_slice(bytes);
            }
        }
        let result = self.objects.put(path, content.into()).await;
        self.uploads.lock().expect("no panic").remove(id);
        result
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.count(&self.counts.deletes);
        let removed = self.uploads.lock().expect("no panic").remove(id);
        removed
            .map(drop)
            .ok_or_else(|| Error::NotFound { path: path.to_string(), source: id.clone().into() })
    }
}

#[async_trait::async_trait]
impl ObjectStore for StrictBucket {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut opts: PutOptions,
    ) -> Result<PutResult> {
        self.count_put(&payload);
        if opts.mode == PutMode::Overwrite {
            return self.objects.put_opts(location, payload, opts).await;
        }
        if self.ignores.load(Ordering::Relaxed) {
            opts.mode = PutMode::Overwrite;
        }
        if let PutMode::Update(version) = &mut opts.mode
            && self.wants_unquoted.load(Ordering::Relaxed)
        {
            version.e_tag = version.e_tag.take().map(|tag| format!("\"{tag}\""));
        }
        let trouble = self.troubles.lock().expect("no panic").pop_front();
        let trouble = trouble.unwrap_or(Trouble::None);
        match trouble {
            Trouble::None | Trouble::LostAnswer => {
                let result = self.objects.put_opts(location, payload, opts).await;
                if trouble == Trouble::None {
                    return result;
                }
            }
            Trouble::LostRequest => {}
            Trouble::Late => {
                let request = (location.clone(), payload, opts);
                self.late.lock().expect("no panic").push(request);
            }
        }
        Err(refused(format!("no answer: {trouble:?}")))
    }

    async fn put_multipart_opts(
        &self,
        _location: &Path,
        _opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(refused("an upload that ends with its process".into()))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.count(&self.counts.gets);
        self.objects.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.count(&self.counts.deletes); // up to a thousand in one
        self.objects.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count(&self.counts.lists);
        self.objects.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count(&self.counts.lists);
        self.objects.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.count(&self.counts.lists);
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(refused("a copy: bytes never move".into()))
    }
}
