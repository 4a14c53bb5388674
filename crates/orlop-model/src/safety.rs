//! What must hold at every moment.

use crate::ids::{ManifestName, Repository};
use crate::key::Key;
use crate::setting::{Feature, Setting};
use crate::state::{Link, TagTarget};
use crate::store::{Bytes, Store};
use crate::turn::Turn;
use crate::world::World;

/// What is broken, if anything is.
pub(crate) fn check(setting: &Setting, world: &World) -> Result<(), String> {
    let store = &world.store;
    let blob = store.blob();
    let has_bytes =
        blob.extent().is_some_and(|extent| store.bytes(setting.place(extent)) == Bytes::Whole);
    if blob.extent().is_some() && !has_bytes {
        return Err("the bytes of a live blob are gone".to_owned());
    }
    for name in ManifestName::ALL {
        if store.manifest(name).live().is_none() {
            continue;
        }
        if setting.refers_to_blob(name) && !has_bytes {
            return Err(format!("manifest {name} refers to a blob that is gone"));
        }
        if setting.refers_to_blob(name) && !is_visible(store, name.repository()) {
            return Err(format!("manifest {name} refers to a blob that its repository hides"));
        }
        if name == ManifestName::Index
            && setting.has(Feature::Untagged)
            && store.manifest(ManifestName::One).live().is_none()
            && !world.promises.is_orphaned
        {
            return Err("the index refers to a manifest that was collected".to_owned());
        }
    }
    let promises = world.promises;
    for repository in promises.blob.iter() {
        if !is_visible(store, repository) {
            return Err(format!("the blob was promised to {repository} and is not there"));
        }
    }
    for name in ManifestName::ALL {
        if promises.manifests.has(name) && store.manifest(name).live().is_none() {
            return Err(format!("manifest {name} was acknowledged and is not there"));
        }
    }
    if let Some(life) = promises.tag {
        // Where a collector takes manifests away, a tag that another client moves must not come to
        // nothing either.
        let may_move = setting.has(Feature::Untagged);
        let target = store.tag().target.filter(|target| target.life == life || may_move);
        let is_there = target
            .is_some_and(|target| store.manifest(target.name).live() == Some(target.incarnation));
        if !is_there {
            return Err(format!("tag {life} was acknowledged and is not there"));
        }
    }
    Ok(())
}

fn is_visible(store: &Store, repository: Repository) -> bool {
    let blob = store.blob();
    blob.extent().is_some_and(|extent| {
        blob.home == Some(repository)
            || store.get::<Link>(Key::Link(extent, repository)) != Link::Absent
    })
}

/// Promises are made with the last step of what a client does. A change that its caller has given
/// up, and that may still be made, can break them; whoever has such a change under way expects it.
impl Turn<'_> {
    /// Whoever reads or writes the blob's record knows of its lease.
    pub(crate) fn note_lease(&mut self, key: Key) {
        if key == Key::Blob {
            self.witness();
        }
    }

    /// The blob is there, and it stays until its lease ends: if it has not ended since the client
    /// saw that it runs. If it is there but not visible, another client has just taken it out of
    /// this repository.
    pub(crate) fn promise_blob(&mut self, repository: Repository, is_done: bool) {
        let is_late = self.world.is_delayed(Key::Blob);
        let store = &self.world.store;
        let is_hidden = store.blob().extent().is_some() && !is_visible(store, repository);
        if self.forget_witness() && is_done && !is_late && !is_hidden {
            self.world.promises.blob = self.world.promises.blob.with(repository);
        }
    }

    /// A manifest is there, and it stays until it is deleted.
    pub(crate) fn promise_manifest(&mut self, name: ManifestName, is_done: bool) {
        let is_live = self.world.store.manifest(name).live().is_some();
        let is_late = self.world.is_delayed(Key::Manifest(name));
        if is_done && is_live && !is_late && !self.setting.has(Feature::Untagged) {
            self.world.promises.manifests = self.world.promises.manifests.with(name);
        }
    }

    /// The tag is there, and it stays until another one is set, or it or its manifest is deleted.
    pub(crate) fn promise_tag(&mut self, target: TagTarget, is_done: bool) {
        let store = &self.world.store;
        let is_set = store.tag().target == Some(target);
        let is_late =
            self.world.is_delayed(Key::Tag) || self.world.is_delayed(Key::Manifest(target.name));
        // A client may have deleted it at this moment; a collector must not.
        let is_live = store.manifest(target.name).live() == Some(target.incarnation)
            || self.setting.has(Feature::Untagged) && !self.setting.is_deleted(target.name);
        if is_done && is_set && is_live && !is_late {
            self.world.promises.tag = Some(target.life);
        }
    }
}
