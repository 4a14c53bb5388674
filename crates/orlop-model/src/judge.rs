//! Whether a state is sound, and can be cleaned up if the run asks for that.

use crate::fingerprint::{Set, fingerprint};
use crate::packed::pack;
use crate::recovery::recover;
use crate::safety;
use crate::setting::{Feature, Setting};
use crate::world::World;

/// What is wrong with a state, and what a collector did who could not make it good.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) what: String,
    pub(crate) story: Vec<String>,
}

pub(crate) struct Judge<'a> {
    setting: &'a Setting,
    /// Stores that were cleaned up already: processes that have crashed make no difference.
    recovered: Set,
    packed: Vec<u32>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(setting: &'a Setting) -> Self {
        Self { setting, recovered: Set::default(), packed: Vec::new() }
    }

    pub(crate) fn check(&mut self, world: &World) -> Result<(), Failure> {
        safety::check(self.setting, world).map_err(|what| Failure { what, story: Vec::new() })?;
        if self.setting.has(Feature::Recovery) {
            let crashed = world.crashed();
            pack(self.setting, &crashed, &mut self.packed);
            if self.recovered.insert(fingerprint(&self.packed)) {
                return recover(self.setting, &crashed);
            }
        }
        Ok(())
    }
}
