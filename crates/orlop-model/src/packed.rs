//! States in few words: for fingerprints, and for the long queue of those to be looked at.

use std::collections::VecDeque;

use crate::ids::{Extent, Id, Set, TagLife};
use crate::key::Key;
use crate::promises::Promises;
use crate::setting::Setting;
use crate::store::{Bytes, Store};
use crate::word::Word;
use crate::world::{Memory, World};

/// First in, first out.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    words: VecDeque<u32>,
}

impl Queue {
    /// Takes a state as [`pack`] has it.
    pub(crate) fn push(&mut self, packed: &[u32]) {
        self.words.extend(packed);
    }

    pub(crate) fn pop(&mut self) -> Option<World> {
        let first = self.words.pop_front()?;
        Some(unpack(first, || self.words.pop_front().unwrap_or_default()))
    }
}

/// Writes down everything that tells a state from others. Of two collectors that do the same it
/// does not matter which is which, so they come in an order of their own.
pub(crate) fn pack(setting: &Setting, world: &World, packed: &mut Vec<u32>) {
    packed.clear();
    let mut memories = world.memories;
    for twins in &setting.twins {
        memories[twins.clone()].sort_unstable();
    }
    packed.push(0);
    for number in 1..Key::COUNT {
        let value = world.store.value_at(number);
        if value != 0 {
            packed[0] |= 1 << number;
            packed.push(value);
        }
    }
    let extents = extents().fold(0, |bits, extent| bits << 2 | world.store.bytes(extent).word());
    packed.push(u32::from(world.store.markers()) << 8 | extents);
    let is_late = world.late != [0; World::LATE_MAX];
    let lengths = memories.iter().fold(0, |bits, memory| bits << 5 | memory.length());
    packed.push(u32::from(is_late) << 31 | lengths);
    if is_late {
        packed.extend(world.late);
    }
    packed.push(promises(world.promises));
    for memory in &memories {
        packed.extend(memory.used());
    }
}

fn unpack(first: u32, mut next: impl FnMut() -> u32) -> World {
    let mut store = Store::empty();
    for number in (1..Key::COUNT).filter(|number| first & 1 << number != 0) {
        store.set_value_at(number, next());
    }
    let (markers, mut bits) = split(next());
    store.set_markers(markers);
    let places: Vec<Extent> = extents().collect();
    for extent in places.into_iter().rev() {
        store.set_bytes(extent, Bytes::from_word(bits & 3));
        bits >>= 2;
    }
    let lengths = next();
    let mut late = [0; World::LATE_MAX];
    if lengths >> 31 != 0 {
        late = std::array::from_fn(|_| next());
    }
    let promises = promises_of(next());
    let mut memories = [Memory::EMPTY; World::PROCESSES_MAX];
    for (place, memory) in memories.iter_mut().enumerate() {
        let length = lengths >> (5 * (World::PROCESSES_MAX - 1 - place)) & 31;
        *memory = Memory::of_length(length, &mut next);
    }
    World { store, late, promises, memories }
}

fn extents() -> impl Iterator<Item = Extent> {
    (0..4).map(Extent)
}

fn split(word: u32) -> (u16, u32) {
    ((word >> 8 & 0xffff) as u16, word & 0xff)
}

fn promises(promises: Promises) -> u32 {
    u32::from(promises.blob.bits())
        | u32::from(promises.manifests.bits()) << 8
        | u32::from(promises.witnesses) << 16
        | promises.tag.map_or(0, |life| u32::from(life.number()) + 1) << 24
        | u32::from(promises.is_orphaned) << 31
}

fn promises_of(word: u32) -> Promises {
    let tag = (word >> 24 & 0x7f) as u8;
    Promises {
        blob: Set::from_bits((word & 0xff) as u8),
        manifests: Set::from_bits((word >> 8 & 0xff) as u8),
        witnesses: (word >> 16 & 0xff) as u8,
        tag: tag.checked_sub(1).map(TagLife),
        is_orphaned: word >> 31 != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::runs;
    use crate::successors::successors;

    #[test]
    fn states_come_back_from_the_queue() {
        for run in runs() {
            let mut queue = Queue::default();
            let (mut packed, mut again) = (Vec::new(), Vec::new());
            pack(&run.setting, &World::new(&run.setting), &mut packed);
            queue.push(&packed);
            for _ in 0..1000 {
                let Some(world) = queue.pop() else { break };
                successors(&run.setting, &world, false, |next, _| {
                    let mut alone = Queue::default();
                    pack(&run.setting, &next, &mut packed);
                    alone.push(&packed);
                    pack(&run.setting, &alone.pop().unwrap(), &mut again);
                    assert_eq!(packed, again);
                    queue.push(&packed);
                });
            }
        }
    }
}
