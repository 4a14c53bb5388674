//! Tags that are set, moved and deleted, on images and on indexes of them, while collectors take
//! away whatever has no tag.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{FutureExt, TryStreamExt};
use orlop_backend::Environment;
use orlop_engine::{
    CollectOptions, Condition, PutManifest, References, Registry, Repository, Result,
};
use orlop_oci::{Digest, Manifest, Reference, Role};

use super::stepped::{Dice, Stage, stepped};
use super::world::{EAGER, check_accidents, check_may_fail, check_sound};
use super::{Plan, Task, auditor, play, scrubber};
use crate::fixture::{
    image_of, index_of, keys, open, push_blob, read_blob, repository, sha256, tagged,
};

const TAGS: [&str; 2] = ["x", "y"];
const CONTENTS: [&str; 2] = ["one", "two"];

/// Whatever has no tag at this moment is garbage.
const DELETE: CollectOptions = CollectOptions { untagged: Some(Duration::ZERO), ..EAGER };

/// What clients were told.
#[derive(Debug, Default)]
struct Told {
    /// Tags, and what they are on as far as anybody was told.
    tags: RefCell<BTreeMap<&'static str, Digest>>,
    /// How many acts on a tag have begun, and how many are known to be over. One whose answer got
    /// lost may happen at any time.
    acts: RefCell<BTreeMap<&'static str, (usize, usize)>>,
    /// Manifests that somebody has begun to delete by digest.
    deleted: RefCell<BTreeSet<Digest>>,
    pushes: RefCell<usize>,
}

pub(super) fn run(seed: u64, plan: Plan) -> usize {
    let store = Environment::memory();
    let stage = Stage::new(seed, plan.trouble);
    let dice = &stage.dice;
    let told = Told::default();
    open(store.clone()).now_or_never().unwrap();
    let mut tasks: Vec<Task<'_>> = Vec::new();
    for _ in 0..plan.pushers {
        tasks.push(Box::pin(async {
            let a = repository(&open(stepped(&store, &stage)).await, "a");
            for _ in 0..3 {
                told.push(&a, dice).await;
            }
        }));
    }
    for _ in 0..plan.deleters {
        tasks.push(Box::pin(async {
            let a = repository(&open(stepped(&store, &stage)).await, "a");
            for _ in 0..3 {
                told.delete(&a, dice).await;
            }
        }));
    }
    for _ in 0..plan.collectors {
        tasks.push(Box::pin(async {
            let registry = open(stepped(&store, &stage)).await;
            for _ in 0..3 {
                let options = if dice.one_in(4) { &EAGER } else { &DELETE };
                let _ = registry.collect(options, &()).await; // a lost answer ends a run
            }
        }));
    }
    for _ in 0..plan.auditors {
        tasks.push(Box::pin(auditor(&store, &stage)));
    }
    for _ in 0..plan.scrubbers {
        tasks.push(Box::pin(scrubber(&store, &stage)));
    }
    play(&stage, tasks, plan.crashes, || told.check(&store));
    if plan.auditors > 0 {
        check_sound(&store);
        told.check(&store);
    }
    check_clean(&store, plan);
    told.check(&store);
    *told.pushes.borrow()
}

fn image(content: &str, subject: Option<&Digest>) -> Manifest {
    image_of(&sha256(content.as_bytes()), subject)
}

fn index() -> Manifest {
    let [one, two] = CONTENTS.map(|content| image(content, None));
    index_of(&[&one, &two], "")
}

impl Told {
    fn begin(&self, tag: &'static str) -> (usize, usize) {
        self.tags.borrow_mut().remove(tag);
        let mut acts = self.acts.borrow_mut();
        let acts = acts.entry(tag).or_default();
        acts.0 += 1;
        *acts
    }

    fn end(&self, tag: &'static str) -> (usize, usize) {
        let mut acts = self.acts.borrow_mut();
        let acts = acts.entry(tag).or_default();
        acts.1 += 1;
        *acts
    }

    /// Sets a tag on an image, or on an index of images that are pushed by digest before, or on
    /// something about it.
    async fn push(&self, a: &Repository, dice: &Dice) {
        let tag = TAGS[dice.throw(2)];
        // The same in each attempt: one that got no answer may come late, and win.
        let what = match dice.throw(3) {
            0 => Pushed::Index,
            _ => Pushed::Image { content: CONTENTS[dice.throw(2)], with_referrer: dice.one_in(4) },
        };
        let begun = self.begin(tag);
        for _ in 0..5 {
            match push_once(a, tag, what).await {
                Ok(digest) => {
                    *self.pushes.borrow_mut() += 1;
                    let ended = self.end(tag);
                    let was_alone = ended == (begun.0, begun.1 + 1) && ended.0 == ended.1;
                    if was_alone && !self.deleted.borrow().contains(&digest) {
                        self.tags.borrow_mut().insert(tag, digest);
                    }
                    return;
                }
                Err(error) => check_may_fail(&error),
            }
        }
    }

