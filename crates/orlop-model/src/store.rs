//! What is stored: records, markers, extents.

use crate::ids::{Extent, ManifestName};
use crate::key::{Key, Marker};
use crate::state::{BlobState, ManifestState, State, TagState};
use crate::word::Word;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    records: [u32; Key::COUNT],
    markers: u16,
    extents: [Bytes; 4],
}

/// What there is of an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    Absent,
    /// Written, not sealed.
    Part,
    /// Sealed.
    Whole,
}

impl Store {
    pub(crate) fn empty() -> Self {
        Self { records: [0; Key::COUNT], markers: 0, extents: [Bytes::Absent; 4] }
    }

    pub(crate) fn value(&self, key: Key) -> u32 {
        self.records[usize::from(key.number())]
    }

    pub(crate) fn set_value(&mut self, key: Key, value: u32) {
        self.records[usize::from(key.number())] = value;
    }

    pub(crate) fn set(&mut self, key: Key, state: impl State) {
        self.set_value(key, state.pack());
    }

    pub(crate) fn get<T: State>(&self, key: Key) -> T {
        T::unpack(self.value(key))
    }

    pub(crate) fn blob(&self) -> BlobState {
        self.get(Key::Blob)
    }

    pub(crate) fn manifest(&self, name: ManifestName) -> ManifestState {
        self.get(Key::Manifest(name))
    }

    pub(crate) fn tag(&self) -> TagState {
        self.get(Key::Tag)
    }

    pub(crate) fn is_there(&self, key: Key) -> bool {
        self.value(key) != 0
    }

    pub(crate) fn is_marked(&self, marker: Marker) -> bool {
        self.markers & marker.bit() != 0
    }

    pub(crate) fn mark(&mut self, marker: Marker) {
        self.markers |= marker.bit();
    }

    pub(crate) fn clear(&mut self, marker: Marker) {
        self.markers &= !marker.bit();
    }

    pub(crate) fn bytes(&self, extent: Extent) -> Bytes {
        self.extents[usize::from(extent.0)]
    }

    pub(crate) fn set_bytes(&mut self, extent: Extent, bytes: Bytes) {
        self.extents[usize::from(extent.0)] = bytes;
    }

    /// Every lease ends. No record changes its version by that.
    pub(crate) fn end_leases(&mut self) {
        self.records[usize::from(Key::Blob.number())] &= !BlobState::YOUNG;
    }

    pub(crate) fn value_at(&self, number: usize) -> u32 {
        self.records[number]
    }

    pub(crate) fn set_value_at(&mut self, number: usize, value: u32) {
        self.records[number] = value;
    }

    pub(crate) fn markers(&self) -> u16 {
        self.markers
    }

    pub(crate) fn set_markers(&mut self, markers: u16) {
        self.markers = markers;
    }
}

impl Word for Bytes {
    fn word(self) -> u32 {
        self as u32
    }

    fn from_word(word: u32) -> Self {
        match word {
            0 => Self::Absent,
            1 => Self::Part,
            _ => Self::Whole,
        }
    }
}
