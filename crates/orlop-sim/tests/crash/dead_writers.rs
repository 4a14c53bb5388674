//! Somebody dies, or is stopped, between a change and its sync; others go by what they see; and
//! then the power is cut.

use std::sync::Arc;

use orlop_backend::ErrorKind;
use orlop_sim::dice::Dice;
use orlop_sim::disk::{LeftOut, SimDisk, Unsynced};
use orlop_sim::life::{Life, Moment, moments};

use crate::place::{open_disk, run, seeds};
use crate::power_cuts::{done, workload};
use crate::stored::{Step, Stored, check, key};

#[test]
fn what_somebody_has_read_survives_a_power_cut() {
    run(async {
        let swap = |value: &str| Step::Swap("t/a/key".to_owned(), value.to_owned().into());
        let steps = [swap("one"), swap("two"), Step::Remove("t/a/key".to_owned()), swap("three")];
        let (mut disk, mut told, mut count) = (SimDisk::new(), Stored::default(), 0);
        let mut unanswered = 0;
        for step in steps {
            let next = disk.copied();
            let life = Arc::new(Life::default());
            let store = open_disk(&next.process(life.clone())).unwrap();
            let opened_at = life.made().len();
            step.act(&store, &told).await.unwrap();
            let late = step.tell(&told).records.get("t/a/key").cloned().flatten();
            for moment in moments(&life.made(), true) {
                // One that is stopped while it opens the store keeps others from opening it.
                let kinds: &[bool] =
                    if moment.change < opened_at { &[false] } else { &[false, true] };
                for &is_stopped in kinds {
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
                        record.map(|record| record.map(|record| record.value))
                    };
                    let seen = match read(&cut_off).await {
                        Err(error) if error.kind() == ErrorKind::Unavailable && is_stopped => {
                            unanswered += 1; // it is not whole, and may become so
                            told.records.get("t/a/key").cloned().flatten()
                        }
                        read => read.unwrap(),
                    };
                    // What nobody was told of may still be done late.
                    let check = |found| {
                        let is_well = found == seen || found == late;
                        assert!(is_well, "{found:?}, {seen:?}: {step:?}, {moment:?}, {is_stopped}");
                    };
                    for dice in seeds(3).map(Dice::new) {
                        check(read(&cut_off.power_cut(Unsynced::Chance(&dice))).await.unwrap());
                    }
                    check(read(&cut_off.power_cut(Unsynced::Lost)).await.unwrap());
                    count += 1;
                }
            }
            told = step.tell(&told);
            disk = next;
        }
        // Twice for each of the two that are new: before it is written, and in the middle.
        assert_eq!(unanswered, 4);
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
        let (list, step) = (Step::List("big".to_owned()), Step::Clear(names(1032..1034)));
        let full = SimDisk::new();
        let many = Step::Mark(names(0..1040));
        let told = done(&open_disk(&full).unwrap(), &Stored::default(), &[many]).await;
        let mut merged = 0;
        for change in 0.. {
            // Lays the index, and then has so many names to pass by that its next list merges.
            let disk = full.copied();
            let store = open_disk(&disk).unwrap();
            let told = done(&store, &told, &[list.clone(), Step::Clear(names(0..1030))]).await;
            let life = Arc::new(Life::default());
            let dying = open_disk(&disk.process(life.clone())).unwrap();
            life.end_at(Moment { change, part: 0 });
            let _ = step.act(&dying, &told).await;
            let before = disk.synced().len();
            list.act(&store, &told).await.unwrap();
            merged += usize::from(disk.synced().len() > before);
            for seed in seeds(20) {
                // The old index must be gone for good, and the file come back.
                let found = disk.power_cut(Unsynced::Chance(&Dice::new(seed)));
                let checked = check(&found, &told, &step.tell(&told)).await;
                assert_eq!(checked, Ok(()), "a death before change {change}, seed {seed}");
            }
            if !life.is_over() {
                break;
            }
        }
        assert!(merged > 3, "{merged}");
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
                assert_eq!(refused.unwrap_err().kind(), ErrorKind::Stopped);
                count += 1;
            }
            told = after;
            disk = next;
        }
        println!("disk: {count} syncs that failed");
    });
}
