//! What happens in a store, and what must be true of it at any moment.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{FutureExt, TryStreamExt};
use orlop_backend::{Environment, ExtentState};
use orlop_engine::{
    AuditOptions, CollectOptions, Error, ErrorKind, Fault, Registry, Repository, Result,
};
use orlop_oci::{Digest, Manifest};

use super::Plan;
use super::stepped::Dice;
use crate::fixture::{image_of, keys, open, push_blob, read_blob, repository, sha256, tagged};

pub(crate) const REPOSITORIES: [&str; 2] = ["a", "b"];
pub(crate) const CONTENTS: [&str; 2] = ["one", "two"];

/// As eager as can be: whatever is not referred to at this moment is garbage.
pub(crate) const EAGER: CollectOptions = CollectOptions {
    lease: Duration::ZERO,
    upload_idle: Duration::ZERO,
    untagged: None,
    dry_run: false,
    at_once: 4,
};

/// As eager, and with all that it may do.
pub(crate) const REPAIR: AuditOptions =
    AuditOptions { repair: true, lease: Duration::ZERO, at_once: 4 };

/// An image in a repository.
type Image = (&'static str, &'static str);

/// What clients were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Images that are there, as far as anybody was told.
    images: RefCell<BTreeSet<Image>>,
    deletes: RefCell<BTreeMap<Image, Deletes>>,
    pub(crate) pushes: RefCell<usize>,
}

/// The deletes of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Deletes {
    begun: usize,
    /// Those that are known to be over. One whose answer got lost may happen at any time.
    over: usize,
}

fn manifest(content: &str) -> Manifest {
    image_of(&sha256(content.as_bytes()), None)
}

impl Told {
    /// Pushes an image as clients do: asks, uploads if it is not there, and refers to it.
    pub(crate) async fn push(&self, registry: &Registry, dice: &Dice) {
        let image = (REPOSITORIES[dice.throw(2)], CONTENTS[dice.throw(2)]);
        let repository = repository(registry, image.0);
        let deletes = || self.deletes.borrow().get(&image).copied().unwrap_or_default();
        let before = deletes();
        for _ in 0..5 {
            match push_once(&repository, image.1, dice).await {
                Ok(()) => {
                    *self.pushes.borrow_mut() += 1;
                    if deletes() == before && before.begun == before.over {
                        self.images.borrow_mut().insert(image);
                    }
                    return;
                }
                Err(error) => check_may_fail(&error),
            }
        }
    }

    pub(crate) async fn delete(&self, registry: &Registry, dice: &Dice) {
        let image = (REPOSITORIES[dice.throw(2)], CONTENTS[dice.throw(2)]);
        self.images.borrow_mut().remove(&image);
        self.deletes.borrow_mut().entry(image).or_default().begun += 1;
        let (repository, manifest) = (repository(registry, image.0), manifest(image.1));
        if repository.delete_manifest(manifest.digest()).await.is_ok() {
            self.deletes.borrow_mut().entry(image).or_default().over += 1;
        }
    }

    /// Whatever is there is whole, and whatever clients were told of is there.
    pub(crate) fn check(&self, store: &Environment) {
        let registry = open(store.clone()).now_or_never().unwrap();
        for name in REPOSITORIES {
            let repository = repository(&registry, name);
            for content in CONTENTS {
                let reference = manifest(content).digest().to_string().parse().unwrap();
                let found = repository.manifest(&reference).now_or_never().unwrap().unwrap();
                let is_expected = self.images.borrow().contains(&(name, content));
                assert!(found.is_some() || !is_expected, "{content} of {name} was lost");
                if found.is_some() {
                    let digest = sha256(content.as_bytes());
                    let blob = read_blob(&repository, &digest).now_or_never().unwrap();
                    assert!(blob.is_some_and(|blob| blob == content), "{content} of {name}");
                }
            }
        }
    }
}

/// Pushes each blob to a repository that nobody else has: if it is in quarantine, all have it
/// again.
pub(crate) fn heal(store: &Environment) {
    let registry = open(store.clone()).now_or_never().unwrap();
    for content in CONTENTS {
        let healer = repository(&registry, "healer");
        push_blob(&healer, content).now_or_never().unwrap().unwrap();
    }
}

