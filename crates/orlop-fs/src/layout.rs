//! Where in the directory things are.

use std::path::{Path, PathBuf};

use orlop_backend::{ExtentId, Key, Prefix};

/// The paths of a store.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
    records: PathBuf,
    extents: PathBuf,
    locks: PathBuf,
    tmp: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            records: root.join("records"),
            extents: root.join("extents"),
            locks: root.join("locks"),
            tmp: root.join("tmp"),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn record(&self, key: &Key) -> PathBuf {
        below(&self.records, key.as_str())
    }

    pub(crate) fn record_dir(&self, prefix: &Prefix) -> PathBuf {
        below(&self.records, prefix.as_str())
    }

    pub(crate) fn records(&self) -> &Path {
        &self.records
    }

    pub(crate) fn extents(&self) -> &Path {
        &self.extents
    }

    /// Spread over 1024 directories by the first two characters, which are random.
    pub(crate) fn extent(&self, id: ExtentId) -> PathBuf {
        let id = id.to_string();
        self.extents().join(&id[..2]).join(id)
    }

    pub(crate) fn open_extent(&self, id: ExtentId) -> PathBuf {
        self.extent(id).with_extension(OPEN_EXTENSION)
    }

    /// The names of the extents that are open: an index, for who looks for them.
    pub(crate) fn open_names(&self) -> PathBuf {
        self.root.join("open")
    }

    pub(crate) fn open_name(&self, id: ExtentId) -> PathBuf {
        self.open_names().join(id.to_string())
    }

    pub(crate) fn locks(&self) -> &Path {
        &self.locks
    }

    /// Which epoch it is, as 8 bytes.
    pub(crate) fn epoch(&self) -> PathBuf {
        below(&self.locks, "epoch")
    }

    /// How many changes there were of the keys of each lock, 8 bytes for each.
    pub(crate) fn numbers(&self) -> PathBuf {
        below(&self.locks, "numbers")
    }

    pub(crate) fn journals(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// One half of the journal of a process.
    pub(crate) fn journal(&self, name: &str, number: usize) -> PathBuf {
        self.journals().join(format!("{name}.{number}"))
    }

    /// The last epoch that is over.
    pub(crate) fn epochs_over(&self) -> PathBuf {
        self.journals().join("over")
    }

    pub(crate) fn tmp(&self) -> &Path {
        &self.tmp
    }
}

/// The extension of an extent that is not sealed.
pub(crate) const OPEN_EXTENSION: &str = "part";

/// The directory of a prefix that holds its ordered names. No key has a segment like it.
pub(crate) const NAMES_DIR: &str = ".names";

/// Where in it those are that came since they were ordered.
pub(crate) const NEW_NAMES_DIR: &str = ".names/new";

/// The path of what lies below a directory, in as many bytes as it has.
pub(crate) fn below(dir: &Path, name: &str) -> PathBuf {
    let mut path = PathBuf::with_capacity(dir.as_os_str().len() + 1 + name.len());
    path.push(dir);
    path.push(name);
    path
}

/// The directory that an entry of [`NAMES_DIR`] lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path) // every path of a layout has one
}
