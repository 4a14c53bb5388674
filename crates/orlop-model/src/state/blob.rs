//! The blob's record.

use std::fmt;

use super::State;
use crate::ids::{Extent, Id, Repository, Set};
use crate::word::{Packer, Unpacker};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlobState {
    /// Whether it was written lately. The store's clock says so, not the value.
    pub(crate) is_young: bool,
    pub(crate) life: Life,
    pub(crate) home: Option<Repository>,
    pub(crate) trash: Set<Extent>,
    pub(crate) fenced: Set<Extent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Dead,
    Live(Extent),
    Condemned(Extent),
}

impl BlobState {
    /// Where a packed value says that it is young.
    pub(crate) const YOUNG: u32 = 0b10;

    pub(crate) fn dead() -> Self {
        Self {
            is_young: false,
            life: Life::Dead,
            home: None,
            trash: Set::EMPTY,
            fenced: Set::EMPTY,
        }
    }

    pub(crate) fn extent(self) -> Option<Extent> {
        match self.life {
            Life::Live(extent) | Life::Condemned(extent) => Some(extent),
            Life::Dead => None,
        }
    }

    pub(crate) fn is_condemned(self) -> bool {
        matches!(self.life, Life::Condemned(_))
    }

    /// Whether the extent was the blob's at some time, and may be it still.
    pub(crate) fn had(self, extent: Extent) -> bool {
        self.extent() == Some(extent) || self.trash.has(extent)
    }

    /// The same blob in the extent that was uploaded for it.
    pub(crate) fn installed(self, extent: Extent, home: Repository) -> Self {
        Self { life: Life::Live(extent), home: Some(home), ..self }
    }

    /// The same blob, about to be decided on.
    pub(crate) fn condemned(self) -> Self {
        let Some(extent) = self.extent() else { return self };
        Self { life: Life::Condemned(extent), ..self }
    }

    /// The same blob with a pending decision taken back.
    pub(crate) fn rescued(self) -> Self {
        let Some(extent) = self.extent() else { return self };
        Self { life: Life::Live(extent), ..self }
    }

    /// The blob without its bytes, which are trash from now on.
    pub(crate) fn died(self) -> Self {
        let Some(extent) = self.extent() else { return self };
        Self { life: Life::Dead, home: None, trash: self.trash.with(extent), ..self }
    }

    /// Whether nothing would be lost if the record went.
    pub(crate) fn is_blank(self) -> bool {
        self.life == Life::Dead && self.trash.is_empty() && self.fenced.is_empty()
    }
}

impl State for BlobState {
    fn pack(self) -> u32 {
        let (life, extent) = match self.life {
            Life::Dead => (0, 0),
            Life::Live(extent) => (1, extent.0),
            Life::Condemned(extent) => (2, extent.0),
        };
        Packer::new()
            .put(1, u8::from(self.is_young))
            .put(2, life)
            .put(2, extent)
            .put(2, self.home.map_or(0, |home| home.number() + 1))
            .put(4, self.trash.bits())
            .put(4, self.fenced.bits())
            .end()
    }

    fn unpack(value: u32) -> Self {
        let mut bits = Unpacker::new(value);
        let is_young = bits.take(1) != 0;
        let (life, extent) = (bits.take(2), Extent(bits.take(2)));
        let home = bits.take(2);
        Self {
            is_young,
            life: match life {
                0 => Life::Dead,
                1 => Life::Live(extent),
                _ => Life::Condemned(extent),
            },
            home: home.checked_sub(1).map(Repository::of),
            trash: Set::from_bits(bits.take(4)),
            fenced: Set::from_bits(bits.take(4)),
        }
    }
}

impl fmt::Display for BlobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.life {
            Life::Dead => f.write_str("dead")?,
            Life::Live(extent) => write!(f, "live({extent})")?,
            Life::Condemned(extent) => write!(f, "condemned({extent})")?,
        }
        if let Some(home) = self.home {
            write!(f, " home {home}")?;
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
