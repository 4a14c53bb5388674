//! A manifest's record.

use std::fmt;

use super::State;
use crate::ids::{Incarnation, Set};
use crate::word::{Packer, Unpacker};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ManifestState {
    pub(crate) life: ManifestLife,
    pub(crate) trash: Set<Incarnation>,
    pub(crate) fenced: Set<Incarnation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ManifestLife {
    /// There is none, and no bytes either.
    Empty,
    Live(Incarnation),
    Condemned(Incarnation),
    Deleted(Incarnation),
}

impl ManifestState {
    pub(crate) fn empty() -> Self {
        Self { life: ManifestLife::Empty, trash: Set::EMPTY, fenced: Set::EMPTY }
    }

    pub(crate) fn live(self) -> Option<Incarnation> {
        match self.life {
            ManifestLife::Live(id) | ManifestLife::Condemned(id) => Some(id),
            ManifestLife::Deleted(_) | ManifestLife::Empty => None,
        }
    }

    /// All incarnations whose edges are still to be cleared.
    pub(crate) fn over(self) -> Set<Incarnation> {
        match self.life {
            ManifestLife::Deleted(id) => self.trash.with(id),
            _ => self.trash,
        }
    }

    /// Whether the manifest's bytes are there, which name its edges.
    pub(crate) fn has_bytes(self) -> bool {
        self.life != ManifestLife::Empty
    }

    /// A new incarnation in place of one that is over, which becomes trash.
    pub(crate) fn pushed(self, id: Incarnation) -> Self {
        Self { life: ManifestLife::Live(id), trash: self.over(), ..self }
    }

    /// The same manifest, about to be decided on.
    pub(crate) fn condemned(self) -> Self {
        let Some(id) = self.live() else { return self };
        Self { life: ManifestLife::Condemned(id), ..self }
    }

    /// The same manifest with a pending decision taken back.
    pub(crate) fn rescued(self) -> Self {
        let Some(id) = self.live() else { return self };
        Self { life: ManifestLife::Live(id), ..self }
    }

    /// The same manifest, deleted but with its bytes.
    pub(crate) fn deleted(self) -> Self {
        let Some(id) = self.live() else { return self };
        Self { life: ManifestLife::Deleted(id), ..self }
    }

    /// The same record after the edges of some incarnations were cleared.
    pub(crate) fn tidied(self, over: Set<Incarnation>) -> Self {
        let life = match self.life {
            ManifestLife::Deleted(id) if over.has(id) => ManifestLife::Empty,
            life => life,
        };
        Self { life, trash: Set::from_bits(self.trash.bits() & !over.bits()), ..self }
    }

    /// Whether nothing would be lost if the record went.
    pub(crate) fn is_blank(self) -> bool {
        self == Self::empty()
    }
}

impl State for ManifestState {
    fn pack(self) -> u32 {
        let (life, id) = match self.life {
            ManifestLife::Empty => (0, 0),
            ManifestLife::Live(id) => (1, id.0),
            ManifestLife::Condemned(id) => (2, id.0),
            ManifestLife::Deleted(id) => (3, id.0),
        };
        let packer = Packer::new().put(2, life).put(3, id);
        packer.put(8, self.trash.bits()).put(8, self.fenced.bits()).end()
    }

    fn unpack(value: u32) -> Self {
        let mut bits = Unpacker::new(value);
        let (life, id) = (bits.take(2), Incarnation(bits.take(3)));
        Self {
            life: match life {
                0 => ManifestLife::Empty,
                1 => ManifestLife::Live(id),
                2 => ManifestLife::Condemned(id),
                _ => ManifestLife::Deleted(id),
            },
            trash: Set::from_bits(bits.take(8)),
            fenced: Set::from_bits(bits.take(8)),
        }
    }
}

impl fmt::Display for ManifestState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.life {
            ManifestLife::Empty => f.write_str("empty")?,
            ManifestLife::Live(id) => write!(f, "live({id})")?,
            ManifestLife::Condemned(id) => write!(f, "condemned({id})")?,
            ManifestLife::Deleted(id) => write!(f, "deleted({id})")?,
        }
        if !self.trash.is_empty() {
            write!(f, " trash {}", self.trash)?;
        }
        if !self.fenced.is_empty() {
            write!(f, " fenced {}", self.fenced)?;
        }
        Ok(())
    }
}
