//! The file in which a scrub notes how far it is.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use orlop::ScrubCheckpoint;

/// A file that holds one checkpoint, whole, or is not there.
#[derive(Debug)]
pub(crate) struct CheckpointFile {
    path: PathBuf,
    /// When it was written last.
    written: Mutex<Instant>,
}

impl CheckpointFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, written: Mutex::new(Instant::now()) }
    }

    /// What an earlier run left; `None` if it came to its end, or there was none.
    pub(crate) fn read(&self) -> Result<Option<ScrubCheckpoint>, String> {
        let path = self.path.display();
        match fs::read_to_string(&self.path) {
            Ok(text) => text.parse().map(Some).map_err(|error| format!("{path}: {error}")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("cannot read {path}: {error}")),
        }
    }

    /// Writes a checkpoint, if the last one is not quite new.
    pub(crate) fn note(&self, checkpoint: &ScrubCheckpoint) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.elapsed() < EVERY {
            return;
        }
        // The scrub is worth more than its checkpoint, so it goes on.
        if let Err(error) = self.write(&checkpoint.to_string()) {
            tracing::warn!(%error, path = %self.path.display(), "a checkpoint cannot be written");
        }
        *written = Instant::now();
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// After a run that came to its end.
    pub(crate) fn delete(&self) -> Result<(), String> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(format!("cannot delete {}: {error}", self.path.display()))
            }
            _ => Ok(()),
        }
    }
}

const EVERY: Duration = Duration::from_secs(1);
