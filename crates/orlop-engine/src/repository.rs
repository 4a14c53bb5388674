//! Everything that one repository can do; the work is in the modules named after the nouns.

use std::sync::Arc;

use orlop_backend::Swap;
use orlop_oci::RepositoryName;

use crate::registry::Shared;
use crate::state::RepositoryState;
use crate::store::Store;
use crate::{Deletes, Error, ErrorKind, Result, layout};

/// One repository of a registry. Made by [`Registry::repository`](crate::Registry::repository);
/// cheap to clone.
#[derive(Clone, Debug)]
pub struct Repository {
    pub(crate) shared: Arc<Shared>,
    pub(crate) name: RepositoryName,
}

impl Repository {
    /// Its name.
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// Whether a manifest was ever pushed to it.
    pub async fn exists(&self) -> Result<bool> {
        let key = layout::repository(&self.name)?;
        Ok(self.store().get::<RepositoryState>(&key).await?.is_some())
    }

    /// Makes the repository exist, durably.
    pub(crate) async fn make(&self) -> Result<()> {
        if !self.exists().await? {
            let key = layout::repository(&self.name)?;
            match self.store().swap(&key, None, &RepositoryState {}).await? {
                Swap::Stored(_) | Swap::Conflict => {} // it exists, whoever made it
            }
        }
        Ok(())
    }

    pub(crate) fn store(&self) -> &Store {
        &self.shared.store
    }

    pub(crate) fn check_deletes_allowed(&self) -> Result<()> {
        match self.shared.options.deletes {
            Deletes::Allowed | Deletes::KeepChildren => Ok(()),
            Deletes::Refused => {
                let message = format!("this registry deletes nothing, so nothing of {}", self.name);
                Err(Error::new(ErrorKind::Unsupported, message))
            }
        }
    }
}

/// How often a step is tried again that lost against others before the caller hears of it.
pub(crate) const ATTEMPTS: usize = 10;

/// The error for a step that lost too often.
pub(crate) fn contended(what: impl std::fmt::Display) -> Error {
    let message = format!("{what} is changed by others too quickly, try again");
    Error::new(ErrorKind::Unavailable, message)
}
