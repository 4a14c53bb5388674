//! What is there when a run begins.

use crate::ids::{ManifestName, Repository};
use crate::key::{Key, Marker};
use crate::setting::{Feature, Setting};
use crate::state::{BlobState, Entry, Link, ManifestState, Session, TagState, TagTarget};
use crate::store::Bytes;

impl Setting {
    /// The blob, pushed to repository `a`, and nothing that refers to it.
    pub(crate) fn with_blob(mut self) -> Self {
        self.there.push("the blob".to_owned());
        let extent = self.new_extent();
        self.start.set_bytes(extent, Bytes::Whole);
        self.start.set(Key::Blob, BlobState::dead().installed(extent, Repository::A));
        self.start.set(Key::Session(extent), Session::Sealed);
        self
    }

    /// A manifest, with what it refers to.
    pub(crate) fn with_image(mut self, name: ManifestName) -> Self {
        if self.refers_to_blob(name) && self.start.blob().extent().is_none() {
            self = self.with_blob();
        }
        if let Some(extent) = self.start.blob().extent() {
            self.start.set_value(Key::Session(extent), 0);
        }
        if name.repository() == Repository::B {
            self = self.with_link();
        }
        self.there.push(name.to_string());
        let incarnation = self.new_incarnations(name, 1);
        self.start.set(Key::Manifest(name), ManifestState::empty().pushed(incarnation));
        self.start.mark(Marker::Edge(incarnation));
        if self.has(Feature::Untagged) {
            self.start.set(Key::Entry(name), Entry);
        }
        self
    }

    /// The same, tagged.
    pub(crate) fn with_tagged(mut self, name: ManifestName) -> Self {
        self = self.with_image(name);
        self.there.push("its tag".to_owned());
        let life = self.new_tag_lives(name, 1);
        if let Some(incarnation) = self.start.manifest(name).live() {
            let target = TagTarget { name, incarnation, life };
            self.start.set(Key::Tag, TagState { target: Some(target) });
            self.start.mark(Marker::TagEdge(life));
            self.start.set_value(Key::Entry(name), 0);
        }
        self
    }

    /// That nothing may keep a manifest any more.
    pub(crate) fn entered(mut self, name: ManifestName) -> Self {
        self.there.push(format!("entry {name}"));
        self.start.set(Key::Entry(name), Entry);
        self
    }

    /// A collector has found that something keeps it.
    pub(crate) fn kept(mut self, name: ManifestName) -> Self {
        self.start.set_value(Key::Entry(name), 0);
        self
    }

    /// A link of the blob in repository `b`.
    pub(crate) fn with_link(mut self) -> Self {
        self.is_linked = true;
        self.there.push("its link in b".to_owned());
        if let Some(extent) = self.start.blob().extent() {
            self.start.set(Key::Link(extent, Repository::B), Link::Plain);
        }
        self
    }
}