    /// Deletes a tag, or now and then a manifest.
    async fn delete(&self, a: &Repository, dice: &Dice) {
        if dice.one_in(3) {
            let manifest = match dice.throw(3) {
                2 => index(),
                content => image(CONTENTS[content], None),
            };
            self.deleted.borrow_mut().insert(*manifest.digest());
            self.tags.borrow_mut().retain(|_, on| on != manifest.digest());
            let _ = a.delete_manifest(manifest.digest()).await;
            return;
        }
        let tag = TAGS[dice.throw(2)];
        self.begin(tag);
        if a.delete_tag(&tag.parse().unwrap(), Condition::Any).await.is_ok() {
            self.end(tag);
        }
    }

    /// Whatever is there is whole, and whatever clients were told of is there.
    fn check(&self, store: &Environment) {
        let a = repository(&open(store.clone()).now_or_never().unwrap(), "a");
        for (tag, digest) in self.tags.borrow().iter() {
            let found = read(&a, &tag.parse().unwrap());
            let found = found.map(|manifest| *manifest.digest());
            assert_eq!(found, Some(*digest), "tag {tag}");
        }
        for digest in manifests(&a, store) {
            let manifest = read(&a, &digest.into()).unwrap();
            for edge in manifest.edges() {
                let target = &edge.target.digest;
                match edge.role {
                    Role::Subject => {}
                    Role::Child => {
                        let is_there = read(&a, &(*target).into()).is_some();
                        let may_miss = self.deleted.borrow().contains(target);
                        assert!(is_there || may_miss, "{target} of index {digest}");
                    }
                    _ => {
                        let blob = read_blob(&a, target).now_or_never().unwrap();
                        assert!(blob.is_some(), "{target} of image {digest}");
                    }
                }
            }
        }
    }
}

/// The manifests that are there.
fn manifests(a: &Repository, store: &Environment) -> Vec<Digest> {
    let names = keys(store, "r").now_or_never().unwrap();
    let names = names.iter().filter(|key| key.as_str().starts_with("r/a/m/"));
    let digests = names.map(|key| key.name().replacen('-', ":", 1).parse().unwrap());
    digests.filter(|digest: &Digest| read(a, &(*digest).into()).is_some()).collect()
}

fn read(a: &Repository, reference: &Reference) -> Option<Manifest> {
    let found = a.manifest(reference).now_or_never().unwrap().unwrap()?;
    let algorithm = found.descriptor.digest.algorithm();
    Some(Manifest::parse(found.bytes, Some(&found.descriptor.media_type), algorithm).unwrap())
}

/// What a tag is set on.
#[derive(Clone, Copy, Debug)]
enum Pushed {
    Image { content: &'static str, with_referrer: bool },
    Index,
}

async fn push_once(a: &Repository, tag: &str, what: Pushed) -> Result<Digest> {
    let put = tagged(&[tag]);
    let Pushed::Image { content, with_referrer } = what else {
        for content in CONTENTS {
            if a.hold_blob(&sha256(content.as_bytes())).await?.is_none() {
                push_blob(a, content).await?;
            }
            a.put_manifest(&image(content, None), &PutManifest::default()).await?;
        }
        let put = PutManifest { references: Some(References::Complete), ..put };
        return a.put_manifest(&index(), &put).await.map(|descriptor| descriptor.digest);
    };
    if a.hold_blob(&sha256(content.as_bytes())).await?.is_none() {
        push_blob(a, content).await?;
    }
    let described = image(content, None);
    if with_referrer {
        let about_it = image(content, Some(described.digest()));
        a.put_manifest(&about_it, &PutManifest::default()).await?;
    }
    a.put_manifest(&described, &put).await.map(|descriptor| descriptor.digest)
}

/// When nothing goes on any more, one collection leaves what a tag leads to, and nothing else.
fn check_clean(store: &Environment, plan: Plan) {
    let registry: Registry = open(store.clone()).now_or_never().unwrap();
    registry.collect(&DELETE, &()).now_or_never().unwrap().unwrap();
    check_accidents(&registry, plan);
    let a = repository(&registry, "a");
    let mut kept = BTreeSet::new();
    for tag in TAGS {
        if let Some(manifest) = read(&a, &tag.parse().unwrap()) {
            kept.extend(manifest.edges().map(|edge| edge.target.digest));
            kept.insert(*manifest.digest());
        }
    }
    let (mut blobs, live) = (BTreeSet::new(), manifests(&a, store));
    for digest in &live {
        let manifest = read(&a, &(*digest).into()).unwrap();
        let is_about_kept = manifest.subject().is_some_and(|on| kept.contains(&on.digest));
        assert!(kept.contains(digest) || is_about_kept, "{digest} has no tag");
        let edges = manifest.edges().filter(|edge| edge.role.is_blob());
        blobs.extend(edges.map(|edge| edge.target.digest));
    }
    let extents = store.extents.walk().try_collect::<Vec<_>>().now_or_never().unwrap().unwrap();
    assert_eq!(extents.len(), blobs.len(), "extents that no blob has");
    for place in ["u", "q", "n"] {
        let left = keys(store, place).now_or_never().unwrap();
        assert!(left.is_empty(), "left over: {left:?}");
    }
    let edges = keys(store, "e").now_or_never().unwrap();
    for edge in edges.iter().filter(|_| plan.trouble == 0) {
        let is_of =
            |digest: &&Digest| edge.name().starts_with(&digest.to_string().replace(':', "-"));
        assert!(live.iter().any(|digest| is_of(&digest)), "{edge} is left over");
    }
}
