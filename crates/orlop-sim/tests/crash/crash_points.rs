//! Every operation, cut off at every point: a process dies before each of its changes, and in the
//! middle of each that can happen in part.

use std::sync::Arc;

use orlop_engine::Registry;
use orlop_sim::dice::Dice;
use orlop_sim::disk::Unsynced;
use orlop_sim::life::{Change, Life, Moment, moments};

use crate::base::{Base, push, repository};
use crate::laws::{changes, check_clean, check_collected, check_cut_off};
use crate::operations::{ALL, Operation, Site};
use crate::place::{Place, Process, run, seeds};
use crate::view::{View, view};

#[test]
fn in_memory() {
    run(everywhere(Place::memory));
}

#[test]
fn on_a_disk() {
    run(everywhere(Place::disk));
}

#[test]
fn in_a_bucket() {
    run(everywhere(Place::bucket));
}

#[test]
fn on_a_disk_whose_power_is_cut() {
    run(async {
        let mut sum = 0;
        for place in [Place::disk(), Place::disk().with_inline_blobs()] {
            let base = Base::new(place).await;
            for operation in ALL {
                let uncut = Uncut::of(&base, operation).await;
                for (number, moment) in (0..).zip(moments(&uncut.made, true)) {
                    for seed in seeds(1) {
                        let case =
                            Case { base: &base, uncut: &uncut, moment, number, seed, is_cut: true };
                        case.check().await;
                        sum += 1;
                    }
                }
            }
        }
        println!("disk: {sum} power cuts in {} operations", ALL.len());
    });
}

/// A new store is opened, which is cut off, and then another process does.
#[test]
fn of_an_opening() {
    run(async {
        for new in [Place::memory, Place::disk, Place::bucket] {
            let life = Arc::new(Life::default());
            let name = new().name();
            new().enter_as(life.clone()).await;
            let mut count = 0;
            for moment in moments(&life.made(), name == "disk") {
                for seed in seeds(2) {
                    let life = Arc::new(Life::default());
                    life.end_at(moment);
                    let mut place = new();
                    let opening = async {
                        let store = place.backend(&life).await?;
                        Registry::open(store, place.options()).await
                    };
                    assert!(life.live(opening).await.is_none(), "it did not die");
                    if let Some(cut) = place.power_cut(Unsynced::Chance(&Dice::new(seed))) {
                        place = cut;
                    }
                    let process = place.enter().await;
                    push(&repository(&process.registry, "a"), "One", &["v1"]).await.unwrap();
                    check_clean(&process, false).await;
                }
                count += 1;
            }
            println!("{name}: {count} crash points of opening a new store");
        }
    });
}

async fn everywhere(new: fn() -> Place) {
    let mut sum = 0;
    for place in [new(), new().with_inline_blobs()] {
        let base = Base::new(place).await;
        for operation in ALL {
            let uncut = Uncut::of(&base, operation).await;
            for (number, moment) in (0..).zip(moments(&uncut.made, false)) {
                let (seed, is_cut) = (0, false);
                Case { base: &base, uncut: &uncut, moment, number, seed, is_cut }.check().await;
                sum += 1;
            }
        }
    }
    println!("{}: {sum} crash points in {} operations", new().name(), ALL.len());
}

/// What an operation does if nobody dies.
pub(crate) struct Uncut<'o> {
    pub(crate) operation: &'o Operation,
    pub(crate) before: View,
    pub(crate) after: View,
    pub(crate) made: Vec<Change>,
}

impl<'o> Uncut<'o> {
    pub(crate) async fn of(base: &Base, operation: &'o Operation) -> Self {
        let (_, site) = arrive(base, operation).await;
        let before = view(&site.process, &site.uploads).await;
        let Process { life, opened_at, .. } = &site.process;
        assert_eq!(life.made().len(), *opened_at, "looking changes nothing");
        (operation.act)(&site).await.unwrap();
        let made = life.made()[*opened_at..].to_vec();
        assert!(!made.is_empty(), "{} changes nothing", operation.name);
        let after = view(&site.process, &site.uploads).await;
        Self { operation, before, after, made }
    }
}

/// A process in a fresh store in which the operation can be made.
pub(crate) async fn arrive(base: &Base, operation: &Operation) -> (Place, Site) {
    let (place, uploads) = base.fresh().await;
    if let Some(before) = operation.before {
        before(&Site { process: place.enter().await, uploads }).await.unwrap();
    }
    let process = place.enter().await;
    (place, Site { process, uploads })
}

/// One death.
struct Case<'c> {
    base: &'c Base,
    uncut: &'c Uncut<'c>,
    moment: Moment,
    number: u64,
    seed: u64,
    /// Whether the power is cut, and not only the process dead.
    is_cut: bool,
}

/// Says which death it was if a check fails.
impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (name, moment) = (self.uncut.operation.name, self.moment);
            let what = &self.uncut.made[moment.change].what;
            println!(
                "{name}: died at {moment:?}, {what}, number {}, seed {}",
                self.number, self.seed
            );
        }
    }
}

impl Case<'_> {
    async fn check(&self) {
        let Uncut { operation, before, after, .. } = self.uncut;
        let (mut place, site) = arrive(self.base, operation).await;
        let life = &site.process.life;
        life.end_at(self.moment);
        let answer = life.live((operation.act)(&site)).await;
        assert!(life.is_over() && answer.is_none(), "it did not die");
        let uploads = site.uploads;
        drop(site);
        let turn = self.number + self.seed;
        if self.is_cut {
            let dice = Dice::new(self.seed << 32 | self.number);
            // Every third time nothing comes through that was not synced.
            let is_lost = turn % 3 == 1;
            let unsynced = if is_lost { Unsynced::Lost } else { Unsynced::Chance(&dice) };
            place = place.power_cut(unsynced).unwrap();
        }

        let process = place.enter().await;
        let seen = view(&process, &uploads).await;
        check_cut_off(operation, &seen, before, after);
        let needs_repair = operation.before.is_some();
        // Looking at everything three times takes time: on a disk, where the engine does what it does
        // everywhere, in turn.
        let cleans = place.name() != "disk" || turn.is_multiple_of(3);
        // Every other time a collection comes before the second attempt.
        let collects_first = (turn / 3).is_multiple_of(2);
        if cleans && collects_first {
            check_clean(&process, needs_repair).await;
            check_collected(&view(&process, &uploads).await, &seen);
        }
        let site = Site { process, uploads };
        (operation.act)(&site).await.expect("a second try succeeds");
        if !collects_first || !cleans {
            let seen = view(&site.process, &uploads).await;
            assert_eq!(changes(after, &lenient(operation, &seen, after)), "");
            if cleans {
                check_clean(&site.process, needs_repair).await;
            }
        }
    }
}

/// What was seen, but for the items that may be lost.
fn lenient(operation: &Operation, seen: &View, after: &View) -> View {
    let mut seen = seen.clone();
    for item in operation.may_lose {
        seen.insert((*item).to_owned(), after[*item].clone());
    }
    seen
}
