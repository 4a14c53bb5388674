//! The records that hold next to nothing.

use serde::{Deserialize, Serialize};

use super::json_state;

/// What a store is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoreState {
    /// The version of the key space and of what the records hold.
    pub(crate) layout: u32,
    /// Tells stores apart.
    pub(crate) id: String,
    /// Seconds since 1970.
    pub(crate) created: u64,
}

/// That an extent is visible in a repository. The key says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    /// Whether somebody is about to remove it, and looks whether it is needed. Until then it
    /// counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_leaving: bool,
}

/// That a repository exists. The key says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RepositoryState {}

json_state!(StoreState, Link, RepositoryState);
