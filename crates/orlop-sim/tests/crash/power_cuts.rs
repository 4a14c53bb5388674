//! The power is cut at every call to the disk, and what the machine finds is what was told.

use std::sync::Arc;

use bytes::Bytes;
use orlop_backend::Environment;
use orlop_sim::dice::Dice;
use orlop_sim::disk::{SimDisk, Unsynced};
use orlop_sim::life::{Life, Moment, moments};

use crate::place::{open_disk, run, seeds};
use crate::stored::{Step, Stored, check};

/// What is done to a store, one after the other.
pub(crate) fn workload() -> Vec<Step> {
    let name = |name: &str| name.to_owned();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let long = |letter: u8, len: usize| Bytes::from(vec![letter; len]);
    let write = |id, bytes, seals| Step::Write { id, bytes, seals };
    vec![
        Step::Swap(name("t/one"), "first".into()),
        Step::Swap(name("t/one"), long(b'1', 300)),
        Step::Swap(name("t/deep/er/two"), "two".into()),
        Step::Mark(names(&["m/a/x", "m/b/y", "m/b/z"])),
        Step::Remove(name("t/deep/er/two")),
        Step::Swap(name("t/deep/er/two"), "again".into()),
        Step::Mark(names(&["m/b/y", "m/c/w"])),
        Step::Clear(names(&["m/a/x", "m/b/z", "m/nobody"])),
        write(1, long(b'a', 120), false),
        write(1, long(b'b', 80), false),
        write(1, long(b'c', 10), true),
        write(2, long(b'd', 60), true),
        write(3, long(b'e', 60), false),
        Step::Abandon(3),
        Step::Delete(1),
        write(4, Bytes::new(), true),
        write(5, long(b'f', 40), false),
    ]
}

#[test]
fn a_store_survives_a_cut_at_every_call() {
    run(async {
        let count = cut_everywhere(SimDisk::new(), &Stored::default(), &workload()).await;
        println!("disk: {count} power cuts in {} steps", workload().len());
    });
}

#[test]
fn a_large_directory_survives_a_cut_at_every_call() {
    run(async {
        let disk = SimDisk::new();
        let store = open_disk(&disk).unwrap();
        let names = |range: std::ops::Range<usize>| -> Vec<String> {
            range.map(|n| format!("big/{n:04}")).collect()
        };
        let steps = [
            Step::List("big".to_owned()),
            Step::Mark(names(2000..2002)),
            Step::Swap("big/3000".to_owned(), "a record".into()),
            Step::Clear(names(2000..2001)),
            Step::List("big".to_owned()),
        ];
        let told = done(&store, &Stored::default(), &[Step::Mark(names(0..1026))]).await;
        let laid = cut_everywhere(disk.copied(), &told, &steps).await;
        // More names are gone than a page may pass by: the next list merges.
        let told = done(&store, &told, &[Step::List("big".to_owned())]).await;
        let told = done(&store, &told, &[Step::Clear(names(0..1025))]).await;
        let steps = [Step::List("big".to_owned()), Step::Mark(names(0..1))];
        let merged = cut_everywhere(disk, &told, &steps).await;
        println!("disk: {} power cuts in a directory of 1026 names", laid + merged);
    });
}

pub(crate) async fn done(store: &Environment, told: &Stored, steps: &[Step]) -> Stored {
    let mut told = told.clone();
    for step in steps {
        step.act(store, &told).await.unwrap();
        told = step.tell(&told);
    }
    told
}

/// Opens the store and does all steps, once for every moment at which the power can be cut.
async fn cut_everywhere(disk: SimDisk, told: &Stored, steps: &[Step]) -> usize {
    let mut count = 0;
    let (mut disk, mut told) = (disk, told.clone());
    // Opening it is the first thing that can be cut off.
    for step in std::iter::once(None).chain(steps.iter().map(Some)) {
        let life = Arc::new(Life::default());
        let after = step.map_or(told.clone(), |step| step.tell(&told));
        let next = disk.copied();
        let opened_at = act(&next, &life, step, &told).await.unwrap();
        let made = life.made();
        let from = if step.is_none() { 0 } else { opened_at };
        for moment in moments(&made, true).filter(|moment| moment.change >= from) {
            let cut = Cut { disk: &disk, step, moment, what: &made[moment.change].what };
            count += cut.check(&told, &after).await;
        }
        (disk, told) = (next, after);
    }
    count
}

/// Opens the store and does a step; says how many changes it took to open it.
async fn act(
    disk: &SimDisk,
    life: &Arc<Life>,
    step: Option<&Step>,
    told: &Stored,
) -> orlop_backend::Result<usize> {
    let store = open_disk(&disk.process(life.clone()))?;
    let opened_at = life.made().len();
    if let Some(step) = step {
        step.act(&store, told).await?;
    }
    Ok(opened_at)
}

struct Cut<'c> {
    disk: &'c SimDisk,
    step: Option<&'c Step>,
    moment: Moment,
    what: &'c str,
}

impl Cut<'_> {
    /// Cuts the power in the middle of the step, with every kind of luck, and once more while the
    /// step is done again. How many cuts it were.
    async fn check(&self, told: &Stored, after: &Stored) -> usize {
        let disk = self.disk.copied();
        let life = Arc::new(Life::default());
        life.end_at(self.moment);
        let _ = act(&disk, &life, self.step, told).await;
        assert!(life.is_over());
        let mut count = 0;
        for (seed, unsynced) in [(None, Unsynced::Lost), (None, Unsynced::Kept)]
            .into_iter()
            .chain(seeds(2).map(|seed| (Some(seed), Unsynced::Lost)))
        {
            let dice = Dice::new(seed.unwrap_or_default());
            let unsynced = if seed.is_some() { Unsynced::Chance(&dice) } else { unsynced };
            let found = disk.power_cut(unsynced);
            self.must(check(&found, told, after).await, unsynced);
            // A second try, which is cut off as well.
            let life = Arc::new(Life::default());
            life.end_at(Moment { change: dice.throw(20), part: 0 });
            let again = found.copied();
            let _ = act(&again, &life, self.step, told).await;
            let again = again.power_cut(unsynced);
            self.must(check(&again, told, after).await, unsynced);
            // And one that is not, and is durable.
            act(&again, &Arc::default(), self.step, told).await.expect("a second try succeeds");
            self.must(check(&again.power_cut(Unsynced::Lost), after, after).await, unsynced);
            count += 3;
        }
        count
    }

    fn must(&self, checked: Result<(), String>, unsynced: Unsynced<'_>) {
        if let Err(error) = checked {
            let (step, moment, what) = (self.step, self.moment, self.what);
            panic!("{error}\n{step:?} was cut off at {moment:?}, {what}; {unsynced:?}");
        }
    }
}
