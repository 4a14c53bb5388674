//! Which object is where.
//!
//! ```text
//! records/<key>              a record in its envelope; a marker is an object without bytes
//! extents/<id>               the bytes of a sealed extent, or the first span of them
//! pieces/<id>/<id>           bytes below a part, between two requests of an upload
//! pieces/<id>/turn-<span>    who may add the next part to a multipart upload
//! pieces/<id>/span-<id>      a further span of an extent
//! pieces/<id>/index          the spans of an extent that has more than one
//! probe/<id>                 there only while a store is opened
//! ```

use object_store::path::Path;
use orlop_backend::{ExtentId, Key, Prefix, RandomId};

/// The objects of one store within a bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    prefix: Path,
}

impl Layout {
    pub(crate) fn new(prefix: Path) -> Self {
        Self { prefix }
    }

    fn at(&self, path: impl IntoIterator<Item = impl AsRef<str>>) -> Path {
        let mut at = self.prefix.clone();
        for segment in path {
            at = at.join(segment.as_ref());
        }
        at
    }

    pub(crate) fn root(&self) -> &Path {
        &self.prefix
    }

    pub(crate) fn record(&self, key: &Key) -> Path {
        self.at(["records"].into_iter().chain(key.as_str().split('/')))
    }

    pub(crate) fn records(&self, prefix: &Prefix) -> Path {
        self.at(["records"].into_iter().chain(prefix.as_str().split('/')))
    }

    /// The key of a record's object.
    pub(crate) fn key(&self, path: &Path) -> Option<Key> {
        let behind = path.prefix_match(&self.prefix)?;
        let mut segments = behind.map(|part| part.as_ref().to_owned());
        (segments.next()? == "records").then(|| Key::new(segments).ok()).flatten()
    }

    pub(crate) fn extents(&self) -> Path {
        self.at(["extents"])
    }

    pub(crate) fn extent(&self, id: ExtentId) -> Path {
        self.at(["extents", &id.to_string()])
    }

    pub(crate) fn all_pieces(&self) -> Path {
        self.at(["pieces"])
    }

    pub(crate) fn pieces(&self, id: ExtentId) -> Path {
        self.at(["pieces", &id.to_string()])
    }

    pub(crate) fn piece(&self, id: ExtentId, name: &str) -> Path {
        self.at(["pieces", &id.to_string(), name])
    }

    /// A span of an extent: one of its pieces, or its own object.
    pub(crate) fn span(&self, id: ExtentId, name: Option<&str>) -> Path {
        name.map_or_else(|| self.extent(id), |name| self.piece(id, name))
    }

    pub(crate) fn probe(&self, id: RandomId) -> Path {
        self.at(["probe", &id.to_string()])
    }

    /// The extent that an object or a multipart upload belongs to.
    pub(crate) fn owner(&self, path: &Path) -> Option<ExtentId> {
        let mut behind = path.prefix_match(&self.prefix)?;
        let place = behind.next()?;
        let id = behind.next()?;
        ["extents", "pieces"].contains(&place.as_ref()).then(|| id.as_ref().parse().ok()).flatten()
    }
}

/// The spans of an extent, in the directory of its pieces.
pub(crate) const INDEX: &str = "index";

/// How the names of further spans begin.
pub(crate) const SPAN: &str = "span-";
