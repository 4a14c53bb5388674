//! Somebody dies, or is stopped, between a change and its sync; others go by what they see; and
//! then the power is cut.

use std::sync::Arc;

use orlop_sim::dice::Dice;
use orlop_sim::disk::{LeftOut, SimDisk, Unsynced};
use orlop_sim::life::{Life, moments};

use crate::place::{open_disk, run, seeds};
use crate::power_cuts::{done, workload};
use crate::stored::{Step, Stored, check, key};

#[test]
fn what_somebody_has_read_survives_a_power_cut() {
    run(async {
        let swap = |value: &str| Step::Swap("t/a/key".to_owned(), value.to_owned().into());
        let steps = [swap("one"), swap("two"), Step::Remove("t/a/key".to_owned()), swap("three")];
        let (mut disk, mut told, mut count) = (SimDisk::new(), Stored::default(), 0);
        for step in steps {
            let next = disk.copied();
            let life = Arc::new(Life::default());
            step.act(&open_disk(&next.process(life.clone())).unwrap(), &told).await.unwrap();
            for moment in moments(&life.made(), true) {
                for is_stopped in [false, true] {
                    let cut_off = disk.copied();
                    let life = Arc::new(Life::default());
                    life.end_at(moment);
                    let process = cut_off.process(life);
                    if is_stopped {
                        process.keep_locks();
                    }
                    if let Ok(store) = open_disk(&process) {
                        let _ = step.act(&store, &told).await;
                    }
                    let read = async |disk: &SimDisk| {
                        let record = open_disk(disk).unwrap().records.get(&key("t/a/key")).await;
                        record.unwrap().map(|record| record.value)
                    };
                    let seen = read(&cut_off).await;
                    for dice in seeds(3).map(Dice::new) {
                        let found = cut_off.power_cut(Unsynced::Chance(&dice));
                        assert_eq!(read(&found).await, seen, "{step:?}, {moment:?}, {is_stopped}");
                    }
                    let found = cut_off.power_cut(Unsynced::Lost);
                    assert_eq!(read(&found).await, seen, "{step:?}, {moment:?}, {is_stopped}");
                    count += 1;
                }
            }
            told = step.tell(&told);
            disk = next;
        }
        println!("disk: {count} deaths of writers whose records others read");
    });
}

/// A name is left out of the index because its file is gone; the file comes back.
#[test]
fn a_file_that_comes_back_is_in_the_list() {
    run(async {
        let names = |range: std::ops::Range<usize>| -> Vec<String> {
            range.map(|n| format!("big/{n:04}")).collect()
        };
        let list = Step::List("big".to_owned());
        let disk = SimDisk::new();
        let store = open_disk(&disk).unwrap();
        let small = done(&store, &Stored::default(), &[Step::Mark(names(0..1040))]).await;
        let unlisted = disk.copied();
        let listed = [list.clone(), Step::Clear(names(0..1030))];
        let sparse = done(&store, &small, &listed).await;
        for (disk, told) in [(unlisted, small), (disk, sparse)] {
            let step = Step::Clear(names(1032..1034));
            let life = Arc::new(Life::default());
            let trial = open_disk(&disk.copied().process(life.clone())).unwrap();
            step.act(&trial, &told).await.unwrap();
            for moment in moments(&life.made(), true) {
                let cut_off = disk.copied();
                let life = Arc::new(Life::default());
                life.end_at(moment);
                if let Ok(store) = open_disk(&cut_off.process(life)) {
                    let _ = step.act(&store, &told).await;
                }
                // Lays the index, or merges it.
                list.act(&open_disk(&cut_off).unwrap(), &told).await.unwrap();
                let found = cut_off.power_cut(Unsynced::Lost);
                let checked = check(&found, &told, &step.tell(&told)).await;
                assert_eq!(checked, Ok(()), "{moment:?}");
            }
        }
    });
}

#[test]
fn what_a_sync_failed_for_is_not_acknowledged() {
    run(async {
        let (mut disk, mut told, mut count) = (SimDisk::new(), Stored::default(), 0);
        for step in workload() {
            let next = disk.copied();
            let opened = open_disk(&next).unwrap();
            let from = next.synced().len();
            step.act(&opened, &told).await.unwrap();
            let after = step.tell(&told);
            for number in from..next.synced().len() {
                let broken = disk.copied();
                broken.leave_out(LeftOut::Fails(number));
                let store = open_disk(&broken).unwrap();
                let answer = step.act(&store, &told).await;
                let known = if answer.is_ok() { &after } else { &told };
                for unsynced in [Unsynced::Lost, Unsynced::Kept] {
                    let checked = check(&broken.power_cut(unsynced), known, &after).await;
                    assert_eq!(checked, Ok(()), "{step:?}, sync {number}: {answer:?}");
                }
                assert!(answer.is_err(), "{step:?} does not say that sync {number} failed");
                let refused = store.records.mark(&[key("m/any")]).await;
                assert_eq!(refused.unwrap_err().kind(), orlop_backend::ErrorKind::Stopped);
                count += 1;
            }
            told = after;
            disk = next;
        }
        println!("disk: {count} syncs that failed");
    });
}
