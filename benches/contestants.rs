//! What is measured: the ways to take a blob and know its digest.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cacache::Algorithm::Sha256 as SHA256;
use cacache::Integrity;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStoreExt, WriteMultipart};
use orlop::fs::FsOptions;
use orlop::{Algorithm, Cores, Digest, Environment, Hasher, Options, Registry, Repository};
use sha2::Digest as _;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_blocking;

use crate::random::Random;

/// The size in which a blob's bytes come.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;

/// Whatever goes wrong, the measurement is void.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One way to take a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    /// The bare hash, which is what everything is compared with.
    Sha2,
    /// The same, through Orlop's words.
    Hasher,
    /// An upload to the memory backend.
    Memory,
    /// An upload to the filesystem backend, without durability.
    Fs,
    /// An upload to the filesystem backend.
    FsDurable,
    /// A file that is written and hashed by a thread of its own, without durability.
    Thread,
    /// The same, and what makes it durable: the file is synced, renamed, and its directory synced.
    ThreadDurable,
    /// A file that one thread writes while another one hashes the same bytes, which are all there:
    /// what no upload through the page cache can be faster than.
    TwoThreads,
    /// A library for stores of this kind, without durability, which it does not have.
    Cacache,
    /// What a user would write by hand with the crate `object_store`.
    ObjectStore,
    /// The same, with `with_fsync`.
    ObjectStoreDurable,
}

impl Contestant {
    /// In the order in which they are shown.
    pub(crate) const ALL: [Self; 11] = [
        Self::Sha2,
        Self::Hasher,
        Self::Memory,
        Self::Fs,
        Self::FsDurable,
        Self::Thread,
        Self::ThreadDurable,
        Self::TwoThreads,
        Self::Cacache,
        Self::ObjectStore,
        Self::ObjectStoreDurable,
    ];

    /// What it is called in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sha2 => "sha2 alone",
            Self::Hasher => "orlop Hasher",
            Self::Memory => "orlop, memory",
            Self::Fs => "orlop, files",
            Self::FsDurable => "orlop, files, durable",
            Self::Thread => "a thread, file + sha2",
            Self::ThreadDurable => "a thread, file + sha2, fsync",
            Self::TwoThreads => "two threads, file beside sha2",
            Self::Cacache => "cacache",
            Self::ObjectStore => "object_store + sha2",
            Self::ObjectStoreDurable => "object_store + sha2, fsync",
        }
    }
}

/// A contestant, ready, with a directory of its own that goes with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Arena {
    contestant: Contestant,
    place: Place,
    directory: Arc<TempDir>,
}

#[derive(Clone, Debug)]
enum Place {
    Nowhere,
    Orlop(Repository),
    Files { durable: bool },
    TwoThreads,
    Cacache,
    ObjectStore(LocalFileSystem),
}

impl Arena {
    pub(crate) async fn open(contestant: Contestant) -> Result<Self> {
        // A disk that is known to be one: the directory for temporary files may be memory.
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        let files = |durable| orlop::fs::open(directory.path(), &FsOptions { durable });
        let object_store = |durable| {
            LocalFileSystem::new_with_prefix(directory.path())
                .map(|store| Place::ObjectStore(store.with_fsync(durable)))
        };
        let place = match contestant {
            Contestant::Sha2 | Contestant::Hasher => Place::Nowhere,
            Contestant::Memory => orlop_in(Environment::memory()).await?,
            Contestant::Fs => orlop_in(files(false)?).await?,
            Contestant::FsDurable => orlop_in(files(true)?).await?,
            Contestant::Thread => Place::Files { durable: false },
            Contestant::ThreadDurable => Place::Files { durable: true },
            Contestant::TwoThreads => Place::TwoThreads,
            Contestant::Cacache => Place::Cacache,
            Contestant::ObjectStore => object_store(false)?,
            Contestant::ObjectStoreDurable => object_store(true)?,
        };
        Ok(Self { contestant, place, directory: Arc::new(directory) })
    }

    /// Takes the blob, and makes sure that it is the one it claims to be.
    pub(crate) async fn take(&self, blob: Blob) -> Result<()> {
        match &self.place {
            Place::Nowhere if self.contestant == Contestant::Sha2 => hash_by_hand(&blob),
            Place::Nowhere => {
                let mut hasher = Hasher::new(Algorithm::Sha256);
                for chunk in &blob.chunks {
                    hasher.update(chunk);
                }
                let verified = hasher.finish();
                verify(&blob.digest, verified.digest().hash())
            }
            Place::Orlop(repository) => {
                let mut upload = repository.begin_upload_of(&blob.digest).await?;
                for chunk in blob.chunks {
                    upload.write(chunk).await?;
                }
                upload.commit(&blob.digest).await?;
                Ok(())
            }
            Place::Files { durable } => {
                let (directory, durable) = (self.directory.clone(), *durable);
                spawn_blocking(move || take_by_hand(directory.path(), &blob, durable)).await?
            }
            Place::TwoThreads => {
                let (directory, blob) = (self.directory.clone(), Arc::new(blob));
                let hashed = blob.clone();
                let hashing = spawn_blocking(move || hash_by_hand(&hashed));
                spawn_blocking(move || write_by_hand(directory.path(), &blob)).await??;
                hashing.await?
            }
            Place::Cacache => {
                let integrity = Integrity::from_hex(blob.digest.encoded(), SHA256)?;
                let options = cacache::WriteOpts::new().algorithm(SHA256).integrity(integrity);
                let mut writer = options.open_hash(self.directory.path()).await?;
                for chunk in &blob.chunks {
                    writer.write_all(chunk).await?;
                }
                writer.commit().await?;
                Ok(())
            }
            Place::ObjectStore(store) => {
                let path = blob.digest.encoded().into();
                let mut hasher = sha2::Sha256::new();
                let mut upload = WriteMultipart::new(store.put_multipart(&path).await?);
                for chunk in blob.chunks {
                    upload.wait_for_capacity(PARTS_MAX).await?;
                    upload.put(chunk.clone()); // is written in the background
                    hasher.update(&chunk);
                }
                verify(&blob.digest, &hasher.finalize())?;
                upload.finish().await?;
                Ok(())
            }
        }
    }

