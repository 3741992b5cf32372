//! `[store]`: how long a commit may take.

use std::time::Duration;

use super::{SettingsError, section::Section};

/// `[store]`.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// After it the outcome of a commit counts as unknown.
    pub commit_timeout: Duration,
}

impl StoreSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        Ok(Self { commit_timeout: section.seconds("commit_timeout_seconds", 1..=60)? })
    }
}
