//! A strict bucket in memory, with a pause on both sides of every request, and conditional writes
//! that get lost or come late.

use std::fmt;
use std::mem;
use std::sync::Mutex;

use arbitrary::Arbitrary;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

use crate::steps::pause;
use crate::strict::StrictBucket;

/// The bucket. Its requests take their time.
#[derive(Debug, Default)]
pub struct SlowBucket {
    objects: StrictBucket,
    trouble: Mutex<Option<Trouble>>,
    late: Mutex<Vec<(Path, PutPayload, PutOptions)>>,
}

/// What happens to a conditional write.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It never arrives.
    LostRequest,
    /// It arrives, and its answer does not.
    LostAnswer,
    /// It arrives when [`SlowBucket::deliver_late`] is called.
    Late,
}

impl SlowBucket {
    /// What is to happen to the next conditional write.
    pub fn prepare(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().expect("no panic") = trouble;
    }

    /// The requests that were held up arrive now.
    pub async fn deliver_late(&self) {
        let late = mem::take(&mut *self.late.lock().expect("no panic"));
        for (path, payload, options) in late {
            let _ = self.objects.put_opts(&path, payload, options).await; // refused or not
        }
    }

    async fn slowly<T>(&self, effect: impl Future<Output = T>) -> T {
        pause().await;
        let value = effect.await;
        pause().await;
        value
    }
}

impl fmt::Display for SlowBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("slow bucket")
    }
}

#[async_trait::async_trait]
impl MultipartStore for SlowBucket {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.slowly(self.objects.create_multipart(path)).await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        self.slowly(self.objects.put_part(path, id, part_idx, data)).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.slowly(self.objects.complete_multipart(path, id, parts)).await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.slowly(self.objects.abort_multipart(path, id)).await
    }
}

#[async_trait::async_trait]
impl ObjectStore for SlowBucket {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let trouble = match opts.mode {
            PutMode::Overwrite => None,
            _ => self.trouble.lock().expect("no panic").take(),
        };
        match trouble {
            None => return self.slowly(self.objects.put_opts(location, payload, opts)).await,
            Some(Trouble::LostRequest) => {}
            Some(Trouble::LostAnswer) => {
                let _ = self.slowly(self.objects.put_opts(location, payload, opts)).await;
            }
            Some(Trouble::Late) => {
                let request = (location.clone(), payload, opts);
                self.late.lock().expect("no panic").push(request);
            }
        }
        Err(Error::Generic { store: "slow bucket", source: "no answer".into() })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.slowly(self.objects.get_opts(location, options)).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let locations = locations.then(async |location| {
            pause().await;
            location
        });
        self.objects.delete_stream(locations.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.slowly(self.objects.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}
