//! Journals of several processes: together they say what is the last word on each key, whoever of
//! them has written what, and when.

use std::sync::Arc;

use orlop_backend::{Environment, ErrorKind};
use orlop_sim::dice::Dice;
use orlop_sim::disk::{SimDisk, Unsynced};
use orlop_sim::life::{Life, Moment};

use crate::place::{open_disk, run, seeds};
use crate::power_cuts::done;
use crate::stored::{Step, Stored, check, swap};

/// More than a journal holds before it needs a checkpoint.
pub(crate) async fn busy(store: &Environment, told: &Stored) -> Stored {
    let steps: Vec<_> =
        (0..12).map(|n| swap(&format!("t/busy/{}", n % 3), &n.to_string())).collect();
    done(store, told, &steps).await
}

fn checkpoints(disk: &SimDisk) -> usize {
    disk.synced().iter().filter(|synced| synced.place == "everything").count()
}

async fn check_cuts(disk: &SimDisk, told: &Stored) {
    for unsynced in [Unsynced::Lost, Unsynced::Kept] {
        assert_eq!(check(&disk.power_cut(unsynced), told, told).await, Ok(()), "{unsynced:?}");
    }
    for seed in seeds(10) {
        let found = disk.power_cut(Unsynced::Chance(&Dice::new(seed)));
        assert_eq!(check(&found, told, told).await, Ok(()), "seed {seed}");
    }
}

#[test]
fn an_old_entry_in_a_journal_that_rests_brings_nothing_back() {
    run(async {
        let disk = SimDisk::new();
        let resting = open_disk(&disk.process(Arc::default())).unwrap();
        let busy_one = open_disk(&disk.process(Arc::default())).unwrap();
        let old = [swap("t/a/replaced", "old"), swap("t/a/removed", "old")];
        let told = done(&resting, &Stored::default(), &old).await;
        check_cuts(&disk, &told).await;
        let new = [swap("t/a/replaced", "new"), Step::Remove("t/a/removed".to_owned())];
        let told = done(&busy_one, &told, &new).await;
        check_cuts(&disk, &told).await;
        // Until the journal that has the new entries has been written over several times.
        let mut told = told;
        for _ in 0..8 {
            told = busy(&busy_one, &told).await;
            check_cuts(&disk, &told).await;
        }
        assert!(checkpoints(&disk) > 2);
        // The same once everybody has died, and after the opening that finds their journals.
        drop((resting, busy_one));
        check_cuts(&disk, &told).await;
        let told = done(&open_disk(&disk).unwrap(), &told, &old[..1]).await;
        check_cuts(&disk, &told).await;
    });
}

/// He has appended a change, and is stopped before, while or after he makes it. Others go on, and
/// lose nothing, though nobody can make a checkpoint.
#[test]
fn who_is_stopped_in_an_epoch_holds_nobody_up() {
    run(async {
        let mut grown = 0;
        for change in 0.. {
            let disk = SimDisk::new();
            let store = open_disk(&disk.process(Arc::default())).unwrap();
            let life = Arc::new(Life::default());
            let process = disk.process(life.clone());
            process.keep_locks();
            let stopped = open_disk(&process).unwrap();
            life.end_at(Moment { change, part: 0 });
            let step = swap("t/a/stopped", "value");
            let _ = step.act(&stopped, &Stored::default()).await;
            let is_made = !life.is_over();
            let before = checkpoints(&disk);
            let mut told = if is_made { step.tell(&Stored::default()) } else { Stored::default() };
            for _ in 0..2 {
                told = busy(&store, &told).await;
                let late = step.tell(&told);
                for unsynced in [Unsynced::Lost, Unsynced::Kept] {
                    let checked = check(&disk.power_cut(unsynced), &told, &late).await;
                    assert_eq!(checked, Ok(()), "stopped before change {change}; {unsynced:?}");
                }
            }
            grown += usize::from(checkpoints(&disk) == before);
            if is_made {
                break;
            }
        }
        assert!(grown > 1, "{grown}");
    });
}

/// What a full disk refuses is not made by a later opening either.
#[test]
fn what_was_refused_on_a_full_disk_is_never_made() {
    run(async {
        for room in 0..400 {
            let disk = SimDisk::new();
            let store = open_disk(&disk).unwrap();
            let told = done(&store, &Stored::default(), &[swap("t/a/key", "old")]).await;
            disk.trouble(|trouble| trouble.room = Some(room * 12));
            let mut told = told;
            for step in [
                swap("t/a/key", "new"),
                Step::Mark(vec!["m/a/one".to_owned(), "m/b/two".to_owned()]),
                swap("t/b/other", "value"),
            ] {
                match step.act(&store, &told).await {
                    Ok(()) => told = step.tell(&told),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Full, "{error}");
                        if let Step::Mark(_) = step {
                            break; // some of them may be there
                        }
                    }
                }
            }
            // Room can be made.
            let remove = Step::Remove("t/a/key".to_owned());
            remove.act(&store, &told).await.unwrap();
            let told = remove.tell(&told);
            disk.trouble(|trouble| trouble.room = None);
            drop(store);
            let marked = Step::Mark(vec!["m/a/one".to_owned()]).tell(&told);
            for found in [disk.copied(), disk.power_cut(Unsynced::Lost)] {
                let checked = check(&found, &told, &marked).await;
                assert_eq!(checked, Ok(()), "with room for {} bytes", room * 12);
            }
        }
    });
}

/// Whoever comes to a full disk may want to look what is there, or to make room elsewhere.
#[test]
fn a_store_can_be_opened_on_a_full_disk() {
    run(async {
        let disk = SimDisk::new();
        let store = open_disk(&disk).unwrap();
        let mut told = done(&store, &Stored::default(), &[swap("t/a/key", "value")]).await;
        drop(store);
        disk.trouble(|trouble| trouble.room = Some(40)); // some names, and hardly any bytes
        for _ in 0..2 {
            let store = open_disk(&disk).unwrap();
            let refused = swap("t/a/other", "value").act(&store, &told).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Full, "{refused}");
            disk.trouble(|trouble| trouble.room = Some(40));
            check_cuts(&disk, &told).await;
        }
        disk.trouble(|trouble| trouble.room = None);
        told = busy(&open_disk(&disk).unwrap(), &told).await;
        check_cuts(&disk, &told).await;
    });
}
