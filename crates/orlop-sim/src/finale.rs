//! What must be true when nothing goes on any more.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{FutureExt, TryStreamExt};
use orlop_backend::{ExtentEntry, ExtentState, Key, Prefix};
use orlop_engine::{CollectOptions, Fault, Inventory};

use crate::actors::{EAGER, REPAIR, check_audit};
use crate::catalog::CATALOG;
use crate::check::{at_once, check, manifest};
use crate::world::{World, repository_of};

/// One audit leaves nothing that another one finds, one collection nothing that nobody refers to.
pub(crate) fn check_end(world: &World) {
    if world.may_miss_blobs()
        && let Err(error) = world.heal()
    {
        world.stage.violate(format!("a blob cannot be healed: {error}"));
    }
    check(world);
    if world.stage.plan.auditors > 0 {
        check_sound(world);
        check(world);
    }
    world.told.end_promises();
    let options =
        CollectOptions { untagged: world.stage.plan.untagged.then_some(Duration::ZERO), ..EAGER };
    if let Err(error) = at_once(world.truth.collect(&options, &())) {
        world.stage.violate(format!("the last collection failed: {error}"));
    }
    check_accidents(world);
    check_clean(world);
    check(world);
}

/// One audit leaves nothing that another one finds, and its sums are those of the store.
fn check_sound(world: &World) {
    let audit = || at_once(world.truth.audit(&REPAIR, &()));
    let (Ok(first), Ok(second)) = (audit(), audit()) else {
        world.stage.violate("the last audit failed".into());
        return;
    };
    check_audit(world, &first);
    if !first.is_sound() {
        world.stage.violate(format!("the last audit leaves {first:?}"));
    }
    let inventory = first.inventory;
    let mut sum = inventory.referenced;
    let Inventory { unreferenced, quarantined, trash, uploads, orphans, .. } = inventory;
    for part in [unreferenced, quarantined, trash, uploads, orphans] {
        sum.count += part.count;
        sum.bytes += part.bytes;
    }
    let mut whole = inventory.extents;
    whole += inventory.inline;
    if sum != whole {
        world.stage.violate(format!("the inventory does not add up: {inventory:?}"));
    }
    if !second.faults.is_empty() || !second.is_sound() {
        world.stage.violate(format!("an audit leaves {:?} to another one", second.faults));
    }
}

/// What two accidents at once leave to an audit, and nothing else: a writer that was given up while
/// it slept, or whose request came late, and that then died. It is repaired.
fn check_accidents(world: &World) {
    let plan = &world.stage.plan;
    let audited = match at_once(world.truth.audit(&REPAIR, &())) {
        Ok(audited) => audited,
        Err(error) => {
            world.stage.violate(format!("the last audit failed: {error}"));
            return;
        }
    };
    check_audit(world, &audited);
    for (fault, tally) in &audited.faults {
        let may_be = match fault {
            // Made after its extent died, because the lease was shorter than the mount.
            Fault::Link => plan.overtakes() || plan.faults.has_accidents(),
            Fault::Extent | Fault::Tag | Fault::Edge => plan.faults.has_accidents(),
            _ => false,
        };
        if !may_be {
            world.stage.violate(format!("a collection left {fault:?}: {tally:?}"));
        }
    }
}

/// There are the bytes of what is referred to, and no others, and no note of anything.
fn check_clean(world: &World) {
    let (stage, untagged) = (&world.stage, world.stage.plan.untagged);
    let mut blobs = BTreeSet::new();
    let mut manifests = BTreeSet::new();
    for repository in 0..CATALOG.repositories.len() {
        let asked = repository_of(&world.truth, repository);
        let live: BTreeSet<usize> = (0..CATALOG.items.len())
            .filter(|item| manifest(&asked, &CATALOG.items[*item].reference).is_some())
            .collect();
        let mut kept: BTreeSet<usize> = BTreeSet::new();
        for tag in &CATALOG.tags {
            if let Some(found) = manifest(&asked, &tag.clone().into()) {
                let is_it = |item: &&usize| {
                    *CATALOG.items[**item].manifest.digest() == found.descriptor.digest
                };
                kept.extend(live.iter().find(is_it));
            }
        }
        while kept.len() < live.len() {
            let is_kept = |item: &&usize| {
                let has_index =
                    kept.iter().any(|kept| CATALOG.items[*kept].children.contains(item));
                has_index || CATALOG.items[**item].subject.is_some_and(|on| kept.contains(&on))
            };
            let more: Vec<usize> =
                live.iter().filter(|item| !kept.contains(item)).filter(is_kept).copied().collect();
            if more.is_empty() {
                break;
            }
            kept.extend(more);
        }
        for item in live.iter().filter(|item| untagged && !kept.contains(item)) {
            let (name, repository) = (CATALOG.items[*item].name, asked.name());
            stage.violate(format!("{name} of {repository} has no tag and was not collected"));
        }
        for item in live {
            blobs.extend(CATALOG.items[item].blobs.iter().copied());
            manifests.insert(CATALOG.items[item].manifest.digest().to_string().replace(':', "-"));
        }
    }
    check_extents(world, &blobs);
    let notes: &[&str] = if untagged { &["u", "q", "n"] } else { &["u", "q"] };
    for place in notes {
        if let Some(left) = keys(world, place).first() {
            stage.violate(format!("{left} is left over"));
        }
    }
    for edge in keys(world, "e") {
        let of_live = |manifest: &String| edge.name().starts_with(manifest.as_str());
        if !stage.plan.faults.has_accidents() && !manifests.iter().any(of_live) {
            stage.violate(format!("edge {edge} is left over"));
        }
    }
}

fn check_extents(world: &World, blobs: &BTreeSet<usize>) {
    let walk = world.store.extents.walk().try_collect::<Vec<_>>().now_or_never();
    let Some(Ok(extents)) = walk else {
        panic!("the store itself fails");
    };
    let of_extent = |extent: &ExtentEntry| match extent.state {
        ExtentState::Sealed { len } => Some(len),
        ExtentState::Open => None,
    };
    let inline = keys(world, "b").into_iter().filter_map(|key| inline_len(world, &key));
    let mut lens: Vec<_> = extents.iter().map(of_extent).chain(inline.map(Some)).collect();
    let mut expected: Vec<Option<u64>> =
        blobs.iter().map(|blob| Some(CATALOG.blobs[*blob].bytes.len() as u64)).collect();
    lens.sort_unstable();
    expected.sort_unstable();
    if lens != expected {
        world.stage.violate(format!("blobs of {lens:?} bytes, expected {expected:?}"));
    }
}

/// How many bytes follow the line that a blob's record begins with.
fn inline_len(world: &World, blob: &Key) -> Option<u64> {
    let Some(Ok(record)) = world.store.records.get(blob).now_or_never() else {
        panic!("the store itself fails");
    };
    let value = record?.value;
    let line = value.iter().position(|byte| *byte == b'\n')?;
    Some((value.len() - line - 1) as u64)
}

fn keys(world: &World, place: &str) -> Vec<Key> {
    let prefix = Prefix::new([place]).unwrap_or_else(|error| panic!("{error}"));
    let walk = world.store.records.walk(&prefix).map_ok(|entry| entry.key);
    match walk.try_collect().now_or_never() {
        Some(Ok(keys)) => keys,
        _ => panic!("the store itself fails"),
    }
}
