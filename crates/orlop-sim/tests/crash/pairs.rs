//! Two accidents: somebody dies while the debris of another one is there, or while another one is
//! at work. Too many to try them all; seeds choose.

use std::sync::Arc;

use futures::future::join;
use orlop_engine::{ErrorKind, Result};
use orlop_sim::dice::Dice;
use orlop_sim::disk::Unsynced;
use orlop_sim::life::{Life, Moment};

use crate::base::Base;
use crate::crash_points::Uncut;
use crate::laws::check_clean;
use crate::operations::{ALL, Operation, Site};
use crate::place::{Place, run, seeds};
use crate::view::{ABSENT, View, view};

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

async fn everywhere(new: fn() -> Place) {
    let mut count = 0;
    for place in [new(), new().with_inline_blobs()] {
        let base = Base::new(place).await;
        let mut uncut = Vec::new();
        for operation in ALL.iter().filter(|operation| operation.before.is_none()) {
            uncut.push(Uncut::of(&base, operation).await);
        }
        for seed in seeds(40) {
            let dice = Arc::new(Dice::new(seed));
            let both = [(); 2].map(|()| &uncut[dice.throw(uncut.len())]);
            let case = Pair { base: &base, both, seed, dice };
            case.one_after_the_other().await;
            case.at_once().await;
            count += 2;
        }
    }
    println!("{}: {count} pairs of operations that were cut off", new().name());
}

struct Pair<'p> {
    base: &'p Base,
    both: [&'p Uncut<'p>; 2],
    seed: u64,
    dice: Arc<Dice>,
}

/// Says which pair it was if a check fails.
impl Drop for Pair<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let [one, other] = self.both.map(|uncut| uncut.operation.name);
            println!("seed {}: {one}, and {other}", self.seed);
        }
    }
}

impl Pair<'_> {
    /// A life that ends at some moment of an operation, or a little later.
    fn life(&self, uncut: &Uncut<'_>, opened_at: usize) -> Life {
        let change = opened_at + self.dice.throw(uncut.made.len() + 2);
        let part = self.dice.throw(3);
        let life = Life::default();
        life.end_at(Moment { change, part });
        life
    }

    async fn one_after_the_other(&self) {
        let (mut place, uploads) = self.base.fresh().await;
        for uncut in self.both {
            let opened_at = place.enter().await.opened_at;
            let life = Arc::new(self.life(uncut, opened_at));
            let process = place.enter_as(life.clone()).await;
            let site = Site { process, uploads };
            if let Some(answer) = life.live((uncut.operation.act)(&site)).await {
                check_answer(&answer);
            }
            drop(site);
            if self.dice.one_in(2)
                && let Some(cut) = place.power_cut(Unsynced::Chance(&self.dice))
            {
                place = cut;
            }
        }
        let site = Site { process: place.enter().await, uploads };
        self.recover(&site, false).await;
    }

    /// The first one dies, the other one does not.
    async fn at_once(&self) {
        let (place, uploads) = self.base.fresh().await;
        let [dying, living] = self.both;
        let opened_at = place.enter().await.opened_at;
        let life = Arc::new(self.life(dying, opened_at).with_pauses(self.dice.clone()));
        let process = place.enter_as(life.clone()).await;
        let dies = Site { process, uploads };
        let other = Arc::new(Life::default().with_pauses(self.dice.clone()));
        let lives = Site { process: place.enter_as(other).await, uploads };
        let (_, answer) =
            join(life.live((dying.operation.act)(&dies)), (living.operation.act)(&lives)).await;
        check_answer(&answer);
        drop((dies, lives));
        let site = Site { process: place.enter().await, uploads };
        // Who is given up while he works, and then dies, may leave what only an audit finds.
        self.recover(&site, true).await;
    }

    async fn recover(&self, site: &Site, needs_repair: bool) {
        let seen = view(&site.process, &site.uploads).await;
        for (item, value) in &seen {
            let views = self.both.map(|uncut| [&uncut.before, &uncut.after]);
            let is_known = views.iter().flatten().any(|view: &&View| view[item] == *value);
            let may_differ = item.starts_with("upload") || item.starts_with("blob");
            assert!(is_known || (may_differ && value == ABSENT), "{item} is {value}");
        }
        for Uncut { operation: Operation { name, act, .. }, .. } in self.both {
            let answer = act(site).await;
            assert!(answer.is_ok(), "a second try of {name}: {answer:?}");
        }
        view(&site.process, &site.uploads).await;
        check_clean(&site.process, needs_repair).await;
        view(&site.process, &site.uploads).await;
    }
}

/// Who works beside others may lose a race, and nothing else.
fn check_answer(answer: &Result<()>) {
    if let Err(error) = answer {
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
}