/// A push may lose a race, or get no answer, and nothing else.
pub(crate) fn check_may_fail(error: &Error) {
    assert!(
        matches!(
            error.kind(),
            ErrorKind::ManifestBlobUnknown
                | ErrorKind::ManifestUnknown
                | ErrorKind::Unavailable
                | ErrorKind::UploadConflict
                | ErrorKind::UploadUnknown
        ),
        "{error:?}"
    );
}

async fn push_once(repository: &Repository, content: &str, dice: &Dice) -> Result<()> {
    let digest: Digest = sha256(content.as_bytes());
    if repository.hold_blob(&digest).await?.is_none() {
        if dice.one_in(2) {
            push_blob(repository, content).await?;
        } else {
            let mut upload = repository.begin_upload(digest.algorithm()).await?;
            let id = upload.id();
            upload.write(content.as_bytes()[..1].to_vec().into()).await?;
            upload.pause().await?;
            match repository.resume_upload(&id, Some(1)).await? {
                Some(mut upload) => {
                    upload.write(content.as_bytes()[1..].to_vec().into()).await?;
                    upload.commit(&digest).await?;
                }
                None => drop(push_blob(repository, content).await?), // it was given up
            }
        }
    }
    repository.put_manifest(&manifest(content), &tagged(&["latest"])).await.map(drop)
}

/// When nothing goes on any more, one audit leaves nothing that another one finds, and its sums are
/// those of the store.
pub(crate) fn check_sound(store: &Environment) {
    let registry = open(store.clone()).now_or_never().unwrap();
    let audit = || registry.audit(&REPAIR, &()).now_or_never().unwrap().unwrap();
    let first = audit();
    assert!(first.is_sound(), "{first:?}");
    let inventory = first.inventory;
    let mut sum = inventory.referenced;
    for part in [inventory.unreferenced, inventory.trash, inventory.uploads, inventory.orphans] {
        sum.count += part.count;
        sum.bytes += part.bytes;
    }
    assert_eq!(sum, inventory.extents);
    let second = audit();
    assert!(second.faults.is_empty() && second.is_sound(), "{second:?}");
}

/// What two accidents at once leave to an audit, and nothing else: a writer that was given up while
/// it slept, or whose request came late, and that then died. It is repaired.
pub(crate) fn check_accidents(registry: &Registry, plan: Plan) {
    if !plan.crashes {
        return; // there is none
    }
    let audited = registry.audit(&REPAIR, &()).now_or_never().unwrap().unwrap();
    for (fault, tally) in &audited.faults {
        let is_accident = match fault {
            Fault::Extent | Fault::Link | Fault::Tag => true,
            Fault::Edge => plan.trouble > 0,
            _ => false,
        };
        assert!(is_accident, "{fault:?}: {tally:?}");
    }
}

/// When nothing goes on any more, one collection leaves nothing that nobody refers to.
pub(crate) fn check_clean(store: &Environment, plan: Plan) {
    let registry = open(store.clone()).now_or_never().unwrap();
    registry.collect(&EAGER, &()).now_or_never().unwrap().unwrap();
    check_accidents(&registry, plan);
    let mut live = BTreeSet::new();
    for name in REPOSITORIES {
        let repository = repository(&registry, name);
        for content in CONTENTS {
            let reference = manifest(content).digest().to_string().parse().unwrap();
            if repository.manifest(&reference).now_or_never().unwrap().unwrap().is_some() {
                live.insert(content);
            }
        }
    }
    let walk = store.extents.walk().try_collect::<Vec<_>>().now_or_never().unwrap().unwrap();
    let mut lens: Vec<u64> = walk
        .iter()
        .map(|extent| match extent.state {
            ExtentState::Sealed { len } => len,
            ExtentState::Open => panic!("an extent is left open"),
        })
        .collect();
    lens.sort_unstable();
    let mut expected: Vec<u64> = live.iter().map(|content| content.len() as u64).collect();
    expected.sort_unstable();
    assert_eq!(lens, expected, "extents that no blob has");
    for place in ["u", "q"] {
        let left = keys(store, place).now_or_never().unwrap();
        assert!(left.is_empty(), "left over: {left:?}");
    }
}
