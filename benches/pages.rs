//! Pages of tags and referrers, HEADs and openings, in stores of several sizes.
//!
//! ```sh
//! cargo bench -p orlop-benches --bench pages -- memory 1000 10000 100000 1000000
//! cargo bench -p orlop-benches --bench pages -- files 1000 10000 100000
//! ```
//!
//! A repository has as many tags as is said, and a manifest as many referrers. All sizes in each
//! round, in an order that is shuffled anew for each; the first round does not count. The ratio is
//! to the smallest store in the same round: what a page costs must not depend on how many there
//! are. What a list costs that is read whole is beside it: the names in a directory, read and sorted,
//! or, in memory, a sorted map that is copied.

mod random;
mod rounds;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use orlop::fs::FsOptions;
use orlop::{
    Algorithm, Digest, Environment, Manifest, MediaType, Options, PutManifest, Registry,
    Repository, Tag,
};
use random::Random;
use rounds::{median, shuffled};
use tempfile::TempDir;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const KINDS: [&str; 5] =
    ["page of 100 tags", "page of 100 referrers", "HEAD of a manifest", "opening", "a whole list"];

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if !words.iter().any(|word| word == "--bench") {
        return Ok(()); // somebody runs all targets as tests
    }
    let mut words = words.iter().filter(|word| !word.starts_with("--"));
    let place = words.next().map_or("memory", String::as_str);
    let mut counts = words.map(|word| word.parse()).collect::<std::result::Result<Vec<_>, _>>()?;
    if counts.is_empty() {
        counts = vec![1000, 10_000];
    }
    let mut stores = Vec::new();
    for count in counts {
        stores.push(Store::fill(place, count).await?);
    }
    let mut times = vec![vec![Vec::new(); KINDS.len()]; stores.len()];
    let mut random = Random::new();
    for round in 0..=ROUNDS {
        for at in shuffled(stores.len(), &mut random) {
            let measured = stores[at].measure(round).await?;
            if round > 0 {
                for (times, time) in times[at].iter_mut().zip(measured) {
                    times.push(time);
                }
            }
        }
    }
    println!("| {place} | entries | us | ratio |\n|---|---:|---:|---:|");
    for (kind, name) in KINDS.iter().enumerate() {
        for (store, own) in stores.iter().zip(&times) {
            let time = median(own[kind].iter().map(Duration::as_secs_f64));
            let pairs = times[0][kind].iter().zip(&own[kind]);
            let ratio = median(pairs.map(|(first, own)| own.as_secs_f64() / first.as_secs_f64()));
            println!("| {name} | {} | {:.1} | {ratio:.2} |", store.count, time * 1e6);
        }
    }
    Ok(())
}

/// A store with many tags and referrers.
struct Store {
    count: usize,
    environment: Environment,
    directory: Option<TempDir>,
    repository: Repository,
    subject: Digest,
    names: BTreeSet<String>,
}

impl Store {
    async fn fill(place: &str, count: usize) -> Result<Self> {
        let directory = match place {
            "files" => Some(TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?),
            "memory" => None,
            _ => return Err(format!("expected files or memory, found {place:?}").into()),
        };
        let environment = match &directory {
            // To fill it durably takes hours, and to read it is the same.
            Some(directory) => orlop::fs::open(directory.path(), &FsOptions { durable: false })?,
            None => Environment::memory(),
        };
        let registry = Registry::open(environment.clone(), Options::default()).await?;
        let repository = registry.repository("bench".parse()?);
        let config = Digest::of(Algorithm::Sha256, b"{}");
        let mut upload = repository.begin_upload_of(&config).await?;
        upload.write("{}".into()).await?;
        upload.commit(&config).await?;
        let image = manifest(&config, None, 0)?;
        let subject = *image.digest();
        repository.put_manifest(&image, &PutManifest::default()).await?;
        // A referrer is an image of its own, and has one of the tags.
        let pushes = (0..count).map(|number| {
            let (repository, config) = (&repository, &config);
            async move {
                let referrer = manifest(config, Some(&subject), number)?;
                let tags = vec![tag(number).parse()?];
                let put = PutManifest { tags, ..PutManifest::default() };
                repository.put_manifest(&referrer, &put).await?;
                Result::Ok(())
            }
        });
        stream::iter(pushes).buffer_unordered(AT_ONCE).try_for_each(|()| async { Ok(()) }).await?;
        let names = (0..count).map(tag).collect();
        Ok(Self { count, environment, directory, repository, subject, names })
    }

    /// The times of all kinds, each from somewhere else in each round.
    async fn measure(&self, round: usize) -> Result<[Duration; KINDS.len()]> {
        let at = (round * 7919 + 11) % self.count.saturating_sub(PAGE).max(1);
        let after = tag(at);
        let start = Instant::now();
        let page = self.repository.tags(Some(&after), PAGE).await?;
        let tags = start.elapsed();
        expect(page.items.len(), PAGE)?;

        let after = page.items.first().map(Tag::as_str).map(|tag| {
            Digest::of(Algorithm::Sha256, tag.as_bytes()) // somewhere, in the order of digests
        });
        let kind: Option<&MediaType> = None;
        let start = Instant::now();
        let page = self.repository.referrers(&self.subject, kind, after.as_ref(), PAGE).await?;
        let referrers = start.elapsed();
        expect(usize::from(page.items.is_empty()), 0)?;

        let reference = page_tag(at)?;
        let start = Instant::now();
        let found = self.repository.hold_manifest(&reference).await?;
        let head = start.elapsed();
        expect(usize::from(found.is_some()), 1)?;

        let start = Instant::now();
        let environment = match &self.directory {
            Some(directory) => orlop::fs::open(directory.path(), &FsOptions { durable: false })?,
            None => self.environment.clone(),
        };
        Registry::open(environment, Options::default()).await?;
        let opening = start.elapsed();

        let start = Instant::now();
        let names: Vec<String> = match self.tags_on_disk() {
            Some(directory) => {
                let names = fs::read_dir(directory)?
                    .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
                let mut names = names.collect::<Result<Vec<_>>>()?;
                names.sort_unstable();
                names
            }
            None => self.names.iter().cloned().collect(),
        };
        let whole = start.elapsed();
        expect(usize::from(names.len() >= self.count), 1)?;
        Ok([tags, referrers, head, opening, whole])
    }

    fn tags_on_disk(&self) -> Option<PathBuf> {
        let repository = self.directory.as_ref()?.path().join("records/r/bench/t");
        Some(repository)
    }
}

fn page_tag(number: usize) -> Result<orlop::Reference> {
    Ok(tag(number).parse()?)
}

fn tag(number: usize) -> String {
    format!("v{number:07}")
}

fn manifest(config: &Digest, subject: Option<&Digest>, number: usize) -> Result<Manifest> {
    let descriptor = |digest: &Digest| {
        format!(r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":2}}"#)
    };
    let subject = subject.map(|subject| format!(r#","subject":{}"#, descriptor(subject)));
    let text = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[]{},"annotations":{{"n":"{number}"}}}}"#,
        descriptor(config),
        subject.unwrap_or_default(),
    );
    Ok(Manifest::parse(text.into(), None, Algorithm::Sha256)?)
}

fn expect(found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(format!("expected {expected}, found {found}").into())
}

const ROUNDS: usize = 15;
const PAGE: usize = 100;
const AT_ONCE: usize = 16;
