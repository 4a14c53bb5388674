//! A manifest's record: what it is, and its exact bytes.

use bytes::Bytes;
use orlop_backend::RandomId;
use orlop_oci::Descriptor;
use serde::{Deserialize, Serialize};

use super::text::Text;
use super::{decode_headed, encode_headed};
use crate::store::State;

/// What a repository knows of a digest. An absent record is an empty one without trash and fences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ManifestState {
    pub(crate) header: Header,
    /// The manifest as it was pushed; kept after a delete until its edges are cleared.
    pub(crate) bytes: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) life: Incarnation,
    /// What a list of referrers shows; `None` when there are no bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) descriptor: Option<Descriptor>,
    /// Incarnations that are over and whose edges are still to be cleared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) trash: Vec<Text<RandomId>>,
    /// Incarnations that may not begin any more: a collector gave up on their pushes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fenced: Vec<Text<RandomId>>,
}

/// One life of a manifest in a repository, from push to delete. The edges it makes carry its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Incarnation {
    /// It is there.
    Live(Text<RandomId>),
    /// It is there, but a collector is about to decide. Whoever relies on it makes it live again.
    Condemned(Text<RandomId>),
    /// It was deleted, and what it referred to is being tidied up.
    Deleted(Text<RandomId>),
    /// There is none.
    Empty,
}

impl ManifestState {
    pub(crate) fn empty() -> Self {
        Self {
            header: Header {
                life: Incarnation::Empty,
                descriptor: None,
                trash: Vec::new(),
                fenced: Vec::new(),
            },
            bytes: Bytes::new(),
        }
    }

    /// The incarnation that is there.
    pub(crate) fn live(&self) -> Option<RandomId> {
        match self.header.life {
            Incarnation::Live(id) | Incarnation::Condemned(id) => Some(id.0),
            Incarnation::Deleted(_) | Incarnation::Empty => None,
        }
    }

    /// Whether this incarnation is the one that lives; `None` if nothing is known of it, so that
    /// it may still begin.
    pub(crate) fn knows(&self, incarnation: RandomId) -> Option<bool> {
        if self.live() == Some(incarnation) {
            return Some(true);
        }
        let is_over = self.over().contains(&incarnation);
        (is_over || self.is_fenced(incarnation)).then_some(false)
    }

    pub(crate) fn is_fenced(&self, incarnation: RandomId) -> bool {
        self.header.fenced.iter().any(|fenced| fenced.0 == incarnation)
    }

    /// A new incarnation in place of one that is over, which becomes trash.
    pub(crate) fn pushed(mut self, id: RandomId, descriptor: Descriptor, bytes: Bytes) -> Self {
        if let Incarnation::Deleted(over) = self.header.life {
            self.header.trash.push(over);
        }
        self.header.life = Incarnation::Live(Text(id));
        self.header.descriptor = Some(descriptor);
        self.bytes = bytes;
        self
    }

    /// The same manifest with a decision pending.
    pub(crate) fn condemned(mut self, id: RandomId) -> Self {
        self.header.life = Incarnation::Condemned(Text(id));
        self
    }

    /// The same manifest with a pending decision taken back.
    pub(crate) fn rescued(mut self) -> Self {
        if let Incarnation::Condemned(id) = self.header.life {
            self.header.life = Incarnation::Live(id);
        }
        self
    }

    /// The same manifest, deleted but with its bytes, from which its edges are known.
    pub(crate) fn deleted(mut self, id: RandomId) -> Self {
        self.header.life = Incarnation::Deleted(Text(id));
        self
    }

    /// The incarnations whose edges are still to be cleared.
    pub(crate) fn over(&self) -> Vec<RandomId> {
        let deleted = match self.header.life {
            Incarnation::Deleted(id) => Some(id),
            _ => None,
        };
        self.header.trash.iter().copied().chain(deleted).map(|id| id.0).collect()
    }

    /// The same record after the edges of all that is over were cleared.
    pub(crate) fn tidied(mut self) -> Self {
        self.header.trash.clear();
        if let Incarnation::Deleted(_) = self.header.life {
            self.header.life = Incarnation::Empty;
            self.header.descriptor = None;
            self.bytes = Bytes::new();
        }
        self
    }

    /// Whether nothing would be lost if the record went: no fence that it must keep up.
    pub(crate) fn is_blank(&self) -> bool {
        self == &Self::empty()
    }
}

impl State for ManifestState {
    fn encode(&self) -> Result<Bytes, String> {
        encode_headed(&self.header, &self.bytes)
    }

    fn decode(value: Bytes) -> Result<Self, String> {
        let (header, bytes) = decode_headed(&value)?;
        Ok(Self { header, bytes })
    }
}