    /// The same for several streams at once, each of which brings its blobs one by one.
    pub(crate) async fn take_at_once(&self, streams: Vec<Vec<Blob>>) -> Result<()> {
        let tasks: Vec<_> = streams
            .into_iter()
            .map(|blobs| {
                let arena = self.clone();
                tokio::spawn(async move {
                    for blob in blobs {
                        arena.take(blob).await?;
                    }
                    Result::Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        Ok(())
    }

    /// Gives the memory of large blobs back, so that the next ones find warm pages, and leaves nothing
    /// to be written later, while somebody else is measured.
    ///
    /// Files are emptied and stay: a file system without a journal looks for a minute or more at
    /// each file that was deleted whenever it makes a new one.
    pub(crate) async fn recycle(&mut self) -> Result<()> {
        match self.contestant {
            Contestant::Memory => self.place = orlop_in(Environment::memory()).await?,
            _ => empty_large_files(self.directory.path())?,
        }
        rustix::fs::syncfs(File::open(self.directory.path())?)?;
        Ok(())
    }
}

/// A blob that nobody has seen before, in chunks.
#[derive(Debug)]
pub(crate) struct Blob {
    chunks: Vec<Bytes>,
    digest: Digest,
}

/// Makes blobs.
#[derive(Debug)]
pub(crate) struct Source {
    noise: Bytes,
    made: u64,
}

impl Source {
    /// One that can make blobs of up to `size_max` bytes.
    pub(crate) fn new(size_max: usize, random: &mut Random) -> Self {
        let mut noise = BytesMut::with_capacity(size_max + 8);
        while noise.len() < size_max {
            noise.extend_from_slice(&random.next().to_le_bytes());
        }
        Self { noise: noise.freeze(), made: 0 }
    }

    /// As many blobs of `size` bytes each as asked for.
    pub(crate) fn blobs(&mut self, count: usize, size: usize) -> Vec<Blob> {
        (0..count).map(|_| self.blob(size)).collect()
    }

    /// A blob of `size` bytes. Its first bytes are new, the rest is shared by all.
    fn blob(&mut self, size: usize) -> Blob {
        self.made += 1;
        let cut = size.min(CHUNK_BYTES);
        let mut first = BytesMut::from(&self.noise[..cut]);
        first[..8].copy_from_slice(&self.made.to_le_bytes());
        let mut chunks = vec![first.freeze()];
        let starts = (cut..size).step_by(CHUNK_BYTES);
        chunks.extend(starts.map(|at| self.noise.slice(at..size.min(at + CHUNK_BYTES))));
        let mut hasher = Hasher::new(Algorithm::Sha256);
        for chunk in &chunks {
            hasher.update(chunk);
        }
        let digest = *hasher.finish().digest();
        Blob { chunks, digest }
    }
}

/// What one writes without a library.
fn take_by_hand(directory: &Path, blob: &Blob, durable: bool) -> Result<()> {
    let name = blob.digest.encoded();
    let partial = directory.join(format!("{name}.part"));
    let (mut file, mut hasher) = (File::create_new(&partial)?, sha2::Sha256::new());
    for chunk in &blob.chunks {
        file.write_all(chunk)?;
        hasher.update(chunk);
    }
    verify(&blob.digest, &hasher.finalize())?;
    if durable {
        file.sync_data()?;
    }
    fs::rename(partial, directory.join(name))?;
    if durable {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

fn hash_by_hand(blob: &Blob) -> Result<()> {
    let mut hasher = sha2::Sha256::new();
    for chunk in &blob.chunks {
        hasher.update(chunk);
    }
    verify(&blob.digest, &hasher.finalize())
}

/// In pieces of the size for which pages are cheapest.
fn write_by_hand(directory: &Path, blob: &Blob) -> Result<()> {
    let name = blob.digest.encoded();
    let partial = directory.join(format!("{name}.part"));
    let mut file = File::create_new(&partial)?;
    for piece in blob.chunks.iter().flat_map(|chunk| chunk.chunks(WRITE_BYTES)) {
        file.write_all(piece)?;
    }
    Ok(fs::rename(partial, directory.join(name))?)
}

async fn orlop_in(environment: Environment) -> Result<Place> {
    let threads = Some(Arc::new(Cores::all()) as _);
    let registry = Registry::open(environment, Options { threads, ..Options::default() }).await?;
    Ok(Place::Orlop(registry.repository("bench".parse()?)))
}

fn verify(claimed: &Digest, hash: &[u8]) -> Result<()> {
    if claimed.hash() == hash {
        return Ok(());
    }
    Err(format!("expected {claimed}, hashed something else").into())
}

fn empty_large_files(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, metadata) = (entry.path(), entry.metadata()?);
        if metadata.is_dir() {
            empty_large_files(&path)?;
        } else if metadata.len() >= LARGE_BYTES {
            OpenOptions::new().write(true).truncate(true).open(path)?;
        }
    }
    Ok(())
}

const WRITE_BYTES: usize = 32 << 10;

/// How many parts `object_store` may be writing at once.
const PARTS_MAX: usize = 2;

/// Files below are kept, because there may be thousands of them.
const LARGE_BYTES: u64 = 64 << 10;
