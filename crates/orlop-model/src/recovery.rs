//! In the end all garbage goes: everybody crashes, and one later collector runs alone.

use crate::ids::{CandidateId, Extent, ManifestName, Repository};
use crate::judge::Failure;
use crate::key::{Key, Marker};
use crate::process::clean_up;
use crate::setting::{Feature, Setting};
use crate::store::{Bytes, Store};
use crate::turn::{Pause, Turn};
use crate::world::World;

/// Lets a collector clean up in a store where everybody has crashed, and then an auditor.
pub(crate) fn recover(setting: &Setting, crashed: &World) -> Result<(), Failure> {
    attempt(setting, crashed, None).map_err(|_| {
        let mut story = Vec::new();
        let what = match attempt(setting, crashed, Some(&mut story)) {
            Err(what) => what,
            Ok(()) => "it went well the second time".to_owned(),
        };
        Failure { what, story }
    })
}

fn attempt(
    setting: &Setting,
    crashed: &World,
    mut story: Option<&mut Vec<String>>,
) -> Result<(), String> {
    let mut world = crashed.clone();
    for audits in [false, true] {
        let mut turn = Turn::alone(setting, &mut world);
        if let Some(story) = &mut story {
            let who = if audits { "auditor" } else { "collector" };
            turn = turn.told(who.to_owned(), story);
        }
        match clean_up(&mut turn, audits) {
            Ok(()) => {}
            Err(Pause::Violation(what)) => return Err(what),
            Err(pause) => return Err(format!("collection stopped: {pause:?}")),
        }
        garbage(setting, &world.store)?;
        if audits {
            strays(setting, &world.store)?;
        }
    }
    Ok(())
}

/// What a collector must not leave.
fn garbage(setting: &Setting, store: &Store) -> Result<(), String> {
    let blob = store.blob();
    let mut names = ManifestName::ALL.into_iter();
    let is_referred_to =
        names.any(|name| setting.refers_to_blob(name) && store.manifest(name).live().is_some());
    if blob.extent().is_some() && !is_referred_to {
        return Err("left: a blob that nothing refers to".to_owned());
    }
    if !blob.trash.is_empty() {
        return Err("left: trash of the blob".to_owned());
    }
    if store.is_there(Key::Blob) && blob.is_blank() {
        return Err("left: a record of the blob that says nothing".to_owned());
    }
    for extent in (0..4).map(Extent) {
        if store.is_there(Key::Session(extent)) {
            return Err(format!("left: session {extent}"));
        }
        if store.bytes(extent) == Bytes::Part {
            return Err(format!("left: a part of {extent}"));
        }
        if has_stray_bytes(setting, store, extent) && !setting.can_leave_bytes() {
            return Err(format!("left: bytes of {extent}"));
        }
    }
    for id in (0..8).map(CandidateId) {
        if store.is_there(Key::Candidate(id)) {
            return Err(format!("left: candidate {id}"));
        }
    }
    for name in ManifestName::ALL {
        let manifest = store.manifest(name);
        if !manifest.over().is_empty() {
            return Err(format!("left: edges of manifest {name}, which was deleted"));
        }
        if store.is_there(Key::Entry(name)) {
            return Err(format!("left: entry {name}"));
        }
        if setting.has(Feature::Untagged) && !is_kept(setting, store, name) {
            return Err(format!("left: manifest {name}, which nothing keeps"));
        }
        if store.is_there(Key::Manifest(name)) && manifest.is_blank() {
            return Err(format!("left: a record of manifest {name} that says nothing"));
        }
    }
    Ok(())
}

/// Whether a manifest is not there, or has a tag, a live index, or a live subject.
fn is_kept(setting: &Setting, store: &Store, name: ManifestName) -> bool {
    let Some(incarnation) = store.manifest(name).live() else { return true };
    let lives = |name| store.manifest(name).live().is_some();
    store.tag().target.is_some_and(|target| target.is_on(name, incarnation))
        || name == ManifestName::One && lives(ManifestName::Index)
        || setting.subject(name).is_some_and(lives)
}

fn has_stray_bytes(setting: &Setting, store: &Store, extent: Extent) -> bool {
    let current = store.blob().extent().map(|current| setting.place(current));
    store.bytes(extent) == Bytes::Whole && current != Some(extent)
}

/// What an auditor must not leave either: bytes, links, edges and tags that mean nothing.
fn strays(setting: &Setting, store: &Store) -> Result<(), String> {
    let current = store.blob().extent();
    for extent in (0..4).map(Extent) {
        if has_stray_bytes(setting, store, extent) {
            return Err(format!("left: bytes of {extent}"));
        }
        for repository in [Repository::A, Repository::B] {
            if store.is_there(Key::Link(extent, repository)) && current != Some(extent) {
                return Err(format!("left: link {extent} in {repository}"));
            }
        }
    }
    for (incarnation, name) in &setting.incarnations {
        let is_live = store.manifest(*name).live() == Some(*incarnation);
        if store.is_marked(Marker::Edge(*incarnation)) && !is_live {
            return Err(format!("left: edge {incarnation}"));
        }
    }
    let target = store.tag().target;
    if let Some(target) = target
        && store.manifest(target.name).live() != Some(target.incarnation)
    {
        return Err("left: a tag on a manifest that is gone".to_owned());
    }
    for (life, _) in &setting.tag_lives {
        let is_set = target.is_some_and(|target| target.life == *life);
        if store.is_marked(Marker::TagEdge(*life)) && !is_set {
            return Err(format!("left: edge {life}"));
        }
    }
    Ok(())
}
