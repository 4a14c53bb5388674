//! Each sync is there for something: without it, a power cut takes what was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use orlop_sim::dice::Dice;
use orlop_sim::disk::{LeftOut, SimDisk, Synced, Unsynced};
use orlop_sim::life::{Life, moments};

use crate::place::{open_disk, run, seeds};
use crate::power_cuts::{done, workload};
use crate::stored::{Step, Stored, check, read};

/// Kinds of syncs of which not every single one is missed in these histories: another one comes
/// after it and does the same.
const REPEATED: &[(&str, &str)] = &[
    // Opening a store syncs all that is above it once more.
    ("above the store", "new directory"),
    // What was appended by somebody who died is appended once more by who tries again.
    ("journal/file", "contents"),
    // A process that changes no records needs no journal.
    ("journal", "new file"),
    ("journal", "new file and removed"),
    // What an opening makes once more out of the journals may be in its place, and durable there.
    ("everything", "something"),
    // If it is not known that an epoch is over, its entries are made once more, and do no harm.
    ("tmp/file", "contents"),
    // A run of names is durable before the directory is made that says that there is an index. Only
    // a cut in between would miss it, and here the cuts are between calls.
    ("records/.names", "new file"),
];

/// Kinds of syncs of which none is missed.
const SPARE: &[(&str, &str)] = &[];

#[test]
fn every_sync_is_missed_when_it_is_left_out() {
    run(async {
        let mut missed: BTreeMap<Synced, (usize, usize)> = BTreeMap::new();
        let histories = histories().await;
        for history in &histories {
            let lost = history.is_missed(LeftOut::None).await;
            assert_eq!(lost, None, "with all syncs, after {}", history.what);
            for (number, synced) in history.syncs.iter().enumerate() {
                let (known, all) = missed.entry(synced.clone()).or_default();
                *all += 1;
                if synced.risk != NOTHING {
                    let is_missed = history.is_missed(LeftOut::One(number)).await.is_some();
                    *known += usize::from(is_missed);
                }
            }
        }
        for (Synced { place, risk }, (known, all)) in &missed {
            println!("{all:5} syncs of {place}, at risk {risk}: {known} missed");
        }
        let sum: usize = missed.values().map(|(_, all)| all).sum();
        println!("{sum} syncs of {} kinds in {} histories", missed.len(), histories.len());
        for (synced, (known, all)) in missed.iter().filter(|(synced, _)| synced.risk != NOTHING) {
            let kind = (synced.place.as_str(), synced.risk.as_str());
            let is_as_expected = match known {
                0 => SPARE.contains(&kind),
                known => known == all || REPEATED.contains(&kind),
            };
            assert!(is_as_expected, "{synced:?}: {known} of {all} are missed");
        }
    });
}

/// One process may die first in the middle of something, and another one goes on.
struct History {
    what: String,
    disk: SimDisk,
    told: Stored,
    steps: Vec<Step>,
    syncs: Vec<Synced>,
}

impl History {
    async fn new(what: String, disk: SimDisk, told: Stored, steps: Vec<Step>) -> Self {
        let ran = disk.copied();
        let store = open_disk(&ran).unwrap();
        done(&store, &told, &steps).await;
        Self { what, disk, told, steps, syncs: ran.synced() }
    }

    /// What was acknowledged and is gone after a power cut.
    async fn is_missed(&self, left_out: LeftOut) -> Option<String> {
        let disk = self.disk.copied();
        disk.leave_out(left_out);
        let store = open_disk(&disk).unwrap();
        let mut told = self.told.clone();
        for step in &self.steps {
            step.act(&store, &told).await.unwrap();
            told = step.tell(&told);
            if let Err(lost) = check(&disk.power_cut(Unsynced::Lost), &told, &told).await {
                return Some(lost);
            }
        }
        for seed in seeds(8) {
            let found = disk.power_cut(Unsynced::Chance(&Dice::new(seed)));
            if let Err(lost) = check(&found, &told, &told).await {
                return Some(lost);
            }
        }
        None
    }
}

/// All steps one after the other; and for each of them, and each moment, one that begins with the
/// death of a process in the middle of it, or of its opening the store.
async fn histories() -> Vec<History> {
    let all = "nothing".to_owned();
    let mut histories =
        vec![History::new(all, SimDisk::new(), Stored::default(), workload()).await];
    histories.push(large().await);
    let (mut disk, mut told) = (SimDisk::new(), Stored::default());
    for step in workload() {
        let next = disk.copied();
        let life = Arc::new(Life::default());
        let store = open_disk(&next.process(life.clone())).unwrap();
        step.act(&store, &told).await.unwrap();
        let made = life.made();
        for moment in moments(&made, true) {
            let dying = disk.copied();
            let life = Arc::new(Life::default());
            life.end_at(moment);
            if let Ok(store) = open_disk(&dying.process(life)) {
                let _ = step.act(&store, &told).await;
            }
            if let Step::Write { id, seals: true, .. } = step {
                let found = read(&open_disk(&dying).unwrap(), id).await.unwrap();
                if found.is_some() {
                    continue; // sealed, and nobody knows: an extent is tried once
                }
            }
            let what = format!("a death in {step:?} before {}", made[moment.change].what);
            histories.push(History::new(what, dying, told.clone(), vec![step.clone()]).await);
        }
        told = step.tell(&told);
        disk = next;
    }
    histories
}

/// A directory with so many names that they have an index, which is laid, added to, and merged.
async fn large() -> History {
    let disk = SimDisk::new();
    let names = |range: std::ops::Range<usize>| -> Vec<String> {
        range.map(|n| format!("big/{n:04}")).collect()
    };
    let many = Step::Mark(names(0..1030));
    let told = done(&open_disk(&disk).unwrap(), &Stored::default(), &[many]).await;
    let list = Step::List("big".to_owned());
    let steps = vec![
        list.clone(),
        Step::Mark(names(2000..2002)),
        Step::Swap("big/3000".to_owned(), "a record".into()),
        Step::Clear(names(0..1025)),
        list,
        Step::Mark(names(2002..2003)),
    ];
    History::new("nothing, in a large directory".to_owned(), disk, told, steps).await
}

/// What is at risk where nobody has left anything to be synced: the call cannot know.
const NOTHING: &str = "nothing";
