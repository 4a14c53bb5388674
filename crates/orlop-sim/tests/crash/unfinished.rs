//! A process dies while it makes a record under its name, and others are alive, so that nobody makes
//! again what its journal says. Whoever comes to the record finds it whole or not at all, and what
//! a medium has damaged is not taken for one.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use orlop_backend::{Environment, ErrorKind, Result, envelope};
use orlop_fs::disk::Disk;
use orlop_sim::dice::Dice;
use orlop_sim::disk::{SimDisk, Unsynced};
use orlop_sim::life::{Life, moments};

use crate::journals::busy;
use crate::place::{open_disk, run, seeds};
use crate::power_cuts::done;
use crate::stored::{Step, Stored, check, key, swap};

const KEY: &str = "t/a/key";
const FILE: &str = "/srv/store/records/t/a/key";

async fn read(store: &Environment) -> Result<Option<Bytes>> {
    Ok(store.records.get(&key(KEY)).await?.map(|record| record.value))
}

fn len(disk: &SimDisk) -> Option<u64> {
    disk.metadata(Path::new(FILE)).ok().map(|metadata| metadata.len)
}

fn damage(disk: &SimDisk) {
    disk.open(Path::new(FILE)).unwrap().truncate(0).unwrap();
}

/// What happens between the death and the first who reads the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    Nothing,
    /// Until the dead one's entry does not count any more.
    Checkpoints,
    /// Takes its journal away.
    Opening,
}

#[test]
fn whoever_comes_finds_a_record_that_is_whole_or_none() {
    run(async {
        let step = swap(KEY, "value");
        let mut unfinished = 0;
        for between in [Between::Nothing, Between::Checkpoints, Between::Opening] {
            let disk = SimDisk::new();
            let _living = open_disk(&disk.process(Arc::default())).unwrap();
            let life = Arc::new(Life::default());
            let store = open_disk(&disk.process(life.clone())).unwrap();
            let opened_at = life.made().len();
            step.act(&store, &Stored::default()).await.unwrap();
            for moment in moments(&life.made(), true).filter(|moment| moment.change >= opened_at) {
                let disk = SimDisk::new();
                let living = open_disk(&disk.process(Arc::default())).unwrap();
                let life = Arc::new(Life::default());
                life.end_at(moment);
                let dying = open_disk(&disk.process(life)).unwrap();
                let _ = step.act(&dying, &Stored::default()).await;
                let whole = (envelope::HEADER_BYTES + "value".len()) as u64;
                let is_unfinished = len(&disk).is_some_and(|len| len < whole);
                unfinished += usize::from(is_unfinished);

                let mut told = Stored::default();
                match between {
                    Between::Nothing => {}
                    Between::Checkpoints => {
                        for _ in 0..10 {
                            told = busy(&living, &told).await;
                        }
                    }
                    Between::Opening => drop(open_disk(&disk.process(Arc::default())).unwrap()),
                }
                let context = format!("{between:?}, {moment:?}");
                let seen = read(&living).await;
                let seen = seen.unwrap_or_else(|error| panic!("{context}: {error}"));
                assert!(!is_unfinished || seen.is_some(), "{context}: its journal has it");
                if let Some(seen) = &seen {
                    assert_eq!(seen, "value", "{context}");
                    told = step.tell(&told);
                }
                for dice in seeds(3).map(Dice::new) {
                    let found = disk.power_cut(Unsynced::Chance(&dice));
                    assert_eq!(check(&found, &told, &step.tell(&told)).await, Ok(()), "{context}");
                }
                // Somebody goes on with it, whatever it is.
                let told = done(&living, &told, &[swap(KEY, "other")]).await;
                assert_eq!(check(&disk, &told, &told).await, Ok(()), "{context}");
                let found = disk.power_cut(Unsynced::Lost);
                assert_eq!(check(&found, &told, &told).await, Ok(()), "{context}");
            }
        }
        assert_eq!(unfinished, 6, "each of the three times before it is written and in the middle");
    });
}

/// The dead one's journal has an older value: it is not for it to say what the record was.
#[test]
fn what_was_changed_since_and_damaged_is_not_brought_back() {
    run(async {
        let disk = SimDisk::new();
        let living = open_disk(&disk.process(Arc::default())).unwrap();
        let process = disk.process(Arc::default());
        let dying = open_disk(&process).unwrap();
        let told = done(&dying, &Stored::default(), &[swap(KEY, "old")]).await;
        process.kill();
        damage(&disk);
        assert_eq!(read(&living).await.unwrap(), Some("old".into()), "nobody has changed it since");
        let told = done(&living, &told, &[swap(KEY, "new")]).await;
        damage(&disk);
        let refused = [
            read(&living).await.map(drop),
            swap(KEY, "newer").act(&living, &told).await,
            Step::Remove(KEY.to_owned()).act(&living, &told).await,
        ];
        for refused in refused {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Corrupt);
        }
        assert_eq!(len(&disk), Some(0), "it is left for who looks into it");
    });
}
