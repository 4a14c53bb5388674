//! What can happen next.

use crate::setting::{Feature, Setting};
use crate::turn::{Script, Turn, memory_after};
use crate::world::World;

/// Shows every state that can come next, with what happens if that `is_told`.
pub(crate) fn successors(
    setting: &Setting,
    world: &World,
    is_told: bool,
    mut show: impl FnMut(World, String),
) {
    for me in 0..setting.programs.len() {
        steps_of(setting, world, me, is_told, &mut show);
    }
    let tell = |who: &str, what: String| if is_told { told(who, &what) } else { String::new() };
    for (place, key, value) in world.late_changes() {
        let mut next = world.clone();
        next.forget_late(place);
        next.change(key, value);
        show(next, tell("late", format!("changes {key} at last")));
    }
    if setting.has(Feature::Leases) && world.store.blob().is_young {
        let mut next = world.clone();
        next.store.end_leases();
        next.promises.end_lease();
        show(next, tell("clock", "ends the blob's lease".to_owned()));
    }
}

/// How a line of a history looks.
pub(crate) fn told(who: &str, what: &str) -> String {
    format!("{who:<12} {what}")
}

/// The next step of one process, however it may end.
fn steps_of(
    setting: &Setting,
    world: &World,
    me: usize,
    is_told: bool,
    show: &mut impl FnMut(World, String),
) {
    if world.memories[me].has_ended() {
        return;
    }
    let mut script = Script::default();
    loop {
        let mut next = world.clone();
        let mut story = Vec::new();
        let mut turn = Turn::step(setting, &mut next, me, &mut script);
        if is_told {
            let who = format!("{} {me}", setting.programs[me].name());
            turn = turn.told(who, &mut story);
        }
        let flow = setting.programs[me].run(&mut turn);
        if let Some(memory) = memory_after(&flow, next.memories[me]) {
            next.memories[me] = memory;
            show(next, story.pop().unwrap_or_default());
        }
        if !script.advance() {
            return;
        }
    }
}
