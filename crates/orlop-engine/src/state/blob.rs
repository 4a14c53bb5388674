//! A blob's record: its digest's way to its bytes.

use bytes::Bytes;
use orlop_backend::ExtentId;
use orlop_oci::RepositoryName;
use serde::{Deserialize, Serialize};

use super::inline_state;
use super::text::Text;

/// What is known of a digest. An absent record is a dead one without trash and fences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlobState {
    pub(crate) life: Life,
    /// Length of the blob in bytes; 0 when dead.
    pub(crate) size: u64,
    /// The repository that it was pushed to first, where it is visible without a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) home: Option<RepositoryName>,
    /// Extents that left service and are still to be deleted. None of them ever comes back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) trash: Vec<Text<ExtentId>>,
    /// Extents that may not be installed any more: a collector gave up on their uploads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fenced: Vec<Text<ExtentId>>,
    /// The bytes of a small blob. There is nothing in its extent then; the extent's id still tells
    /// this life of the blob from others.
    #[serde(skip)]
    pub(crate) inline: Option<Bytes>,
}

inline_state!(BlobState);

/// Whether there are bytes, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Life {
    /// The bytes are in this extent, or inline.
    Live(Text<ExtentId>),
    /// The same, but a collector is about to decide. Whoever relies on the blob makes it live
    /// again, which takes the decision back.
    Condemned(Text<ExtentId>),
    /// What is in this extent are not the blob's bytes, or they are gone. The blob is answered as
    /// not there, so that the next push brings its bytes; what is there stays to be looked at
    /// until then.
    Quarantined(Text<ExtentId>),
    /// There are none.
    Dead,
}

impl BlobState {
    /// The state of a digest that nothing is known of.
    pub(crate) fn dead() -> Self {
        let (trash, fenced) = (Vec::new(), Vec::new());
        Self { life: Life::Dead, size: 0, home: None, trash, fenced, inline: None }
    }

    /// Where the bytes are.
    pub(crate) fn extent(&self) -> Option<ExtentId> {
        match self.life {
            Life::Live(extent) | Life::Condemned(extent) => Some(extent.0),
            Life::Quarantined(_) | Life::Dead => None,
        }
    }

    /// Where something is kept that is not the blob's bytes, though it should be.
    pub(crate) fn quarantined(&self) -> Option<ExtentId> {
        match self.life {
            Life::Quarantined(extent) => Some(extent.0),
            Life::Live(_) | Life::Condemned(_) | Life::Dead => None,
        }
    }

    /// The extent that the blob has, whatever is in it.
    pub(crate) fn kept(&self) -> Option<ExtentId> {
        self.extent().or(self.quarantined())
    }

    pub(crate) fn is_fenced(&self, extent: ExtentId) -> bool {
        self.fenced.iter().any(|fenced| fenced.0 == extent)
    }

    /// The same blob in the extent that was uploaded for it, or inline. One that it replaces is
    /// trash.
    pub(crate) fn installed(
        mut self,
        extent: ExtentId,
        inline: Option<Bytes>,
        size: u64,
        home: RepositoryName,
    ) -> Self {
        self.trash.extend(self.kept().map(Text));
        Self { life: Life::Live(Text(extent)), size, home: Some(home), inline, ..self }
    }

    /// The same blob, which is not in the extent that it has.
    pub(crate) fn in_quarantine(self, extent: ExtentId) -> Self {
        Self { life: Life::Quarantined(Text(extent)), ..self }
    }

    /// Whether the extent was the blob's at some time, and may be it still.
    pub(crate) fn had(&self, extent: ExtentId) -> bool {
        self.kept() == Some(extent) || self.trash.contains(&Text(extent))
    }

    /// A digest whose bytes are to be deleted.
    pub(crate) fn died(mut self, extent: Text<ExtentId>) -> Self {
        self.trash.push(extent);
        Self { life: Life::Dead, size: 0, home: None, inline: None, ..self }
    }

    /// Whether nothing would be lost if the record went: no trash to delete, no fence to keep up.
    pub(crate) fn is_blank(&self) -> bool {
        self == &Self::dead()
    }

    /// The same blob with a pending decision taken back.
    pub(crate) fn rescued(mut self) -> Self {
        if let Life::Condemned(extent) = self.life {
            self.life = Life::Live(extent);
        }
        self
    }
}
