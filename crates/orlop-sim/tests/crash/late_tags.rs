//! A push dies while its changes are in the journal and not in their places; somebody else pushes the
//! same manifest; and then what the dead have left is made again.

use std::sync::Arc;

use orlop_oci::{Digest, Reference};
use orlop_sim::disk::Unsynced;
use orlop_sim::life::{Life, moments};

use crate::base::{manifest, push, repository};
use crate::laws::check_clean;
use crate::place::{Place, Process, run};

#[test]
fn a_tag_that_comes_late_takes_nothing_away() {
    run(async {
        let base = Place::disk();
        push(&repository(&base.enter().await.registry, "a"), "One", &["moved"]).await.unwrap();
        let (mut lone, mut count) = (0, 0);
        let whole = meet(&base, Arc::default()).await;
        for moment in moments(&whole.dying.life.made(), true) {
            if moment.change < whole.dying.opened_at {
                continue;
            }
            let life = Arc::new(Life::default());
            life.end_at(moment);
            let Met { place, living, .. } = meet(&base, life).await;
            push(&repository(&living.registry, "a"), "Two", &["other"]).await.unwrap();
            living.life.end();
            for place in [Some(place.copied().unwrap()), place.power_cut(Unsynced::Lost)] {
                let process = place.unwrap().enter().await;
                let [one, two] = ["One", "Two"].map(|name| Some(*manifest(name).digest()));
                let at = format!("{moment:?}");
                assert_eq!(pulls(&process, "other").await, two, "{at}");
                let moved = pulls(&process, "moved").await;
                assert!(moved == one || moved == two, "{moved:?}: {at}");
                for tag in tags(&process).await {
                    let found = pulls(&process, &tag).await;
                    assert!(found.is_some() || NEW.contains(&&*tag), "{tag}: {at}");
                    lone += usize::from(found.is_none());
                }
                check_clean(&process, true).await;
                for tag in tags(&process).await {
                    assert!(pulls(&process, &tag).await.is_some(), "{tag} after an audit: {at}");
                }
                push(&repository(&process.registry, "a"), "Two", &NEW).await.unwrap();
                for tag in NEW {
                    assert_eq!(pulls(&process, tag).await, two, "{tag}: {at}");
                }
                count += 1;
            }
        }
        assert!(lone > 0, "a tag may come late and be on nothing");
        println!("disk: {count} deaths of pushes that others went on with, {lone} late tags");
    });
}

/// Two processes, of which one pushes.
struct Met {
    place: Place,
    living: Process,
    dying: Process,
}

/// As long as one lives, nothing is made again.
async fn meet(base: &Place, life: Arc<Life>) -> Met {
    let place = base.copied().unwrap();
    let living = place.enter().await;
    let dying = place.enter_as(life).await;
    let _ = push(&repository(&dying.registry, "a"), "Two", &[NEW[0], NEW[1], "moved"]).await;
    Met { place, living, dying }
}

async fn pulls(process: &Process, tag: &str) -> Option<Digest> {
    let reference: Reference = tag.parse().unwrap();
    let found = repository(&process.registry, "a").manifest(&reference).await.unwrap();
    found.map(|found| found.descriptor.digest)
}

async fn tags(process: &Process) -> Vec<String> {
    let page = repository(&process.registry, "a").tags(None, 10).await.unwrap();
    page.items.iter().map(ToString::to_string).collect()
}

const NEW: [&str; 2] = ["new", "newer"];
