//! What a connection does again and again, and what has to be there for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Result;
use crate::client::{Client, Target};
use crate::content::{Blob, Image, Noise, Random};

/// What a connection does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Pushes a new blob in a POST and a PUT.
    Push { size: usize },
    /// Pushes a new blob in a POST, some `PATCH`, and a PUT without a body.
    Chunks { size: usize, chunk: usize },
    /// Pulls a blob.
    Pull { size: usize },
    /// Asks whether there is a blob.
    Head,
    /// Asks whether there is a registry: what any answer costs.
    Ping,
    /// Pushes a new manifest with a new tag.
    PushManifest,
    /// Pulls a manifest by its tag.
    PullManifest,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Supplies {
    noise: Noise,
    /// What the manifests are of.
    image: Image,
    /// What is pulled, in turn.
    targets: Vec<Target>,
}

/// A connection that is ready for its act.
#[derive(Debug)]
pub(crate) struct Worker {
    act: Act,
    client: Client,
    supplies: Arc<Supplies>,
    random: Random,
    /// Blobs to push, which are made before the clock runs.
    blobs: Vec<Blob>,
    turn: usize,
}

impl Act {
    pub(crate) fn new(name: &str, size: usize, chunk: usize) -> Result<Self> {
        Ok(match name {
            "push" => Self::Push { size },
            "chunks" => Self::Chunks { size, chunk },
            "pull" => Self::Pull { size },
            "head" => Self::Head,
            "ping" => Self::Ping,
            "push-manifest" => Self::PushManifest,
            "pull-manifest" => Self::PullManifest,
            _ => return Err(format!("no act is called {name:?}").into()),
        })
    }

    /// How many bytes of a blob it moves.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Push { size } | Self::Chunks { size, .. } | Self::Pull { size } => size,
            Self::Head | Self::Ping | Self::PushManifest | Self::PullManifest => 0,
        }
    }
}

impl Supplies {
    /// Pushes what manifests need and what will be pulled, and looks once whether that comes back
    /// as it was.
    pub(crate) fn new(act: Act, address: SocketAddr) -> Result<Self> {
        let noise = Noise::new(act.size().max(SMALL_BYTES));
        let mut random = Random::new();
        let mut client = Client::new(address)?;
        let [config, layer] = [(); 2].map(|()| noise.blob(SMALL_BYTES, &mut random));
        client.push(&config)?;
        client.push(&layer)?;
        let image = Image::new(&config, &layer);
        let count = match act {
            Act::Push { .. } | Act::Chunks { .. } | Act::Ping | Act::PushManifest => 0,
            Act::Pull { size } if size > SMALL_BYTES => 1,
            Act::Pull { .. } | Act::Head | Act::PullManifest => TARGETS,
        };
        let mut targets = Vec::new();
        for _ in 0..count {
            let target = if let Act::PullManifest = act {
                let manifest = image.manifest(&mut random);
                client.push_manifest(&manifest)?;
                Target::manifest(manifest)
            } else {
                let blob = noise.blob(act.size().max(SMALL_BYTES), &mut random);
                client.push(&blob)?;
                Target::blob(blob)
            };
            client.verify(&target)?;
            targets.push(target);
        }
        Ok(Self { noise, image, targets })
    }
}

impl Worker {
    /// The `number`th connection. Makes `ahead` of the blobs that it will push at once, others
    /// when they are wanted.
    pub(crate) fn new(
        act: Act,
        address: SocketAddr,
        supplies: Arc<Supplies>,
        number: usize,
        ahead: usize,
    ) -> Result<Self> {
        let client = Client::new(address)?;
        let mut random = Random::new();
        let blobs = match act {
            Act::Push { size } | Act::Chunks { size, .. } => {
                (0..ahead).map(|_| supplies.noise.blob(size, &mut random)).collect()
            }
            _ => Vec::new(),
        };
        Ok(Self { act, client, supplies, random, blobs, turn: number * TARGETS / 8 })
    }

    /// Does it once, and says how long it took.
    pub(crate) fn act(&mut self) -> Result<Duration> {
        let Self { act, client, supplies, random, blobs, turn } = self;
        let mut blob = |size| blobs.pop().unwrap_or_else(|| supplies.noise.blob(size, random));
        let begin;
        match *act {
            Act::Push { size } => {
                let blob = blob(size);
                begin = Instant::now();
                client.push(&blob)?;
            }
            Act::Chunks { size, chunk } => {
                let blob = blob(size);
                begin = Instant::now();
                client.push_chunks(&blob, chunk)?;
            }
            Act::PushManifest => {
                let manifest = supplies.image.manifest(random);
                begin = Instant::now();
                client.push_manifest(&manifest)?;
            }
            Act::Ping => {
                begin = Instant::now();
                client.ping()?;
            }
            Act::Pull { .. } | Act::PullManifest | Act::Head => {
                let target = &supplies.targets[*turn % supplies.targets.len()];
                *turn += 1;
                begin = Instant::now();
                match act {
                    Act::Head => client.head(target)?,
                    _ => client.pull(target)?,
                }
            }
        }
        Ok(begin.elapsed())
    }
}

/// The size of what is pushed for something else.
const SMALL_BYTES: usize = 4 << 10;

/// How many small things are pulled in turn.
const TARGETS: usize = 64;
